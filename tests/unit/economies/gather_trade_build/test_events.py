"""Building, walking, gathering, regrowth and taxes. Kind: derived by hand from the rules."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.economies.gather_trade_build import build as building
from fisc.economies.gather_trade_build import gather, levy
from fisc.economies.gather_trade_build.redistribute import redistribute
from fisc.economies.gather_trade_build.regrow import regrow
from fisc.economies.gather_trade_build.state import units_on_map
from fisc.scenarios.kinds.gather_trade_build import GatherTradeBuildKind
from fisc.scenarios.kinds.kind import Kind
from fisc.taxes.fixed import fixed, flat

from .world import CUTOFFS, KNOBS, STONE, WOOD, begin, no_draws, number, orders, rules, world

LEFT, RIGHT, UP, DOWN = 1, 2, 3, 4
RULES = rules()


def walked(cells, directions, turn=None, owner=()):
    """Rows and columns after a step, and labor spent."""
    economy = world(cells)
    state = begin(economy)
    houses = state.owner
    for row, column, who in owner:
        houses = houses.at[row, column].set(who)
    turn = jnp.arange(len(cells), dtype=jnp.int32) if turn is None else jnp.asarray(turn, jnp.int32)
    state = dataclasses.replace(state, owner=houses)
    after = gather.walk(state, jnp.asarray(directions, jnp.int32), turn, RULES.gathering)
    return [divmod(int(cell), 6) for cell in after.cell], after.labor.tolist()


def test_citizens_walk_and_the_edge_and_water_stop_them():
    cells, labor = walked([(0, 0), (1, 2), (4, 5), (1, 0)], [LEFT, DOWN, UP, RIGHT])
    assert cells == [(0, 0), (1, 2), (3, 5), (1, 1)]
    assert labor == [0.0, 0.0, 1.0, 1.0]


def test_two_neighbors_cannot_swap_and_a_chain_moves_only_from_its_head():
    assert walked([(1, 0), (1, 1)], [RIGHT, LEFT])[0] == [(1, 0), (1, 1)]
    chain = [(1, 0), (1, 1), (1, 2)]
    assert walked(chain, [RIGHT] * 3, turn=[2, 1, 0])[0] == [(1, 1), (1, 2), (1, 3)]
    assert walked(chain, [RIGHT] * 3, turn=[0, 1, 2])[0] == [(1, 0), (1, 1), (1, 3)]


def test_whoever_comes_first_gets_the_cell():
    assert walked([(1, 0), (1, 2)], [RIGHT, LEFT], turn=[1, 0])[0] == [(1, 0), (1, 1)]


def test_a_house_lets_only_its_owner_in():
    owner = [(1, 1, 0), (4, 1, 0)]
    assert walked([(1, 0), (4, 0)], [RIGHT, RIGHT], owner=owner)[0] == [(1, 1), (4, 0)]


def test_many_citizens_move_as_few_do():
    # A row of walkers, the first one in turn at the front: each waits for all before it, the longest chain there is.
    num = 18
    chart = "." * (num + 1) + "\nS" + "." * (num - 1) + "W"
    economy = world([(0, column) for column in range(num)], chart)
    right = jnp.full(num, RIGHT, jnp.int32)
    turn = jnp.arange(num, dtype=jnp.int32)[::-1]
    after = gather.walk(begin(economy), right, turn, RULES.gathering)
    np.testing.assert_array_equal(after.cell, np.arange(num) + 1)


def test_what_lies_where_somebody_stands_is_gathered_without_moving_and_sometimes_twice():
    state = begin(world([(0, 0), (0, 5), (1, 1)]))
    state = dataclasses.replace(state, gather_bonus=number([0.5, 0.5, 0.5]))
    bonus = number([[0.4, 0.0, 0.0], [0.0, 0.5, 0.0]])
    after = gather.collect(state, bonus, RULES.gathering)
    np.testing.assert_array_equal(after.goods, [[2, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(after.labor, [1.0, 1.0, 0.0])
    left = units_on_map(after)
    assert left[STONE, 0, 0] == left[WOOD, 0, 5] == 0
    assert int(left.sum()) == 2
    again = gather.collect(after, bonus, RULES.gathering)
    np.testing.assert_array_equal(again.goods, after.goods)


def test_a_house_takes_a_unit_of_each_good_and_pays_its_builder():
    state = begin(world(), goods=[[1, 1, 1], [1, 0, 1]])
    after = building.build(state, jnp.asarray([True, True, False]), RULES.building)
    assert int(after.owner[0, 1]) == 0
    assert int((after.owner >= 0).sum()) == 1
    np.testing.assert_array_equal(after.coin, [10.0, 0.0, 0.0])
    np.testing.assert_array_equal(after.goods, [[0, 1, 1], [0, 0, 1]])
    np.testing.assert_array_equal(after.labor, [10.0, 0.0, 0.0])


@pytest.mark.parametrize("cell, is_free", [((1, 1), True), ((0, 0), False), ((0, 5), False), ((2, 2), False)])
def test_nobody_builds_on_sources_or_water(cell, is_free):
    state = begin(world([cell, (4, 4)]), goods=[[1, 1], [1, 1]])
    assert bool(building.can_build(state)[0]) == is_free


def test_nobody_builds_on_a_house():
    state = begin(world(), goods=[[2, 0, 0], [2, 0, 0]])
    once = building.build(state, jnp.ones(3, bool), RULES.building)
    assert not bool(building.can_build(once)[0])


def test_units_appear_on_empty_sources_below_the_probability_also_under_citizens():
    state = gather.collect(begin(world([(0, 0), (0, 5)])), jnp.ones((2, 2)), RULES.gathering)
    draws = number([[0.0099, 0.0], [0.0101, 0.0]])
    after = regrow(state, draws, RULES.regrowth)
    assert units_on_map(after)[STONE, 0, 0] == 1
    assert units_on_map(after)[WOOD, 0, 5] == 0
    assert int(after.units.max()) == 1


def test_rich_surroundings_and_higher_piles_help():
    # One good, halfwidth 1: of the nine cells around the source at row 4, column 0 only itself is a source, so 1 / 9.
    state = begin(world())
    state = dataclasses.replace(state, units=jnp.asarray([[0, 2], [0, 0]], jnp.int8))
    wide = dataclasses.replace(RULES.regrowth, weight=number([0.9, 0.9]), halfwidth=(1, 0), max_units=(3, 3))
    just_below = number([[0.0999, 0.1999], [0.8999, 0.8999]])
    np.testing.assert_array_equal(regrow(state, just_below, wide).units, [[1, 3], [1, 1]])
    just_above = number([[0.1001, 0.2001], [0.9001, 0.9001]])
    np.testing.assert_array_equal(regrow(state, just_above, wide).units, [[0, 2], [0, 0]])


def test_coin_in_bids_is_income_but_is_not_taxed():
    # A flat tax of one half on an income of 12, of which 8 are set aside: the 4 in the purse are all that is taken.
    economy = world(tax=flat(CUTOFFS, 0.5), steps_per_period=1)
    state = begin(economy, coin=[12.0, 0.0, 0.0])
    state = dataclasses.replace(state, treasury=dataclasses.replace(state.treasury, tax_base=jnp.zeros(3)))
    action = economy.menus.space.size  # for the reader: 0 is nothing, 1 builds, 2 to 12 bid 0 to 10 for stone
    assert action == 50
    actions = {"citizen": jnp.asarray([2 + 8, 0, 0], jnp.int32)}
    after = economy.transition(state, actions, no_draws(economy, state), KNOBS).state
    np.testing.assert_allclose(after.treasury.incomes, [12.0, 0.0, 0.0])
    np.testing.assert_allclose(after.treasury.taxes, [4.0, 0.0, 0.0])
    np.testing.assert_allclose(after.coin, [4 / 3, 4 / 3, 4 / 3], rtol=1e-6)
    np.testing.assert_array_equal(after.treasury.tax_base, economy.coin(after))


def test_a_loss_owes_nothing_and_has_no_marginal_rate():
    economy = world(tax=flat(CUTOFFS, 0.5), steps_per_period=1)
    state = begin(economy)
    state = dataclasses.replace(state, treasury=dataclasses.replace(state.treasury, tax_base=number([5.0, 0.0, 0.0])))
    idle = {"citizen": jnp.zeros(3, jnp.int32)}
    after = economy.transition(state, idle, no_draws(economy, state), KNOBS).state
    np.testing.assert_array_equal(after.treasury.incomes, [-5.0, 0.0, 0.0])
    np.testing.assert_array_equal(after.treasury.marginal_rates, [0.0, 0.5, 0.5])
    np.testing.assert_array_equal(after.treasury.taxes, 0.0)


def test_the_journal_of_taxes_is_reported_as_means_over_the_years():
    # By hand. Year 1: incomes 0, 20 and 50; taxes 0, 5 and 15 + 10; one income in each bracket; 0, 1/4 and 1/2 of
    # income paid. Year 2: nobody earns anything, which is in the first bracket, whose rate is 0.
    economy = world(tax=fixed(CUTOFFS, [0.0, 0.5, 1.0]), steps_per_period=1)
    state = begin(economy, coin=[0.0, 20.0, 50.0])
    state = dataclasses.replace(state, treasury=dataclasses.replace(state.treasury, tax_base=jnp.zeros(3)))
    for _ in range(2):
        state = levy.collect(state, economy.tax, RULES.market, period=1)
    metrics, accounts = economy.metrics(state), economy.accounts(state)
    np.testing.assert_allclose(metrics["effective_tax_rate"], (0.25 + 0.0) / 2, rtol=1e-6)
    np.testing.assert_allclose(metrics["average_tax_rate"], 30 / 70, rtol=1e-6)
    np.testing.assert_allclose([metrics["tax_rate_poorest"], metrics["tax_rate_richest"]], [0.0, 25 / 50], rtol=1e-6)
    np.testing.assert_allclose(accounts["marginal_rate"], [0.0, 0.25, 0.5], rtol=1e-6)
    kind = GatherTradeBuildKind()
    np.testing.assert_allclose(kind.occupancy_of(economy, state), [4 / 6, 1 / 6, 1 / 6], rtol=1e-6)
    np.testing.assert_allclose(kind.schedule_of(economy, state), [0.0, 0.5, 1.0])
    # Of the last collection alone, as in economies of one year: everybody in the first bracket.
    np.testing.assert_allclose(Kind.occupancy_of(kind, economy, state), [1.0, 0.0, 0.0])


def test_wealth_is_shared_out_and_open_bids_count():
    economy = world()
    state = begin(economy, coin=[20.0, 10.0, 0.0])
    from fisc.economies.gather_trade_build.market import trade

    state = trade(state, orders(3, bids=[(0, STONE, 10)]), RULES.market)
    after = redistribute(state, RULES.market)
    np.testing.assert_allclose(after.coin, [0.0, 10.0, 10.0])
    np.testing.assert_allclose(economy.coin(after), 10.0)


def test_a_random_episode_keeps_its_promises():
    # Property: one citizen a cell, nobody on water or another's house, the books balance, masked actions do nothing.
    economy = world(periods=10, steps_per_period=6)

    def step(state, key):
        key_act, key_plan, key_draw = jax.random.split(key, 3)
        seen, roles = economy.observe(state, KNOBS), economy.spec.roles
        actions = {
            "citizen": roles["citizen"].actions.sample(key_act, seen["citizen"].mask),
            "planner": roles["planner"].actions.sample(key_plan, seen["planner"].mask),
        }
        draws = economy.draw(key_draw, state)
        after = economy.transition(state, actions, draws, KNOBS)
        forbidden = roles["citizen"].actions.sample(key_act, ~seen["citizen"].mask)
        idle = {**actions, "citizen": jnp.zeros_like(forbidden)}
        same = jax.tree.map(
            lambda a, b: jnp.all(a == b),
            economy.transition(state, {**actions, "citizen": forbidden}, draws, KNOBS),
            economy.transition(state, idle, draws, KNOBS),
        )
        is_idle = jnp.all(jnp.stack(jax.tree.leaves(same)))
        return after.state, (after.state, after.ledger.residual(), is_idle, after.rewards["citizen"])

    # Richer than at the start of an episode, so that something happens.
    state = begin(economy, coin=[30.0, 30.0, 30.0], goods=[[3] * 3] * 2)
    state = economy._valued(state, KNOBS)
    final, (states, residuals, is_idle, rewards) = jax.jit(lambda state, keys: jax.lax.scan(step, state, keys))(
        state, jax.random.split(jax.random.key(3), economy.spec.steps)
    )
    assert float(residuals.max()) < 1e-5
    assert bool(is_idle.all())
    np.testing.assert_allclose(rewards.sum(axis=0), final.utility - state.utility, atol=1e-3)
    cells, owners = np.asarray(states.cell), np.asarray(states.owner)
    water = np.asarray(economy.beginning.start.water).reshape(-1)
    for cell, owner in zip(cells, owners, strict=True):
        assert len(set(cell.tolist())) == 3
        assert not water[cell].any()
        assert all(landlord in (-1, i) for i, landlord in enumerate(owner.reshape(-1)[cell]))
    assert int(final.journal.builds.sum()) > 0
    assert int(final.journal.sales.sum()) > 0


def test_taxes_that_accrue_change_when_a_citizen_is_rewarded_and_not_by_how_much():
    # By hand: rates of 0 up to 10 coin, 50 % up to 40. Everybody builds in the first of three steps, for 10, 11 and 12
    # coin: 0, 0.5 and 1 coin of tax are owed from then on, of which everybody gets back 0.5. Labor costs 2.1 utils.
    def rewards(accrues_taxes):
        economy = world(tax=fixed(CUTOFFS, [0.0, 0.5, 1.0]), accrues_taxes=accrues_taxes)
        state = economy._valued(begin(economy, goods=[[1] * 3] * 2), KNOBS)
        found = []
        for action in (1, 0, 0):  # build, then nothing
            actions = {"citizen": jnp.full(3, action, jnp.int32)}
            step = economy.transition(state, actions, no_draws(economy, state), KNOBS)
            state = step.state
            found.append(np.asarray(step.rewards["citizen"]))
        return np.stack(found)

    def utils(coin):
        return (np.asarray(coin) ** 0.77 - 1) / 0.77

    made, kept = [10.0, 11.0, 12.0], [10.5, 11.0, 11.5]
    on_tax_day, accrued = rewards(False), rewards(True)
    np.testing.assert_allclose(on_tax_day[0], utils(made) - utils([0.0] * 3) - 2.1, rtol=1e-5)
    np.testing.assert_allclose(accrued[0], utils(kept) - utils([0.0] * 3) - 2.1, rtol=1e-5)
    np.testing.assert_allclose(on_tax_day[2], utils(kept) - utils(made), atol=1e-5)
    np.testing.assert_allclose(accrued[1:], 0.0, atol=1e-5)
    np.testing.assert_allclose(accrued.sum(axis=0), on_tax_day.sum(axis=0), rtol=1e-5)
