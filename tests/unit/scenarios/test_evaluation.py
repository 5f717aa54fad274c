"""How arms are judged."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.core.knobs import full_knobs
from fisc.learning.rollout import play_episodes
from fisc.policies.scripted import Constant, Greedy, UniformRandom
from fisc.records.metrics import has_natural_zero
from fisc.scenarios import build, evaluation
from fisc.scenarios.config import BUDGETS
from fisc.scenarios.evaluation import World, evaluate, in_order
from fisc.scenarios.kinds.base_config import PEOPLE_OBJECTIVES
from fisc.scenarios.kinds.one_step_config import OneStepConfig
from fisc.scenarios.registry import load_scenario
from fisc.scenarios.settings import make_setting

SHORT = {"economy.periods": 2, "economy.steps_per_period": 6}


def test_arms_share_their_luck_with_and_without_a_planner():
    # Property: with a planner who leaves all rates at zero, everything goes as in the free market, draw by draw.
    ends = []
    for arm in ("free_market", "planner"):
        economy = make_setting("gtb-open-quadrant", arm, overrides=SHORT).economy
        policies = {"citizen": UniformRandom(economy.spec.roles["citizen"].actions)}
        if arm == "planner":
            policies["planner"] = Constant(jnp.zeros((1, 7), jnp.int32))
        states = jax.vmap(economy.init)(jax.random.split(jax.random.key(1), 3))
        ends.append(eqx.filter_jit(play_episodes)(economy, policies, jax.random.key(2), states, full_knobs()).state)
    free, planned = ends
    for name in ("cell", "coin", "labor", "units", "goods"):
        np.testing.assert_array_equal(getattr(free, name), getattr(planned, name), err_msg=name)
    assert np.ptp(np.asarray(free.labor)) > 0


@pytest.mark.parametrize(
    "actions, settles_at, who_draws",
    [("drawn", 1.0, {"citizen", "planner"}), ("drawn", 0.5, {"citizen"}), ("greedy", 0.5, set())],
)
def test_a_role_that_has_settled_is_judged_by_what_it_settled_on(actions, settles_at, who_draws):
    # By hand: others answered its likeliest actions, so it does not draw again where results are given.
    changes = {"evaluation.actions": actions, "learning.planner.settles_at": settles_at}
    scenario, policy = load_scenario("gtb-open-quadrant", changes), Constant(jnp.zeros((1, 7), jnp.int32))
    judged = {role: build.judged_policy(scenario, role, policy) for role in ("citizen", "planner")}
    assert {role for role in judged if judged[role] is policy} == who_draws
    assert all(isinstance(found, Greedy) for role, found in judged.items() if role not in who_draws)


@pytest.mark.parametrize("objective", PEOPLE_OBJECTIVES)
def test_the_headline_of_one_step_is_what_the_planner_maximizes(objective):
    # Property: the metric that results are given in is welfare itself, under either convention of equality.
    small = {"economy.workers": 40, "taxes.brackets": "linear", "objective": objective, "economy.gini": "foundation"}
    scenario = load_scenario("one-step", small)
    economy = make_setting(scenario, "free_market").economy
    state = economy.init(jax.random.key(0))
    labor = jnp.arange(40, dtype=jnp.int32)
    after = economy.step(jax.random.key(1), state, {"citizen": labor}, full_knobs()).state
    metrics = economy.metrics(economy.step(jax.random.key(2), after, {"citizen": labor}, full_knobs()).state)
    assert scenario.headline == objective
    np.testing.assert_allclose(metrics["welfare"], metrics[scenario.headline], rtol=1e-6)


@pytest.mark.parametrize("preset", ["gtb-open-quadrant", "one-step"])
@pytest.mark.parametrize(
    "weight, headline, expected",
    [
        # By hand, of 10, 20, 30 and 140 coin: productivity 50, equality 1/3.
        (1.0, "equality_times_productivity", 50 / 3),
        (0.5, "weighted_equality_times_productivity", 100 / 3),
        (0.0, "productivity", 50.0),
    ],
)
def test_the_headline_counts_equality_as_the_planner_does(preset, weight, headline, expected):
    # Closed form. What is shown under the headline's name is the planner's welfare, whatever equality counts for.
    objective = {"objective": "equality_times_productivity", "economy.equality_weight": weight}
    scenario = load_scenario(preset, objective)
    assert scenario.headline == headline
    assert has_natural_zero(headline)
    economy = make_setting(scenario, "free_market").economy
    coin = jnp.asarray([10.0, 20.0, 30.0, 140.0])
    np.testing.assert_allclose(economy.objective(coin, coin, coin), expected, rtol=1e-6)
    assert load_scenario(preset, objective | {"objective": "utilitarian"}).headline == "utilitarian"


def test_what_the_economy_does_not_report_is_reported_as_welfare(monkeypatch):
    # Property: a headline that is no metric of the economy's is its welfare. Of one step, which compiles fast.
    headline = "weighted_equality_times_productivity"
    monkeypatch.setattr(OneStepConfig, "metric_of", lambda config, objective: headline)
    scenario = load_scenario("one-step", {"economy.workers": 7})
    world = World("free_market", 0, build.population(scenario, 0), np.zeros(7))
    rows = evaluate(scenario, [world], {})["evaluation"]
    found = dict(rows.select("metric", "value").iter_rows())
    assert found[headline] == found["welfare"] == pytest.approx(found[scenario.objective])


def test_accounts_are_put_in_order_of_skill():
    # By hand.
    accounts = {"skill": jnp.asarray([3.0, 1.0, 2.0]), "income": jnp.asarray([30.0, 10.0, 20.0])}
    found = in_order(build.KINDS["one_step"], accounts)
    assert found["income"].tolist() == [10.0, 20.0, 30.0]


def test_labor_is_judged_at_its_full_cost():
    # By hand: an economy whose labor is still warming up counts nothing of it; the one that is judged counts all.
    alone = {f"budgets.{name}.common_updates": 0 for name in BUDGETS}
    warm = {"economy.labor_warmup": 10_000.0} | alone
    scenario = load_scenario("gtb-open-quadrant", warm)
    economy = make_setting(scenario, "free_market").economy
    state = economy.init(jax.random.key(0))
    assert float(economy.labor_weight(state, full_knobs())) == 0.0
    judged = build.kind_of(scenario).at_full_cost(economy)
    assert float(judged.labor_weight(state, full_knobs())) == 1.0
    with pytest.raises(ConfigError, match="goes on from a common start"):
        load_scenario("gtb-open-quadrant", warm | {"budgets.quick.common_updates": 5})


def test_who_earns_nothing_has_no_average_rate():
    """By hand: tenths of two people, of whom the first two earn nothing and the next two pay 3 of 10."""
    earned, paid = np.zeros(20), np.zeros(20)
    earned[2:4], paid[2:4] = [4.0, 6.0], [1.0, 2.0]
    rows = evaluation._by_group(World("flat", 0, None, None), {"income": earned, "tax": paid})
    rates = [value for _, _, _, name, value in rows if name == "average_rate"]
    assert rates[1] == pytest.approx(0.3) and np.isnan(rates[0]) and len(rates) == 10
