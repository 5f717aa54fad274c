"""One planner for every weight of equality: what is refused, what is written, and that it can be made again."""

import polars as pl
import pytest

from fisc.core.errors import ConfigError
from fisc.core.mandate import mandate
from fisc.records.store import RunFolder
from fisc.scenarios import build
from fisc.scenarios.compare import compare, plan, reevaluate
from fisc.scenarios.frontier import at_weight, weights_of
from fisc.scenarios.kinds.base_config import EconomyConfig
from fisc.scenarios.registry import load_scenario
from tests.unit.learning.toy import Clock

FRONTIER = {"frontier.weights": 3, "objective": "equality_times_productivity"}
TINY = FRONTIER | {
    "economy.workers": 12,
    "taxes.brackets": "list",
    "taxes.cutoffs": [0.0, 1000.0],
    "taxes.rate_step": 0.25,
    "learning.citizens": "best_response",
    "learning.environments": 2,
    "learning.planner.hidden": [4],
    "budgets.smoke.planner_updates": 2,
    "budgets.smoke.block": 2,
}


@pytest.mark.parametrize(
    "arms, overrides, named",
    [
        (None, {"objective": "utilitarian"}, "objective 'utilitarian' has no weight of equality"),
        (None, {"frontier.weights": 1}, "frontier.weights is 1: it must be 0, or at least 2"),
        (["flat"], {}, "put planner among the arms"),
        (None, {"economy.equality_weight": 1.5}, "economy.equality_weight is 1.5"),
    ],
)
def test_what_cannot_be_a_frontier_is_refused(arms, overrides, named):
    with pytest.raises(ConfigError, match=named):
        plan("one-step", arms=arms, overrides=FRONTIER | overrides)


def test_an_economy_that_cannot_tell_its_planner_is_refused():
    # By hand: an economy that does not define `under`, and a configuration without the key.
    with pytest.raises(ConfigError, match="cannot tell its planner how much equality counts"):
        Clock().under(mandate(0.0, 1.0))
    with pytest.raises(ConfigError, match="has no key equality_weight"):
        EconomyConfig.weighing_equality(load_scenario("one-step").evaluation, 0.5)


def test_only_a_planner_is_told_anything():
    scenario = load_scenario("one-step", TINY)
    people = build.population(scenario, 0)
    economies = {
        arm: build.make_economy(scenario, people, build.make_tax(scenario, people, arm, rates))
        for arm, rates in (("planner", None), ("free_market", [0.0, 0.0]))
    }
    assert economies["planner"].mandate is not None
    assert economies["free_market"].mandate is None
    assert weights_of(scenario) == (0.0, 0.5, 1.0)
    assert weights_of(load_scenario("one-step")) == ()
    assert at_weight(scenario, 0.5).economy.equality_weight == 0.5


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run too short to learn anything."""
    out = tmp_path_factory.mktemp("frontier") / "run"
    arms = ["free_market", "planner", "optimum"]
    return compare("one-step", arms=arms, seeds=2, budget="smoke", out=out, overrides=TINY, draw=False)


def values(run, arm, metric) -> dict[tuple[int, float], float]:
    rows = (
        RunFolder.open(run.folder).read_table("frontier").filter((pl.col("arm") == arm) & (pl.col("metric") == metric))
    )
    return {(row["seed"], row["weight"]): row["value"] for row in rows.iter_rows(named=True)}


def test_every_arm_is_judged_at_every_weight(run):
    # Closed form: welfare = productivity · (weight · equality + 1 - weight); the free market never changes.
    for arm in ("free_market", "planner", "optimum"):
        welfare, productivity, equality = (values(run, arm, name) for name in ("welfare", "productivity", "equality"))
        assert set(welfare) == {(seed, weight) for seed in (0, 1) for weight in (0.0, 0.5, 1.0)}
        for (seed, weight), value in welfare.items():
            mixed = productivity[seed, weight] * (weight * equality[seed, weight] + 1 - weight)
            assert value == pytest.approx(mixed, rel=1e-5)
    assert len(set(values(run, "free_market", "productivity").values())) == 2  # one for each seed


def test_nobody_is_above_the_exact_frontier_and_without_weight_it_is_the_free_market(run):
    # Property: at a weight of 0 productivity alone counts, and no tax raises it. Citizens respond exactly here, as the
    # optimum supposes.
    for arm in ("free_market", "planner"):
        assert max(values(run, arm, "fraction_of_optimum").values()) < 1 + 1e-5
    assert values(run, "free_market", "fraction_of_optimum")[0, 0.0] == pytest.approx(1.0)
    worst = run.summary["frontier"]["worst"]
    assert 0 < worst["fraction"] <= 1 and worst["weight"] in (0.0, 0.5, 1.0)


def test_the_comparison_itself_is_at_the_scenarios_own_weight(run):
    evaluation = RunFolder.open(run.folder).read_table("evaluation")
    own = evaluation.filter((pl.col("arm") == "planner") & (pl.col("seed") == 1) & (pl.col("metric") == "welfare"))
    assert own["value"].item() == pytest.approx(values(run, "planner", "welfare")[1, 1.0], rel=1e-6)


def test_evaluating_again_gives_the_same_frontier(run):
    before = RunFolder.open(run.folder).read_table("frontier")
    assert reevaluate(run.folder).summary["frontier"] == run.summary["frontier"]
    assert RunFolder.open(run.folder).read_table("frontier").equals(before)
