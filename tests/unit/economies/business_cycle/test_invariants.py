"""What holds in every quarter of every business-cycle economy. Kind of every test: property, over random states.

The numbers in front of the names are those of the groups of invariants in the definition of the economy.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fisc.core.ledger import tolerance
from fisc.economies.business_cycle.choices import make_menus
from fisc.economies.business_cycle.produce import Technology

from .worlds import (
    BATCH,
    CONSUMERS,
    FIRMS,
    KNOBS,
    QUARTERS,
    actions,
    at,
    happen,
    numbers,
    play,
    random_case,
    rates,
    relabelled,
    seeds,
    states,
    world,
)

FEW = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TINY = 1e-9
SEED = 5


def total(*parts):
    return sum(np.sum(part, axis=-1) for part in parts)


@FEW
@given(seeds, numbers)
def test_1_money_comes_from_abroad_from_interest_and_from_the_top_up_alone(seed, given):
    _, economy, before, acts = random_case(seed, given)
    after, quarter = happen(economy, before, acts)
    money = lambda s: total(s.consumer_budget, s.firm_budget, s.capital)  # noqa: E731
    r = given["interest"]
    budgets = [np.asarray(x) for x in (after.state.consumer_budget, after.state.firm_budget)]
    borne = total(*[r / (1 + r) * np.maximum(x, 0) for x in budgets])
    gain = 0.01 * CONSUMERS + total(before.posted.price * quarter.exports) + borne
    size = total(np.abs(before.firm_budget), before.consumer_budget, before.capital) + gain
    np.testing.assert_allclose(money(after.state) - money(before), gain, atol=1e-12 * size.max())
    residual = jax.vmap(lambda ledger: ledger.residual())(after.ledger)
    assert float(residual.max()) < tolerance(jnp.float64)


@FEW
@given(seeds, numbers, rates, rates)
def test_1_all_firms_together_keep_what_comes_from_abroad_and_is_neither_invested_nor_saved(seed, given, tau, sigma):
    _, economy, before, acts = random_case(seed, given | {"interest": 0.0}, tau=tau, sigma=sigma)
    after, q = happen(economy, before, acts)
    saved = total(after.state.consumer_budget - before.consumer_budget) - 0.01 * CONSUMERS
    kept = total(q.earnings - q.corporate_tax)
    size = np.max(np.abs(before.firm_budget)) + np.max(total(q.export_revenue, q.income))
    np.testing.assert_allclose(kept, total(q.export_revenue) - total(q.investment) - saved, atol=1e-12 * size)


@FEW
@given(seeds)
def test_1_a_closed_economy_without_interest_gains_nothing_but_the_top_up(seed):
    _, economy, before, acts = random_case(seed, {"is_open": False})
    after, _ = happen(economy, before, acts)
    money = lambda s: total(s.consumer_budget, s.firm_budget, s.capital)  # noqa: E731
    np.testing.assert_allclose(money(after.state) - money(before), 0.01 * CONSUMERS, atol=1e-8)


@FEW
@given(seeds, numbers)
def test_2_goods_are_sold_exported_or_kept(seed, given):
    _, economy, before, acts = random_case(seed, given)
    after, q = happen(economy, before, acts)
    consumed = np.sum(q.consumption, axis=1)
    expected = before.inventory - consumed - q.exports + q.output
    np.testing.assert_allclose(after.state.inventory, expected, atol=TINY)
    np.testing.assert_allclose(q.sales, consumed, atol=TINY)
    left = before.inventory - q.sales
    assert (np.asarray(q.sales) >= 0).all() and (np.asarray(left) >= 0).all()
    assert (np.asarray(q.exports) >= 0).all()
    assert (np.asarray(q.exports) <= np.minimum(given["export_quota"], left)).all()
    assert (np.asarray(after.state.inventory) >= 0).all()


@FEW
@given(seeds, numbers, rates, rates)
def test_3_the_government_keeps_nothing(seed, given, tau, sigma):
    _, economy, before, acts = random_case(seed, given, tau=tau, sigma=sigma)
    _, q = happen(economy, before, acts)
    collected = total(q.income_tax, q.corporate_tax)
    np.testing.assert_allclose(collected, CONSUMERS * q.transfer, rtol=1e-12, atol=TINY)
    if tau == sigma == 0:
        assert (np.asarray(q.transfer) == 0).all()


@FEW
@given(seeds, numbers)
def test_4_consumers_pay_what_they_buy_and_never_fall_into_debt(seed, given):
    _, economy, before, acts = random_case(seed, given)
    after, q = happen(economy, before, acts)
    spending = np.sum(q.consumption * np.asarray(before.posted.price)[:, None, :], axis=2)
    np.testing.assert_allclose(q.spending, spending, rtol=1e-12, atol=TINY)
    assert (np.asarray(q.spending) <= np.asarray(before.consumer_budget)).all()
    assert (np.asarray(after.state.consumer_budget) >= 0).all()
    assert (np.asarray(q.consumption) <= np.asarray(q.wanted) * (1 + TINY)).all() and np.max(q.wanted) <= 10
    # A basket that is too dear keeps its proportions; the rationed of one good all get the same fraction.
    ratio = np.divide(q.affordable, q.wanted, out=np.full(q.wanted.shape, np.nan), where=np.asarray(q.wanted) > 0)
    assert all(np.ptp(row[~np.isnan(row)]) < TINY for row in ratio.reshape(-1, FIRMS) if (~np.isnan(row)).any())
    got = np.divide(q.consumption, q.affordable, out=np.full(q.wanted.shape, np.nan), where=q.affordable > 1e-6)
    columns = got.transpose(0, 2, 1).reshape(-1, CONSUMERS)
    assert all(np.ptp(column[~np.isnan(column)]) < 1e-6 for column in columns if (~np.isnan(column)).any())


@FEW
@given(seeds, numbers)
def test_5_firms_invest_and_are_taxed_only_when_they_earn(seed, given):
    _, economy, before, acts = random_case(seed, given)
    after, q = happen(economy, before, acts)
    investment, income = np.asarray(q.investment), np.asarray(q.operating_income)
    assert (np.asarray(after.state.capital) >= np.asarray(before.capital)).all()
    assert (investment[income <= 0] == 0).all()
    assert (np.asarray(q.corporate_tax)[np.asarray(q.earnings) <= 0] == 0).all()
    change = q.earnings - q.corporate_tax
    np.testing.assert_allclose(investment + change + q.corporate_tax, income, rtol=1e-12, atol=TINY)
    np.testing.assert_allclose(after.rewards["firm"], change, rtol=1e-12, atol=TINY)
    interest = given["interest"] * np.maximum(before.firm_budget + change, 0)
    np.testing.assert_allclose(after.state.firm_budget - before.firm_budget - interest, change, atol=1e-6)


@FEW
@given(seeds, numbers)
def test_6_a_good_is_short_if_more_is_demanded_than_there_is(seed, given):
    _, economy, before, acts = random_case(seed, given)
    after, q = happen(economy, before, acts)
    short = np.asarray(after.state.posted.shortage)
    np.testing.assert_array_equal(short, np.asarray(q.demand) > np.asarray(before.inventory))
    np.testing.assert_array_equal(np.asarray(q.sales)[short], np.asarray(before.inventory)[short])
    assert (np.asarray(q.exports)[short] == 0).all()
    met = np.broadcast_to(~short[:, None, :], q.wanted.shape)
    np.testing.assert_array_equal(np.asarray(q.consumption)[met], np.asarray(q.affordable)[met])


@FEW
@given(seeds, numbers)
def test_7_firms_and_government_act_on_the_next_quarter_and_hours_on_later_stocks(seed, given):
    rng, economy, before, acts = random_case(seed, given)
    after, q = happen(economy, before, acts)
    others = actions(rng, economy)
    elsewhere, _ = happen(economy, before, {**others, "consumer": acts["consumer"]})
    assert (np.asarray(after.state.step) == np.asarray(before.step) + 1).all()
    for role, reward in after.rewards.items():
        np.testing.assert_array_equal(reward, elsewhere.rewards[role], err_msg=role)
    idle = acts["consumer"].at[:, :, FIRMS].set(0)
    np.testing.assert_array_equal(happen(economy, before, {**acts, "consumer": idle})[1].consumption, q.consumption)
    price = make_menus().firm_entries()[0][acts["firm"]]
    np.testing.assert_array_equal(after.state.posted.price, price)


@FEW
@given(seeds, st.floats(0.1, 20), st.floats(1, 20_000), st.floats(1, 100_000), st.floats(0.01, 0.99))
def test_8_hours_add_up_and_production_has_constant_returns(seed, scale, capital, hours, exponent):
    _, economy, before, acts = random_case(seed, {})
    _, q = happen(economy, before, acts)
    np.testing.assert_allclose(total(q.hired), total(q.hours), rtol=1e-12)
    technology = Technology(jnp.asarray(0.01), jnp.asarray([exponent] * 4), jnp.asarray(0.0))
    capitals = jnp.asarray([capital, scale * capital, capital + 1, capital])
    made = technology.produce(capitals, jnp.asarray([hours, scale * hours, hours, hours + 1]))
    np.testing.assert_allclose(made[1], scale * made[0], rtol=1e-9)
    assert made[2] > made[0] and made[3] > made[0]
    assert (np.asarray(technology.produce(capitals, jnp.zeros(4))) == 0).all()


@FEW
@given(seeds)
def test_9_no_quota_a_floor_out_of_reach_and_a_closed_economy_are_the_same(seed):
    rng, closed, before, _ = random_case(seed, {"is_open": False})
    many = [actions(rng, closed) for _ in range(2)]

    def end(economy):
        """After some quarters; one compiled quarter serves all properties."""
        now = before
        for acts in many:
            now = happen(economy, now, acts)[0].state
        return now

    expected = end(closed)
    for shut in ({"export_quota": 0.0}, {"export_floor": 2500.01}):
        final = end(world(**shut))
        for left, right in zip(jax.tree.leaves(final), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-12, atol=TINY)


@FEW
@given(seeds, st.floats(0, 50), st.floats(0, 50))
def test_9_a_larger_quota_never_lowers_profit_in_the_quarter(seed, quota, more):
    _, economy, before, acts = random_case(seed, {"export_quota": quota})
    wider = world(export_quota=quota + more)
    profits = [np.asarray(happen(x, before, acts)[0].rewards["firm"]) for x in (economy, wider)]
    assert (profits[1] >= profits[0] - TINY).all()


@FEW
@given(seeds, numbers)
def test_10_consumers_and_firms_can_be_relabelled(seed, given):
    rng, economy, before, acts = random_case(seed, given)
    people, firms = rng.permutation(CONSUMERS), rng.permutation(FIRMS)
    after, _ = happen(economy, before, acts)
    moved = eqx.tree_at(
        lambda s: (s.posted.price, s.posted.wage, s.posted.shortage, s.inventory, s.firm_budget, s.capital),
        before,
        replace_fn=lambda x: x[:, firms],
    )
    moved = eqx.tree_at(lambda s: s.consumer_budget, moved, before.consumer_budget[:, people])
    wishes, employer = acts["consumer"][:, people], jnp.asarray(np.argsort(firms), jnp.int32)
    wishes = jnp.concatenate(
        [wishes[:, :, firms], wishes[:, :, FIRMS : FIRMS + 1], employer[wishes[:, :, FIRMS + 1]][:, :, None]], axis=2
    )
    other = {"consumer": wishes, "firm": acts["firm"][:, firms], "government": acts["government"]}
    found, _ = happen(relabelled(economy, people, firms), moved, other)
    np.testing.assert_allclose(found.rewards["consumer"], after.rewards["consumer"][:, people], atol=1e-8)
    np.testing.assert_allclose(found.rewards["firm"], after.rewards["firm"][:, firms], rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(found.rewards["government"], after.rewards["government"], rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(found.state.inventory, after.state.inventory[:, firms], rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(found.state.consumer_budget, after.state.consumer_budget[:, people], atol=1e-6)


@FEW
@given(seeds)
def test_11_rewards_are_bounded(seed):
    _, economy, before, acts = random_case(seed, {"eta": 0.1}, tau=0.0, sigma=0.0)
    after, q = happen(economy, before, acts)
    utility = np.asarray(after.rewards["consumer"])
    assert (utility >= -5.2 - TINY).all() and (utility <= FIRMS * 8.505254).all()
    sold = np.asarray(q.sales + q.exports)
    assert (np.asarray(after.rewards["firm"]) <= 0.9 * 2500 * sold + TINY).all()
    assert (np.asarray(before.posted.price * q.exports) <= 250_000).all()


def test_12_every_episode_begins_in_the_same_way():
    economy = world(debt_price={"firm": 2.0}, luck_is_frozen=True)
    rng = np.random.default_rng(SEED)
    first = economy.init(jax.random.key(3))
    many = jax.tree.map(lambda x: jnp.broadcast_to(x, (BATCH, *x.shape)), first)
    half = replace(KNOBS, labor_cost=jnp.asarray(0.5))
    later, _ = happen(economy, many, actions(rng, economy), half)
    again = economy.reset(jax.random.key(4), at(later.state, 0))
    for left, right in zip(jax.tree.leaves(again), jax.tree.leaves(first), strict=True):
        np.testing.assert_array_equal(left, right)
    # The weight of labor is a knob, not a part of the state: it cannot compound.
    seen = [economy.observe(s, half)["consumer"].features["labor_disutility"] for s in (first, again)]
    np.testing.assert_array_equal(*seen)
    np.testing.assert_allclose(seen[0][0], 0.5)
    assert set(again.luck) == {"firm", "government"}
    np.testing.assert_array_equal(economy.observe(again, half)["firm"].luck, again.luck["firm"])
    assert economy.observe(again, half)["consumer"].luck is None


def test_13_compiled_batched_and_scanned_play_agree():
    rng, economy = np.random.default_rng(SEED), world()
    before = states(rng, economy)
    many = [actions(rng, economy) for _ in range(QUARTERS)]
    final, (rewards, _) = play(economy, before, jax.tree.map(lambda *x: jnp.stack(x), *many))
    now = before
    for t, acts in enumerate(many):
        after, _ = happen(economy, now, acts)
        np.testing.assert_allclose(after.rewards["firm"], rewards["firm"][t], rtol=1e-12, atol=TINY)
        now = after.state
    for left, right in zip(jax.tree.leaves(now), jax.tree.leaves(final), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=TINY)
    alone = economy.transition(at(before, 3), at(many[0], 3), economy.draw(None, before), KNOBS)
    together, _ = happen(economy, before, many[0])
    for left, right in zip(jax.tree.leaves(alone), jax.tree.leaves(at(together, 3)), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=TINY)


def test_13_nothing_is_undefined_where_everything_is_zero():
    economy = world(consumer_budget=0.0, firm_budget=0.0, price=0.0, capital=(0.0, 0.0, 1.0))
    state = economy.init(jax.random.key(0))
    acts = {r: jnp.zeros_like(x[0]) for r, x in actions(np.random.default_rng(0), economy).items()}
    for wishes in (acts["consumer"], acts["consumer"] + 1):
        after = economy.transition(state, {**acts, "consumer": wishes}, economy.draw(None, state), KNOBS)
        seen = economy.observe(after.state, KNOBS)
        shown = (economy.metrics(after.state), economy.accounts(after.state))
        assert all(np.isfinite(x).all() for x in jax.tree.leaves((after, seen, shown)))


@pytest.mark.parametrize("given", [{}, {"interest": 0.1}])
def test_the_books_balance_in_single_precision_too(given):
    with jax.enable_x64(False):
        rng = np.random.default_rng(SEED)
        economy = world(consumers=CONSUMERS, quarters=QUARTERS, **given)
        before = jax.tree.map(lambda x: x, states(rng, economy))
        acts = jax.tree.map(lambda *x: jnp.stack(x), *[actions(rng, economy) for _ in range(QUARTERS)])
        final, (_, residuals) = play(economy, before, acts)
        assert final.inventory.dtype == jnp.float32
        assert float(residuals.max()) < tolerance(jnp.float32)
        assert float(final.consumer_budget.min()) >= 0 and float(final.inventory.min()) >= 0


def test_14_what_is_not_offered_is_not_done():
    # A firm that is offered entry 12 alone and a government under a ceiling of 30 % change nothing by other actions.
    rng, economy = np.random.default_rng(SEED), world()
    before, acts = states(rng, economy), actions(rng, economy)
    only = replace(KNOBS, menu={"firm": jnp.arange(30) == 12}, max_rate=jnp.asarray(0.3))
    after, _ = happen(economy, before, acts, only)
    chosen = np.asarray(acts["firm"]) == 12
    np.testing.assert_array_equal(after.state.posted.price, np.where(chosen, 1000.0, before.posted.price))
    income, corporate = (np.asarray(x) for x in make_menus().government_entries())
    entry = np.asarray(acts["government"])[:, 0]
    fits = (income[entry] <= 0.3) & (corporate[entry] <= 0.3)
    np.testing.assert_array_equal(
        after.state.posted.income_tax, np.where(fits, income[entry], before.posted.income_tax)
    )
    mask = economy.observe(at(before, 0), only)
    assert mask["firm"].mask.sum() == FIRMS and mask["government"].mask.sum() == 4 and mask["consumer"].mask.all()


def test_metrics_are_means_over_the_quarters():
    # Closed form of the definitions, from the quarters themselves.
    rng, economy = np.random.default_rng(SEED), world(interest=0.1)
    state = economy.init(jax.random.key(0))
    now, happened, rewards = jax.tree.map(lambda x: x[None], state), [], []
    for _ in range(QUARTERS):
        after, quarter = happen(economy, now, actions(rng, economy, 1))
        happened, rewards, now = [*happened, quarter], [*rewards, after.rewards], after.state
    final, mean = at(now, 0), lambda name: np.mean([getattr(q, name) for q in happened])
    shown = economy.metrics(final)
    expected = {
        "income": mean("income"), "labor": mean("hours"), "goods_consumed": mean("sales"),
        "goods_exported": mean("exports"), "goods_made": mean("output"), "investment": mean("investment"),
        "utility": np.mean([r["consumer"] for r in rewards]), "profit": np.mean([r["firm"] for r in rewards]),
        "welfare": np.mean([r["government"] for r in rewards]), "transfer": mean("transfer"),
        "shortages": mean("shortage"), "revenue": mean("transfer"),
    }  # fmt: skip
    for name, value in expected.items():
        np.testing.assert_allclose(shown[name], value, rtol=1e-9, err_msg=name)
    own = economy.accounts(final)
    np.testing.assert_allclose(np.mean(own["labor"]), expected["labor"])
    np.testing.assert_allclose(np.mean(own["goods_consumed"]), expected["goods_consumed"] * FIRMS / CONSUMERS)
