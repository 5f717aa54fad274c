"""Stored numbers of the one-step economy: what schedules bring about when everybody responds exactly.

The tables were typed in by hand. They come from a program of its own that enumerates all 101 hours of all citizens; two
rows of the first, and the four-citizen episode, were also run through the reference program.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.ledger import tolerance
from fisc.econ import inequality
from fisc.econ.welfare import equality_times_productivity
from fisc.economies.one_step import best_response

from ..unit.economies.one_step.build import (
    CUTOFFS,
    FREE_HOURS,
    MAX_SKILL,
    US_RATES,
    economy,
    observe,
    quantile_skills,
    start,
    step,
)

RANKS = [0, 24, 49, 74, 99]
FREE = np.zeros(7)
FLAT = np.full(7, 0.5)
PUBLISHED_OPTIMUM = np.array([0.85, 0.85, 0.80, 0.70, 0.65, 0.60, 0.45])
GRID_OPTIMUM = np.array([0.85, 0.85, 0.80, 0.75, 0.65, 0.60, 0.45])
GRID_OPTIMUM_MIXED = np.array([0.25, 0.55, 0.55, 0.60, 0.60, 0.60, 0.45])

# Kind: golden, enumeration. Welfare, equality, coin per citizen, equality times coin (four decimals); hours by rank.
QUANTILE_ROWS = {
    "free": (FREE, (136.3615, 0.3639, 1682.1781, 612.1559), (13, 29, 40, 53, 100)),
    "us": (US_RATES, (483.3634, 0.5634, 1439.3974, 811.0020), (13, 27, 36, 46, 84)),
    "flat": (FLAT, (688.4416, 0.6821, 1272.7517, 868.1383), (10, 22, 30, 40, 76)),
    "falling": (PUBLISHED_OPTIMUM, (788.3117, 0.7533, 1131.9057, 852.7068), (6, 13, 19, 33, 79)),
}
# Kind: golden, enumeration. Incomes of ranks 0, 49 and 99.
QUANTILE_INCOMES = {
    "free": (14.540, 713.991, 17851.399),
    "us": (14.540, 642.592, 14995.175),
    "falling": (6.711, 339.146, 14102.605),
}
# Kind: golden, enumeration. Welfare to two decimals: free market, US schedule, grid optimum and its rates in percent.
SEEDED_ROWS = {
    0: (146.88, 485.04, 784.66, (85, 85, 80, 70, 65, 60, 45)),
    1: (145.92, 483.43, 784.67, (85, 85, 80, 70, 70, 60, 45)),
    2: (147.41, 484.68, 784.39, (85, 85, 80, 75, 60, 60, 45)),
    3: (148.40, 488.52, 792.47, (85, 85, 80, 70, 70, 65, 45)),
    4: (146.67, 487.07, 790.68, (85, 85, 80, 75, 75, 65, 45)),
}


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


outcome = eqx.filter_jit(best_response.outcome)
welfare_of_many = eqx.filter_jit(
    lambda world, batch: jax.lax.map(lambda r: best_response.outcome(world, r).welfare, batch)
)


def seeded_skills(seed: int, tail: float, num: int = 100) -> np.ndarray:
    """The reference's skills: mean order statistics of a thousand samples of size `num`, with a tail parameter."""
    samples = np.random.RandomState(seed).pareto(tail, (1000, num))
    return np.sort(np.minimum(MAX_SKILL, (MAX_SKILL - 1) * samples + 1), axis=1).mean(axis=0)


def reached(skills, rates, **options):
    return outcome(economy(skills, **options), jnp.asarray(rates))


def one_bracket_changes(rates):
    """Every schedule on the grid that differs in at most one bracket."""
    changes = [np.where(np.arange(7) == b, 0.05 * k, rates) for b in range(7) for k in range(21)]
    return jnp.asarray(np.array([rates, *changes]))


def test_quantile_skills_have_the_stored_values():
    stored = [1.1185, 7.7575, 17.8498, 36.2045, 178.514]
    np.testing.assert_allclose(quantile_skills()[RANKS], stored, atol=6e-4)


@pytest.mark.parametrize("name", QUANTILE_ROWS)
def test_quantile_skills_bring_about_the_stored_outcome(name):
    rates, (welfare, equality, coin, mixed), hours = QUANTILE_ROWS[name]
    result = reached(quantile_skills(), rates)
    found_equality = float(inequality.equality(result.consumption, "foundation"))
    # Half a unit in the fourth decimal; 1e-6 relative or better, except for equality itself.
    np.testing.assert_allclose(
        [result.welfare, found_equality, result.consumption.mean(), found_equality * result.consumption.mean()],
        [welfare, equality, coin, mixed],
        atol=5.1e-5,
        rtol=0,
    )
    assert tuple(np.asarray(result.hours)[RANKS]) == hours


@pytest.mark.parametrize("name", QUANTILE_INCOMES)
def test_quantile_skills_earn_the_stored_incomes(name):
    income = np.asarray(reached(quantile_skills(), QUANTILE_ROWS[name][0]).income)
    np.testing.assert_allclose(income[[0, 49, 99]], QUANTILE_INCOMES[name], atol=5.1e-4, rtol=0)


def test_no_change_of_one_bracket_improves_on_the_grid_optimum():
    # Golden welfare 788.3894; the property is what makes it an optimum of coordinate ascent.
    welfare = np.asarray(welfare_of_many(economy(quantile_skills()), one_bracket_changes(GRID_OPTIMUM)))
    assert welfare[0] == pytest.approx(788.3894, abs=5.1e-5)
    assert welfare.max() <= welfare[0] + 1e-9


def test_no_change_of_one_bracket_improves_on_the_grid_optimum_of_the_mixed_objective():
    def mixed(consumption, utility, income):
        return equality_times_productivity(consumption, utility, income, convention="foundation")

    world = economy(quantile_skills(), objective=mixed)
    welfare = np.asarray(welfare_of_many(world, one_bracket_changes(GRID_OPTIMUM_MIXED)))
    assert welfare[0] == pytest.approx(877.0541, abs=5.1e-5)
    assert welfare.max() <= welfare[0] + 1e-9


@pytest.mark.parametrize("seed", SEEDED_ROWS)
def test_seeded_skills_bring_about_the_stored_welfare(seed):
    free, us, best, percent = SEEDED_ROWS[seed]
    schedules = jnp.asarray(np.array([FREE, US_RATES, np.array(percent) / 100]))
    welfare = welfare_of_many(economy(seeded_skills(seed, tail=8.0)), schedules)
    np.testing.assert_allclose(welfare, [free, us, best], atol=5.1e-3, rtol=0)


def test_the_reference_with_its_thicker_tail_is_another_economy():
    # Golden: the reference draws with tail 4 whatever it is told; that economy is easily told from the published one.
    skills = seeded_skills(0, tail=4.0)
    welfare = welfare_of_many(economy(skills), jnp.asarray(np.array([FREE, US_RATES])))
    np.testing.assert_allclose(welfare, [280.73, 1344.58], atol=5.1e-3, rtol=0)


# Kind: golden, executed in the reference program.
FOUR = {
    "skills": [2.0, 10.0, 40.0, 150.0],
    "hours": [10, 20, 30, 80],
    "planner": [18, 18, 17, 15, 14, 13, 10],
    "income": [20.0, 200.0, 1200.0, 12000.0],
    "tax": [17.0, 170.0, 943.9375, 6451.8],
    "marginal_rate": [0.85, 0.85, 0.70, 0.45],
    "coin": [1898.684375, 1925.684375, 2151.746875, 7443.884375],
    "reward": [1897.103236169916, 1907.795831180002, 2077.804329736803, 5154.150766040215],
}


def four_citizen_episode():
    """The economy and its two transitions."""
    world = economy(FOUR["skills"], num_incomes_seen=4)
    idle = {"citizen": jnp.zeros(4, jnp.int32), "planner": jnp.asarray([FOUR["planner"]], jnp.int32)}
    busy = {"citizen": jnp.asarray(FOUR["hours"], jnp.int32), "planner": jnp.zeros((1, 7), jnp.int32)}
    first = step(world, start(world), idle)
    return world, first, step(world, first.state, busy)


def test_the_first_step_of_four_citizens_pays_nobody():
    _, first, _ = four_citizen_episode()
    np.testing.assert_array_equal(first.rewards["citizen"], 0.0)
    np.testing.assert_array_equal(first.rewards["planner"], 0.0)
    np.testing.assert_allclose(first.state.treasury.rates, PUBLISHED_OPTIMUM, rtol=1e-12)


def test_four_citizens_end_up_with_the_stored_numbers():
    world, _, second = four_citizen_episode()
    accounts = world.accounts(second.state)
    close = {"rtol": 1e-9, "atol": 0}
    np.testing.assert_allclose(accounts["income"], FOUR["income"], **close)
    np.testing.assert_allclose(accounts["tax"], FOUR["tax"], **close)
    np.testing.assert_allclose(accounts["marginal_rate"], FOUR["marginal_rate"], **close)
    np.testing.assert_allclose(accounts["transfer"], 1895.684375, **close)
    np.testing.assert_allclose(accounts["consumption"], FOUR["coin"], **close)
    np.testing.assert_allclose(second.rewards["citizen"], FOUR["reward"], **close)
    np.testing.assert_allclose(second.rewards["planner"], [1905.6063869391328], **close)


def test_four_citizens_have_the_stored_aggregates():
    world, _, second = four_citizen_episode()
    metrics = world.metrics(second.state)
    assert 4 * float(metrics["productivity"]) == pytest.approx(13420.0, rel=1e-12)
    assert float(metrics["equality"]) == pytest.approx(0.581180762543468, rel=1e-12)
    assert float(metrics["equality_times_productivity"]) == pytest.approx(1949.861458, abs=5e-7)
    assert 4 * float(metrics["revenue"]) == pytest.approx(7582.7375, rel=1e-12)


def test_the_last_observation_of_four_citizens():
    world, _, second = four_citizen_episode()
    features = observe(world, second.state)["planner"].features
    assert float(features["aggregates"][0, 1]) == pytest.approx(3.355, rel=1e-12)
    np.testing.assert_allclose(features["last_incomes"], [[10.0, 100.0, 600.0, 6000.0]], rtol=1e-12)


def test_income_reacts_to_the_net_of_tax_rate_with_elasticity_two_fifths():
    # Closed form: z ∝ (1 - rate)^(1/(3.5 - 1)) with continuous hours, where nobody reaches the cap of 100 hours.
    skills = quantile_skills()[:60]
    flat_rates = np.linspace(0.1, 0.7, 7)
    world = economy(skills, labor=FREE_HOURS)
    incomes = np.array([outcome(world, jnp.full(7, rate)).income for rate in flat_rates])
    slopes = np.polyfit(np.log(1 - flat_rates), np.log(incomes), 1)[0]
    np.testing.assert_allclose(slopes, 0.4, atol=1e-3)
    np.testing.assert_allclose(float(world.preferences.elasticity()), 0.4, rtol=1e-12)


def test_hours_depend_neither_on_the_number_of_citizens_nor_on_their_skills():
    # Property (no income effect): the lump sum differs between these economies, the hours of the three do not.
    mine = np.array([3.0, 20.0, 120.0])
    for rates in (US_RATES, PUBLISHED_OPTIMUM):
        alone = reached(mine, rates)
        among_the_rich = reached(np.concatenate([mine, np.full(50, 150.0)]), rates)
        assert float(alone.consumption[0]) != pytest.approx(float(among_the_rich.consumption[0]), rel=0.1)
        np.testing.assert_array_equal(alone.hours, among_the_rich.hours[:3])


@pytest.mark.parametrize("name", QUANTILE_ROWS)
def test_taxes_move_coin_and_create_none(name):
    # Property: post-tax coin adds up to income.
    result = reached(quantile_skills(), QUANTILE_ROWS[name][0])
    assert float(result.consumption.sum()) == pytest.approx(float(result.income.sum()), rel=1e-12)


def test_the_ledger_of_an_episode_balances():
    _, first, second = four_citizen_episode()
    for transition in (first, second):
        assert float(transition.ledger.residual()) <= tolerance(jnp.float64)
    assert float(second.ledger.created["coin"]) == pytest.approx(13420.0, rel=1e-12)


def test_the_cutoffs_are_those_of_the_published_experiment():
    # Derived: 9,700, 39,475, … dollars at 100 dollars a coin.
    np.testing.assert_allclose(CUTOFFS[1:], [97, 394.75, 842, 1607.25, 2041, 5103])
