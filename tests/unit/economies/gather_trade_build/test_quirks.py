"""What the reference program does unexpectedly, row by row: kept, fixed, or a convention. Kind: derived by hand.

The rows are those of docs/economies/gather-trade-build-conventions.md; a test for row 7 is named `test_row_07_...`.
This file has the rows on the rules of the game, `test_quirks_conventions` those on its surroundings. Four rows are
about the reference's own code and cannot apply to fisc:

* 20: masks in the wrong order for its GPU wrapper. There is one mask, in the order of the menus.
* 26, 27: it does not import under a recent NumPy, nor without GPU packages. Only the tests' harness has to care.
* 33: its replay log keeps the generator's state of every step. Here keys and draws are values.
"""

import re
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.spaces import Discrete
from fisc.economies.gather_trade_build import gather, levy, market
from fisc.economies.gather_trade_build.regrow import regrow
from fisc.taxes.fixed import flat
from fisc.taxes.planner import PlannerGrid

from .world import CUTOFFS, KNOBS, STONE, begin, no_draws, number, open_orders, orders, rules, world

CANNOT_APPLY = (20, 26, 27, 33)
ROWS = range(1, 37)
PAGE = Path(__file__).parents[4] / "docs" / "economies" / "gather-trade-build-conventions.md"
RULES = rules()
LEFT, RIGHT = 1, 2


@eqx.filter_jit
def step(economy, state, actions):
    """One step with draws that bring nothing."""
    return economy.transition(state, actions, no_draws(economy, state), KNOBS)


@eqx.filter_jit
def look(economy, state):
    """What everybody sees."""
    return economy.observe(state, KNOBS)


def test_every_row_has_a_test_or_cannot_apply():
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_quirks*.py"))
    tested = {int(row) for row in re.findall(r"def test_row_(\d\d)_", sources)}
    assert tested | set(CANNOT_APPLY) == set(ROWS)
    assert not tested & set(CANNOT_APPLY)


def test_the_page_decides_every_row():
    rows = re.findall(r"^\| (\d+) \|.*\| (keep|fixed|convention|cannot apply)", PAGE.read_text(encoding="utf-8"), re.M)
    assert [int(row) for row, _ in rows] == list(ROWS)
    assert [int(row) for row, decision in rows if decision == "cannot apply"] == list(CANNOT_APPLY)


@pytest.mark.parametrize("direction", [0, LEFT])
def test_row_02_who_stays_or_is_blocked_still_gathers(direction):
    # Keep. At the left edge on a stone source: neither staying nor walking into the edge keeps from gathering.
    state = begin(world([(0, 0), (1, 1)]))
    stays = gather.walk(state, jnp.asarray([direction, 0], jnp.int32), jnp.arange(2, dtype=jnp.int32), RULES.gathering)
    after = gather.collect(stays, jnp.ones((2, 2)), RULES.gathering)
    assert int(after.goods[STONE, 0]) == 1
    assert after.labor.tolist() == [1.0, 0.0]


def test_row_03_of_a_bid_and_an_ask_of_one_age_the_ask_sets_the_price():
    # Keep. A bid of 8 and an ask of 3 placed in the same step: 3 coin change hands, 5 of those set aside return.
    state = begin(world([(0, 1), (1, 1)]), coin=[10.0, 0.0], goods=[[0, 1], [0, 0]])
    after = market.trade(state, orders(2, bids=[(0, STONE, 8)], asks=[(1, STONE, 3)]), RULES.market)
    assert after.coin.tolist() == [7.0, 3.0]


def test_row_04_an_order_takes_part_in_one_round_more_than_its_duration():
    # Keep. Duration 2: an ask placed in step 1 can still trade in step 3, and has returned at the end of it.
    book = market.Market(number(0.25), max_price=10, order_duration=2, max_orders=5)
    economy = world([(0, 1), (1, 1)], rule_book=replace(RULES, market=book))
    first = market.trade(begin(economy, coin=[9.0, 0.0], goods=[[0, 1], [0, 0]]), orders(2, asks=[(1, STONE, 3)]), book)
    second = market.trade(first, orders(2), book)
    assert open_orders(second, book) == [("ask", STONE, 1, 3, 2)]
    traded = market.trade(second, orders(2, bids=[(0, STONE, 5)]), book)
    assert int(traded.journal.sales[STONE, 1]) == 1
    returned = market.trade(second, orders(2), book)
    assert open_orders(returned, book) == []
    assert int(returned.goods[STONE, 1]) == 1


def test_row_05_a_trade_counts_in_full_in_its_own_step_and_fades_from_the_next():
    # Keep. Two trades at 3 in steps 1 and 2: the history has 1, then 0.995 + 1. (Histories by seller are only ever
    # seen added up, so fisc keeps the sum.)
    state = begin(world([(0, 1), (1, 1)]), coin=[10.0, 0.0], goods=[[0, 2], [0, 0]])
    deal = orders(2, bids=[(0, STONE, 3)], asks=[(1, STONE, 3)])
    once = market.trade(state, deal, RULES.market)
    assert float(once.book.history[STONE, 3]) == 1.0
    np.testing.assert_allclose(market.trade(once, deal, RULES.market).book.history[STONE, 3], 1.995, rtol=1e-6)


def taxed(**options):
    """A flat tax of one half; the first citizen earned 12 and has set 8 of them aside. After tax day."""
    economy = world([(0, 1), (1, 1)], tax=flat(CUTOFFS, 0.5), steps_per_period=1)
    state = begin(economy, coin=[12.0, 0.0])
    state = replace(state, treasury=replace(state.treasury, tax_base=jnp.zeros(2)))
    state = levy.announce(state, economy.tax, None, (), KNOBS, period=1)
    state = market.trade(state, orders(2, bids=[(0, STONE, 8)]), RULES.market)
    return economy, levy.collect(state, economy.tax, RULES.market, period=1, **options)


def test_row_06_open_bids_shelter_coin_on_tax_day():
    # Keep. 6 are due, 4 are in the purse and taken; each gets 2 back; the bid stays open.
    economy, after = taxed()
    np.testing.assert_allclose(after.treasury.taxes, [4.0, 0.0])
    np.testing.assert_allclose(after.coin, [2.0, 2.0])
    assert len(open_orders(after, RULES.market)) == 1
    assert economy.bids_shelter_coin


def test_row_06_as_an_option_bids_of_whoever_cannot_pay_are_withdrawn():
    # Option. The bid's 8 coin return, all of the 6 due is paid, each gets 3 back: 12 - 6 + 3 and 0 + 3.
    economy, after = taxed(bids_shelter_coin=False)
    np.testing.assert_allclose(after.treasury.taxes, [6.0, 0.0])
    np.testing.assert_allclose(after.coin, [9.0, 3.0])
    assert open_orders(after, RULES.market) == []
    np.testing.assert_array_equal(after.treasury.tax_base, economy.coin(after))
    # Nothing of it happens on other days, nor to whoever can pay.
    state = market.trade(begin(economy, coin=[12.0, 0.0]), orders(2, bids=[(0, STONE, 8)]), RULES.market)
    for period in (1, 2):
        same = levy.collect(state, economy.tax, RULES.market, period=period, bids_shelter_coin=False)
        assert len(open_orders(same, RULES.market)) == 1


def test_row_07_purchases_are_deductible_and_income_may_be_negative():
    # Keep. Whoever owned 10 and spent 6 has an income of -6, no tax, and a marginal rate of 0.
    economy = world([(0, 1), (1, 1)], tax=flat(CUTOFFS, 0.5), steps_per_period=1)
    state = begin(economy, coin=[4.0, 0.0])
    state = replace(state, treasury=replace(state.treasury, tax_base=number([10.0, 0.0])))
    after = levy.collect(state, economy.tax, RULES.market, period=1)
    assert after.treasury.incomes.tolist() == [-6.0, 0.0]
    assert float(after.treasury.taxes[0]) == float(after.treasury.marginal_rates[0]) == 0.0


def test_row_08_last_incomes_are_seen_sorted_without_names():
    # Keep. Incomes 7, -1, 3 in a period of 3 steps.
    economy = world()
    state = begin(economy)
    state = replace(state, treasury=replace(state.treasury, incomes=number([7.0, -1.0, 3.0])))
    seen = look(economy, state)["citizen"].features["last_incomes"]
    np.testing.assert_allclose(seen, [[-1 / 3, 1.0, 7 / 3]], rtol=1e-6)


def test_row_09_rates_are_seen_only_after_the_day_they_are_chosen_on():
    # Keep. The planner sets the third, second and first rate of 0, 0.25, 0.5, ...
    economy = world()
    state = begin(economy)
    actions = {"citizen": jnp.zeros(3, jnp.int32), "planner": jnp.asarray([[3, 2, 1]], jnp.int32)}
    after = step(economy, state, actions).state
    assert look(economy, state)["citizen"].features["rates"].tolist() == [[0.0, 0.0, 0.0]]
    assert look(economy, after)["citizen"].features["rates"].tolist() == [[0.5, 0.25, 0.0]]


def test_row_14_log_utility_is_the_logarithm_of_at_least_one_coin():
    # Fixed (a type error there). Utility of 0, 1 and e^2 coin is 0, 0 and 2.
    economy = world()
    economy = eqx.tree_at(lambda e: e.preferences.eta, economy, number(1.0))
    state = economy._valued(begin(economy, coin=[0.0, 1.0, np.exp(2.0)]), KNOBS)
    np.testing.assert_allclose(state.utility, [0.0, 0.0, 2.0], atol=1e-6)


def test_row_17_empty_neighbors_do_not_slow_regrowth():
    # Keep. Two stone sources side by side, kernel of weight 0.9 over nine cells: a unit appears with probability
    # 2 x 0.1, whether or not the neighbor is empty.
    economy = world([(1, 1), (1, 2)], "SS...W\n......")
    wide = replace(RULES.regrowth, weight=number([0.9, 0.9]), halfwidth=(1, 0))
    for units in ([[0, 0], [0, 0]], [[0, 1], [0, 0]]):
        state = replace(begin(economy), units=jnp.asarray(units, jnp.int8))
        for draw, grown in ((0.1999, 1), (0.2001, 0)):
            draws = jnp.ones_like(number(state.units)).at[STONE, 0].set(draw)
            assert int(regrow(state, draws, wide).units[STONE, 0]) == grown


def test_row_18_a_house_closes_its_own_cell_and_no_other():
    # Fixed (there, one cell of a landmark overwrites the whole map). Citizen 1 is next to the house of citizen 0.
    state = begin(world([(4, 4), (1, 0)]))
    open_before = gather.can_walk(state)
    built = replace(state, owner=state.owner.at[1, 1].set(0))
    np.testing.assert_array_equal(open_before[1], [False, True, True, True])
    np.testing.assert_array_equal(gather.can_walk(built)[1], [False, False, True, True])
    np.testing.assert_array_equal(gather.can_walk(built)[0], open_before[0])


def test_row_19_taking_houses_away_leaves_water_closed():
    # Fixed (there, clearing one map opens all cells). Water is to the right of row 2, column 1.
    state = begin(world([(2, 1), (4, 4)]))
    built = replace(state, owner=state.owner.at[1, 1].set(1))
    cleared = replace(built, owner=jnp.full_like(built.owner, -1))
    assert not bool(gather.can_walk(built)[0, 2])
    np.testing.assert_array_equal(gather.can_walk(cleared)[0], [True, False, True, True])


def test_row_21_what_was_seen_does_not_change_afterwards():
    # Fixed (there, arrays are the program's own). A bid after looking does not appear in what was seen.
    economy = world()
    state = begin(economy, coin=[9.0, 9.0, 9.0])
    seen = look(economy, state)["citizen"].features["my_bids"]
    before = np.array(seen)
    step(economy, state, {"citizen": jnp.asarray([5, 0, 0], jnp.int32), "planner": jnp.zeros((1, 3), jnp.int32)})
    np.testing.assert_array_equal(seen, before)
    assert not np.asarray(seen).flags.writeable


def test_row_28_nobody_sees_labor():
    # Keep, whatever the reference's own text says.
    economy = world()
    for role in economy.spec.roles.values():
        names = [name for block in role.blocks.values() for name in block.names]
        assert not [name for name in names if "labor" in name]


def test_row_31_the_warm_up_reprices_labor_of_the_past():
    # Keep. Ten units of labor at 0.21, warm-up of 1: with k rewarding steps behind, the weight is 1 - e^-k.
    economy = world()
    wants = replace(economy.preferences, warmup_counts="rewarding steps")
    economy = eqx.tree_at(lambda e: e.preferences, economy, wants)
    state = replace(begin(economy), labor=jnp.full(3, 10.0))
    costs = []
    for count in (0, 1, 2):
        valued = economy._valued(replace(state, rewarding_steps=jnp.asarray(count, jnp.int32)), KNOBS)
        costs.append(-1 / 0.77 - float(valued.utility[0]))
    np.testing.assert_allclose(costs, [0.0, 2.1 * (1 - np.exp(-1)), 2.1 * (1 - np.exp(-2))], atol=1e-5)


def test_row_32_an_episode_ends_when_it_is_reset_and_counts_once():
    # Fixed (there, each step past the end counts as a completed episode). Six steps are an episode.
    economy = world()
    state = begin(economy)
    actions = {"citizen": jnp.zeros(3, jnp.int32), "planner": jnp.zeros((1, 3), jnp.int32)}
    for _ in range(8):
        state = step(economy, state, actions).state
    assert (int(state.step), int(state.completed)) == (8, 0)
    again = economy.reset(jax.random.key(0), state)
    assert (int(again.step), int(again.completed)) == (0, 1)


def test_row_34_there_need_be_no_planner():
    # Fixed. Neither under taxes that nobody sets nor without taxes.
    for economy in (world(tax=flat(CUTOFFS, 0.5)), world(events=("build", "gather"))):
        assert list(economy.spec.roles) == ["citizen"]
        assert list(jax.eval_shape(lambda e=economy: e.observe(begin(e), KNOBS))) == ["citizen"]


def test_row_35_a_planner_with_single_actions_changes_one_rate_a_period():
    # Keep, as an option. Three brackets of five rates: action 1 + 5 b + k sets bracket b to rate k, 0 keeps all.
    economy = world(tax=PlannerGrid(number(CUTOFFS), 0.25, sets_one_rate=True))
    assert economy.spec.roles["planner"].actions == Discrete(16)
    assert economy.tax.legal(economy.tax.init(), KNOBS).shape == (16,)
    memory = economy.tax.init()
    for action, expected in ((1 + 5 + 2, [0, 2, 0]), (1 + 10 + 4, [0, 2, 4]), (0, [0, 2, 4]), (16, [0, 2, 4])):
        memory = economy.tax.decide(memory, jnp.asarray(action, jnp.int32), (), KNOBS)
        assert memory.tolist() == expected


def test_row_36_what_is_impossible_is_not_punished():
    # Keep. Building with empty hands, and a number that is no action: nobody moves, works or pays.
    economy = world()
    state = begin(economy)
    planner = jnp.zeros((1, 3), jnp.int32)
    idle = step(economy, state, {"citizen": jnp.zeros(3, jnp.int32), "planner": planner})
    wild = step(economy, state, {"citizen": jnp.asarray([1, 999, -4], jnp.int32), "planner": planner})
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), idle, wild))
