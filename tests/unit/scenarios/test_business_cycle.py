"""The business cycle as a scenario: what is refused, what rates mean, and a whole comparison in a tiny world."""

import shutil
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fisc
from fisc.analysis.summary import summarize
from fisc.core.errors import ConfigError
from fisc.core.knobs import Progress
from fisc.plots import style
from fisc.plots.figures import draw_all
from fisc.plots.learning import draw_learning
from fisc.plots.report import write_report
from fisc.plots.wording import diverged, format_percent, verdict
from fisc.policies.scripted import Constant
from fisc.records.store import RunFolder
from fisc.scenarios import build, compare, training
from fisc.scenarios.best_response import Question, best_response
from fisc.scenarios.outline import outline
from fisc.scenarios.plan import plan
from fisc.scenarios.registry import check_arm, load_scenario
from fisc.scenarios.searches import Climb, Line
from fisc.scenarios.settings import make_setting
from fisc.scenarios.training import train_group
from fisc.scenarios.worlds import unsolved_worlds

UPDATES = 21
TINY = {
    "economy.consumers": 3,
    "economy.firms": 2,
    "economy.quarters": 3,
    "economy.labor_exponent": 0.5,
    "economy.num_digits": 2,
    "learning.environments": 2,
    **{f"learning.{role}.hidden": [4] for role in ("consumer", "firm", "government")},
    "evaluation.episodes": 2,
    "budgets.smoke.updates": UPDATES,
    "budgets.smoke.planner_updates": UPDATES,
    "budgets.smoke.block": 1,
    "budgets.smoke.keep_every": 7,
}
"""Of 21 updates the short schedule leaves consumers 3 alone, and firms 3 before the government joins."""


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A finished comparison, and what every role had learned after each update."""
    out, learned = tmp_path_factory.mktemp("cycle") / "run", {}

    def look(state, done):
        """Keep what it looks like now."""
        learned[done] = state.learners

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "train_group", partial(train_group, look=look))
        asked = {"arms": ["planner"], "seeds": 1, "budget": "smoke", "overrides": TINY}
        return fisc.compare("rbc-tiny", **asked, out=out, draw=False), learned


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"economy.consumers": 0}, "economy.consumers is 0: it must be at least 1"),
        ({"economy.konsumers": 5}, "unknown key 'economy.konsumers': did you mean 'economy.consumers'"),
        ({"economy.utility": "cra"}, "did you mean 'crra'"),
        ({"economy.menus.wage": [1.0]}, "did you mean 'economy.menus.wages'"),
        ({"learning.citizen.hidden": [4]}, "unknown key 'learning.citizen'"),
        ({"learning.firms.hidden": [4]}, "did you mean 'learning.firm'"),
        ({"learning.firm.joins_at": 0.5}, "unknown key 'learning.firm.joins_at'"),
        ({"learning.schedule": "shrt"}, "did you mean 'short'"),
        ({"learning.kind": "phases", "learning.consumer": {}}, "unknown key 'learning.schedule'"),
        ({"learning.firm.discounts": "once", "learning.firm.trace": 0.9}, "trace is 0.9: it must be 1 where discounts"),
        ({"learning.firm.surrogate": "policy_gradient"}, "learning.firm.epochs is 2: it must be 1 where surrogate"),
        ({"learning.government.settles_at": 0.0}, "settles_at is 0.0: it must be above 0, at most 1"),
        ({"learning.government.joins_at": 1.0}, "joins_at is 1.0: it must be in [0, 1)"),
        (
            {"learning.government.joins_at": 0.5, "learning.schedule": "none"},
            "learning.government.joins_at is 0.5: it must be 0 where learning.schedule is 'none'",
        ),
        ({"learning.firm.entropy_lasts": 10_000.0}, "entropy_lasts is 10000.0: it must be in [0, 1]"),
        ({"objective": "rawlsian"}, "choose one of utilitarian, total_welfare"),
        ({"arms": ["saez"]}, "arm 'saez' does not fit the economy business_cycle"),
        ({"arms": ["flat_101"]}, "flat_NN is a flat tax of NN %, a whole number from 0 to 100"),
        ({"taxes.planner": "continuous"}, "chooses from a menu; set it to 'grid'"),
        (
            {"budgets.full.common_updates": 5, "budgets.full.search_updates": 9},
            "budgets.full has updates 1500, planner_updates 1500, search_updates 9: after common_updates the schedule",
        ),
        ({"frontier.weights": 3}, "has no weight of equality"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(overrides, message):
    """Contract."""
    with pytest.raises(ConfigError) as error:
        load_scenario("rbc-tiny", overrides)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"economy.firms": 7}, "[economy]: there are 7 firms, but the labor exponents of the release are for 10"),
        ({"economy.menus.prices": [5.0, 5.0]}, "[economy]: the menu of prices is [5.0, 5.0]: give every entry once"),
        ({"economy.price": 700.0}, "the schedule starts at 700, which is not on the menu"),
        ({"learning.government.settles_at": 0.3}, "government would settle in episode 6, but may learn"),
        ({"budgets.smoke.planner_updates": 3}, "learning.schedule 'short' in 3 updates: "),
        (
            {f"budgets.smoke.{name}updates": n for name, n in (("common_", 15), ("", 6), ("planner_", 6))},
            "government would settle in episode 14, but may learn and choose freely only from 15 on",
        ),
    ],
)
def test_what_only_building_shows_is_refused_before_anything_is_spent(overrides, message):
    """Contract."""
    planned = plan("rbc-tiny", arms=["planner"], budget="smoke", overrides=overrides)
    with pytest.raises(ConfigError) as error:
        outline(planned)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_other_economies_refuse_what_is_the_business_cycles():
    """Contract: the objective with profits and the structured curriculum fit no other economy."""
    with pytest.raises(ConfigError, match="objective 'total_welfare' is none of the economy one_step"):
        load_scenario("one-step", {"objective": "total_welfare"})
    with pytest.raises(ConfigError, match=r"learning.kind is 'structured'|unknown key 'learning.citizens'"):
        load_scenario("one-step", {"learning.kind": "structured"})


@pytest.mark.parametrize("arm, rate", [("free_market", 0.0), ("flat_20", 0.2), ("flat_80", 0.8)])
def test_a_flat_tax_is_one_rate_on_income_and_profit_and_needs_no_government(arm, rate):
    """Closed form; and of the menus and turns only the government's are missing."""
    scenario = load_scenario("rbc-tiny", TINY)
    people = build.population(scenario, 0)
    tax = build.make_tax(scenario, people, check_arm(arm), build.exact_rates(scenario, people, arm))
    economy = build.make_economy(scenario, people, tax)
    np.testing.assert_allclose(economy.fixed_taxes, [rate, rate])
    system = build.make_system(scenario, scenario.budget("smoke"), has_government=False)
    knobs = system.curriculum(system.progress(jnp.asarray(UPDATES - 1, jnp.int32)))
    assert set(economy.spec.roles) == set(knobs.learning) == set(knobs.entropy) == {"consumer", "firm"}


@pytest.mark.parametrize("scales", [True, False])
def test_a_role_reads_numbers_as_its_key_says(scales):
    """Contract: a learner that follows no moments leaves the scale alone."""
    scenario = load_scenario("rbc-tiny", TINY | {"learning.firm.scales_features": scales})
    learner = build.make_learners(scenario)["firm"]
    state = learner.init(jax.random.key(0), make_setting(scenario, "free_market").economy, "firm")
    assert bool(state.features) == scales


@pytest.mark.parametrize("rates, expected", [([0.0, 0.1], (0.0, 0.1)), ([0.3], (0.3, 0.3))])
def test_given_rates_are_those_on_incomes_and_on_profits(rates, expected):
    """Closed form; a single one is that of both, as in run folders of before there were two."""
    scenario = load_scenario("rbc-tiny", TINY | {"taxes.fixed_rates": rates})
    people = build.population(scenario, 0)
    tax = build.make_tax(scenario, people, "fixed", build.exact_rates(scenario, people, "fixed"))
    np.testing.assert_allclose(build.make_economy(scenario, people, tax).fixed_taxes, expected)


@pytest.mark.parametrize(
    "rates, message",
    [
        ([0.1, 0.2, 0.3], "got 3 rates: the economy business_cycle has two, on incomes and on profits"),
        ([0.1, 1.5], "rate 1.5 of profits is outside [0, 1]"),
        ([], "arm fixed needs taxes.fixed_rates, 2 rates in [0, 1]"),
    ],
)
def test_other_rates_are_refused(rates, message):
    """Contract."""
    scenario = load_scenario("rbc-tiny", TINY | {"taxes.fixed_rates": rates})
    with pytest.raises(ConfigError) as error:
        build.exact_rates(scenario, build.population(scenario, 0), "fixed")
    assert message in str(error.value)


TOGETHER = {"budgets.smoke.common_updates": 9, "budgets.smoke.updates": 12, "budgets.smoke.planner_updates": 12}
"""The 21 updates of TINY, of which all arms share the first 9."""


def test_the_schedule_goes_on_after_a_common_start():
    """Property: for consumers and firms the common start and what follows are one schedule, under every tax system."""
    scenario = load_scenario("rbc-taxes", TINY | TOGETHER)
    budget = scenario.budget("smoke")
    alone = load_scenario("rbc-tiny", TINY)
    whole = build.make_system(alone, alone.budget("smoke"), has_government=False).curriculum
    common = build.make_common_system(scenario, budget).curriculum
    for has_government in (False, True):
        part = build.make_system(scenario, budget, has_government).curriculum
        for n in range(UPDATES):
            at, curriculum = (n, common) if n < 9 else (n - 9, part)
            found, expected = (
                learn(Progress(jnp.asarray(now, jnp.int32), jnp.zeros(()), jnp.zeros(())))
                for learn, now in ((curriculum, at), (whole, n))
            )
            for role in ("consumer", "firm"):
                assert bool(found.learning[role]) == bool(expected.learning[role]), (role, n)
                np.testing.assert_array_equal(found.entropy[role], expected.entropy[role])
            np.testing.assert_array_equal(found.menu["firm"], expected.menu["firm"])
            np.testing.assert_array_equal(found.labor_cost, expected.labor_cost)


def test_rates_on_incomes_and_profits_are_found_from_a_common_start(tmp_path):
    """By hand: four versions of two rates, both up, the one, the other, and none."""
    overrides = TINY | TOGETHER | {"laboratories.environments": 2, "laboratories.block": 3}
    arms = ["free_market", "laboratories"]
    run = fisc.compare(
        "rbc-taxes", arms=arms, seeds=1, budget="smoke", overrides=overrides, out=tmp_path / "run", draw=False
    )
    folder = RunFolder.open(run.folder)
    course = folder.read_table("search")
    assert set(course.filter(metric="rate")["rate_of"]) == {"on incomes", "on profits"}
    assert course.filter(metric="welfare")["update"].to_list() == [3, 6, 9, 12]
    rates = folder.read_json("exact.json")["laboratories/0"]
    begins = load_scenario("rbc-taxes").laboratories.begins_at
    assert len(rates) == 2 and rates != [begins, begins]
    planned = plan("rbc-taxes", arms=arms, seeds=1, budget="smoke", overrides=overrides)
    world = next(world for world in unsolved_worlds(planned) if world.arm == "laboratories")
    jobs = Climb(planned, world).jobs()
    np.testing.assert_allclose(
        [job.economy.fixed_taxes for job in jobs], [[0.2, 0.2], [0.0, 0.2], [0.2, 0.0], [0.0, 0.0]], atol=1e-7
    )


def test_consumers_and_firms_are_asked_what_rates_are_worth():
    """Property: two rates, both roles play, and what they say is known to within something."""
    overrides = TINY | TOGETHER | {"laboratories.search": "line", "laboratories.listens_at": 0.5}
    overrides |= {"laboratories.environments": 16, "budgets.smoke.search_draws": 64}
    planned = plan("rbc-taxes", arms=["laboratories"], seeds=1, budget="smoke", overrides=overrides)
    search = Line(planned, unsolved_worlds(planned)[0])
    economy = search.economy(search.start)
    made = build.make_learners(planned.scenario)
    learners = {role: made[role].init(jax.random.key(i), economy, role) for i, role in enumerate(economy.spec.roles)}
    assert set(learners) == {"consumer", "firm"}
    found, errors = search.ask(learners)
    assert found.shape == errors.shape == (2,) and np.all(np.isfinite(found)) and np.all(errors > 0)


def test_the_government_chooses_from_the_grid_of_the_scenarios_taxes():
    """By hand: rates 0, 0.5 and 1 are nine pairs."""
    scenario = load_scenario("rbc-tiny", TINY | {"taxes.rate_step": 0.5})
    people = build.population(scenario, 0)
    economy = build.make_economy(scenario, people, build.make_tax(scenario, people, "planner", None))
    assert economy.menus.income_rates.tolist() == [0.0, 0.5, 1.0]
    assert economy.spec.roles["government"].actions.size == 9


def test_the_results_are_about_everybody_and_in_the_objective(played):
    """Closed form: total welfare is what 3 consumers and 2 firms have, a dollar of profit counting 0.0025."""
    run = played[0]
    folder = RunFolder.open(run.folder)
    evaluation, numbers = folder.read_table("evaluation"), run.summary["arms"]["planner"]
    found = dict(evaluation.select("metric", "value").iter_rows())
    assert run.summary["objective"] == "total_welfare" and summarize(folder)["arms"] == run.summary["arms"]
    np.testing.assert_allclose(found["total_welfare"], 3 * found["utility"] + 0.0025 * 2 * found["profit"], rtol=1e-4)
    np.testing.assert_allclose(found["total_welfare"], found["welfare"], rtol=1e-4)
    assert len(numbers["rates"]) == 1 and 0 <= numbers["rates"][0] <= 1
    disutility = folder.read_table("groups").filter(metric="labor_disutility").sort("group")["value"]
    assert disutility.is_sorted(descending=True), "who minds work most comes first"


def test_an_episode_is_told_firm_by_firm_and_a_collapse_is_noticed(played):
    """By hand: 2 firms, 3 quarters, 7 numbers; and 5 % of 1040 hours, 0.05 units of each of the two goods."""
    folder = RunFolder.open(played[0].folder)
    firms, groups = folder.read_table("firms").sort("firm", "quarter"), folder.read_table("groups")
    assert firms.height == 2 * 3 * 7 and set(firms["seed"]) == {0}
    course = {name: rows["value"].to_numpy().reshape(2, 3) for (name,), rows in firms.group_by("metric")}
    np.testing.assert_allclose(course["price"][:, 0], 1000)
    np.testing.assert_allclose(course["capital"][:, 0], [5000, 10000])
    assert (np.diff(course["capital"]) >= 0).all() and (course["goods_consumed"][:, 0] == 0).all()
    assert (course["hired"].sum(axis=0) <= 3 * 1040).all() and course["hired"].sum() > 0
    mean = dict(groups.group_by("metric").agg(pl.col("value").mean()).iter_rows())
    collapsed = mean["labor"] < 52 or mean["goods_consumed"] / 2 < 0.05
    assert played[0].summary["arms"]["planner"]["collapsed"]["values"] == [float(collapsed)]


def test_schedules_have_the_rate_on_income_and_that_on_profit(played):
    """By hand: the metric is the mean over 3 quarters, of which the first is not taxed."""
    rows = RunFolder.open(played[0].folder).read_table("schedules").sort("base")
    assert rows.select("base", "bracket", "cutoff", "occupancy").rows() == [("income", 0, 0, 1), ("profit", 0, 0, None)]
    found = played[0].summary["arms"]["planner"]
    means = [found[name]["mean"] * 3 / 2 for name in ("income_tax_rate", "corporate_tax_rate")]
    np.testing.assert_allclose(rows["rate"], means, rtol=1e-6)
    assert played[0].summary["other_rates"] == {"profit": {"planner": rows["rate"][1]}} and means[1] > 0


def test_its_figures_are_drawn_and_none_is_missed(played, monkeypatch):
    """Contract: with one arm and seed there are no rates to compare and no lines."""
    monkeypatch.setattr(style.Figure, "savefig", lambda *_, **__: None)
    said = []
    drawn = draw_all(RunFolder.open(played[0].folder), say=said.append)
    assert [path.stem for path in drawn][::3] == ["welfare", "schedules", "rates", "firms", "learning"]
    assert not said


def test_it_is_reported_and_told(played, tmp_path):
    """Contract: the page has the rate on profits, and the sentences about the run can be said."""
    shutil.copytree(played[0].folder, tmp_path / "run", ignore=shutil.ignore_patterns("figures", "checkpoints"))
    folder = RunFolder.open(tmp_path / "run")
    page = write_report(folder, played[0].summary).read_text(encoding="utf-8")
    rate = played[0].summary["other_rates"]["profit"]["planner"]
    assert f'<th scope="row">any</th><td>{format_percent(rate)}</td>' in page
    assert verdict(played[0].summary) and not diverged(played[0].summary)


def test_training_is_recorded_role_by_role_and_phase_by_phase(played):
    """By hand: phases begin with updates 4 and 7, and a role has losses only from its own on."""
    metrics = RunFolder.open(played[0].folder).read_table("metrics")
    assert set(metrics["role"]) == {"economy", "consumer", "firm", "government"}
    first = {
        role: metrics.filter(metric="loss/value", role=role)["update"].min()
        for role in ("consumer", "firm", "government")
    }
    assert first == {"consumer": 1, "firm": 4, "government": 7}
    starts = {phase: metrics.filter(phase=phase)["update"].min() for phase in sorted(set(metrics["phase"]))}
    assert starts == {"phase 1": 1, "phase 2": 4, "phase 3": 7}
    _, table = draw_learning(metrics, "total_welfare", "dollars")
    panels = {"welfare", "utility", "profit", "price", "wage", "labor", "goods_consumed"}
    assert set(table["metric"]) == panels | {"income_tax_rate", "corporate_tax_rate"}


def test_a_role_whose_turn_has_not_come_keeps_everything_bit_for_bit(played):
    """Property: parameters and optimizer state; firms learn in update 4 for the first time, the government in 7, and in
    14, the last of 65 % of the run, for the last time."""
    learned = played[1]
    for role, first, last in (("consumer", 1, UPDATES), ("firm", 4, UPDATES), ("government", 7, 14)):
        kept = [bool(eqx.tree_equal(learned[n][role], learned[n + 1][role])) for n in range(1, UPDATES)]
        assert kept == [not first <= n + 1 <= last for n in range(1, UPDATES)], role


def test_only_a_government_that_learns_settles():
    """By hand: it plays its likeliest pair from update 15 of 21 on and is judged so; the others draw, as is said."""
    scenario = load_scenario("rbc-tiny", TINY)
    learned = build.make_system(scenario, scenario.budget("smoke"), has_government=True)
    knobs = [learned.curriculum(learned.progress(jnp.asarray(n, jnp.int32))) for n in (13, 14)]
    assert [bool(found.exploring["government"]) for found in knobs] == [True, False]
    given = build.make_system(scenario, scenario.budget("smoke"), has_government=False)
    assert not given.curriculum(given.progress(jnp.asarray(20, jnp.int32))).exploring
    policy = Constant(jnp.zeros((1, 1), jnp.int32))
    judged = {role: build.judged_policy(scenario, role, policy) for role in scenario.learning.roles}
    assert {role for role in judged if judged[role] is not policy} == {"government"}


def test_devices_that_have_nothing_to_do_are_named(monkeypatch):
    """Contract: said once, with what would mend it; nothing is said where all have something to do."""
    planned = plan("rbc-tiny", arms=["planner"], seeds=1, budget="smoke", overrides=TINY)
    (group,) = compare.group_jobs(planned, unsolved_worlds(planned))
    assert training._idle_devices(group) == ""
    monkeypatch.setattr(jax, "device_count", lambda: 3)
    assert training._idle_devices(group) == (
        "planner trains on 2 of 3 devices: 2 environments divide over no more of them; learning.environments as a "
        "multiple of 3 uses all"
    )


@pytest.mark.parametrize("role", ["consumer", "firm", "government"])
def test_best_responses_are_found_of_the_middle_of_training(played, tmp_path, role):
    """Contract: everything is open to who is retrained, and the best of all ways is kept for every seed.

    Learning is too short here to say what it finds.
    """
    asked = Question(role=role, at=14, updates=1, episodes=3, algorithms=("ppo", "policy_gradient"))
    summary = best_response(played[0].folder, asked, out=tmp_path / "answer").summary
    assert (summary["role"], summary["at"], summary["over"]) == (role, 14, "episodes")
    assert set(summary["others"]) == {"consumer", "firm", "government"} - {role}
    assert set(summary["tried"]) == {"ppo, 0.003", "policy_gradient, 0.003"}
    best = max(summary["tried"], key=lambda recipe: summary["tried"][recipe][0])
    assert summary["kept_recipe"] == [best] and len(summary["gain"]["values"]) == 3
    metrics = RunFolder(tmp_path / "answer").read_table("metrics")
    learned = metrics.filter(metric="knob/learning").group_by("role").agg(pl.col("value").max())
    assert dict(learned.iter_rows()) == {name: float(name == role) for name in ("consumer", "firm", "government")}
    assert set(metrics.filter(metric="knob/labor_cost")["value"]) == {1.0}
