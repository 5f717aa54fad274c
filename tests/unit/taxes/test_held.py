"""Schedules that are held for some periods. Derived by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.core.knobs import full_knobs
from fisc.economies.business_cycle.setting import Setting, make_economy
from fisc.scenarios.build import make_tax, population
from fisc.scenarios.registry import load_scenario
from fisc.scenarios.settings import make_setting
from fisc.taxes.held import Held
from fisc.taxes.planner import PlannerContinuous, PlannerGrid

from .knobs import ceiling

CUTOFFS = jnp.array([0.0, 10.0])


def play(system, actions, max_rate=1.0):
    """The rates after each action, and whether anything but keeping was legal before it."""
    memory, rates, open_ = system.reset(system.init()), [], []
    for action in actions:
        legal = system.legal(memory, ceiling(max_rate))
        open_.append(bool(jnp.any(legal & ~system.planner_space.idle())))
        memory = system.decide(memory, jnp.asarray(action), (), ceiling(max_rate))
        rates.append(np.asarray(system.rates(memory, ceiling(max_rate))).tolist())
    return rates, open_, memory


def test_a_schedule_is_held_and_then_may_change():
    actions = [[2, 3], [5, 5], [4, 4], [1, 0], [5, 5]]
    rates, may_choose, _ = play(Held(PlannerGrid(CUTOFFS, 0.25), 3), actions)
    assert rates == [[0.25, 0.5]] * 3 + [[0.0, 0.5]] * 2
    assert may_choose == [True, False, False, True, False]


def test_a_schedule_of_any_rates_is_held_too():
    rates, may_choose, _ = play(Held(PlannerContinuous(CUTOFFS), 2), [[0.25, 0.75], [1.0, 1.0], [0.5, 0.5]])
    assert rates == [[0.25, 0.75], [0.25, 0.75], [0.5, 0.5]]
    assert may_choose == [True, False, True]


def test_every_episode_begins_with_a_choice():
    system = Held(PlannerGrid(CUTOFFS, 0.25), 3)
    _, _, memory = play(system, [[2, 3]])
    assert int(memory.age) == 1
    again = system.reset(memory)
    assert int(again.age) == 0
    assert np.asarray(system.rates(again, ceiling(1.0))).tolist() == [0.0, 0.0]


def test_what_may_be_chosen_is_what_the_system_allows():
    inner = PlannerGrid(CUTOFFS, 0.25)
    held = Held(inner, 2)
    np.testing.assert_array_equal(held.legal(held.init(), ceiling(0.5)), inner.legal(inner.init(), ceiling(0.5)))


def test_it_is_one_line_in_a_scenario():
    scenario = load_scenario("gtb-open-quadrant", {"taxes.held_for": 10})
    tax = make_tax(scenario, population(scenario, 0), "planner", None)
    assert isinstance(tax, Held)
    assert tax.periods == 10
    assert isinstance(tax.system, PlannerGrid)


@pytest.mark.parametrize("preset, held_for", [("gtb-open-quadrant", 0), ("gtb-open-quadrant", 11), ("one-step", 2)])
def test_a_schedule_is_held_for_a_period_at_least_and_an_episode_at_most(preset, held_for):
    with pytest.raises(ConfigError, match=r"taxes\.held_for"):
        load_scenario(preset, {"taxes.held_for": held_for})


def test_the_government_of_a_business_cycle_holds_its_rates_too():
    # By hand: 10 quarters, a choice in the 1st, 5th and 9th for the next ones; what it does between changes nothing.
    economy = make_economy(Setting(consumers=3, firms=2, labor_exponent=0.5, rates_held_for=4))
    state, seen, posted = economy.init(jax.random.key(0)), [], []
    for quarter in range(10):
        seen.append(int(economy.observe(state, full_knobs())["government"].mask.sum()))
        actions = {"consumer": jnp.zeros((3, 4), jnp.int32), "firm": jnp.zeros(2, jnp.int32)}
        actions["government"] = jnp.asarray([quarter + 1], jnp.int32)
        state = economy.transition(state, actions, economy.draw(None, state), full_knobs()).state
        posted.append((float(state.posted.income_tax), float(state.posted.corporate_tax)))
    assert seen == [36, 1, 1, 1, 36, 1, 1, 1, 36, 1]
    # Entries 1, 5 and 9 of six rates each: 0 and 20 %, 0 and 100 %, 20 and 60 %.
    expected = [(0, 0.2)] * 4 + [(0, 1.0)] * 4 + [(0.2, 0.6)] * 2
    np.testing.assert_allclose(posted, expected, atol=1e-6)


def test_rates_of_the_scenario_are_held_in_its_business_cycle():
    # Contract: the key reaches the economy.
    scenario = load_scenario("rbc-tiny", {"taxes.held_for": 5})
    assert make_setting(scenario, "planner").economy.rates_held_for == 5
