"""One quarter worked out by hand with two consumers and two firms, and single values of every formula."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.knobs import full_knobs
from fisc.core.ledger import tolerance
from fisc.economies.business_cycle import metrics, observe
from fisc.economies.business_cycle.endowments import capitals, labor_exponents, pareto_disutilities
from fisc.economies.business_cycle.preferences import CARA, CRRA, Hybrid
from fisc.economies.business_cycle.produce import Technology
from fisc.economies.business_cycle.setting import Setting, make_economy
from fisc.economies.business_cycle.state import Posted

KNOBS = full_knobs(("consumer", "firm", "government"))
CLOSE = {"rtol": 1e-6, "atol": 1e-6}
DESIRED = ((4, 2), (0, 6))


def number(x):
    return jnp.asarray(x, float)


def two_by_two(**changes):
    """The economy of the worked example, and the state at its beginning."""
    given = {
        "consumers": 2, "firms": 2, "capital": (5000.0, 10000.0), "labor_exponent": (0.2, 0.8), "export_quota": 5.0,
        **changes,
    }  # fmt: skip
    economy = make_economy(Setting(**given))
    economy = replace(economy, tastes=replace(economy.tastes, disutility=number([0.01, 0.005])))
    state = economy.init(jax.random.key(0))
    posted = Posted(number([1000, 900]), number([22, 5]), number(0.2), number(0.4), jnp.zeros(2, bool))
    return economy, replace(
        state, posted=posted, inventory=number([1, 10]), consumer_budget=number([2000, 2000]),
        firm_budget=number([0, 0]),
    )  # fmt: skip


def acts(firm=(0, 0), government=0):
    """Consumers want (4, 2) and (0, 6) units, work 520 and 260 hours for the first and the second firm."""
    return {
        "consumer": jnp.asarray([[*DESIRED[0], 2, 0], [*DESIRED[1], 1, 1]], jnp.int32),
        "firm": jnp.asarray(firm, jnp.int32),
        "government": jnp.asarray([government], jnp.int32),
    }


def test_the_quarter_worked_out_by_hand():
    """Closed form: every number of the quarter, to 1e-6."""
    economy, state = two_by_two()
    quarter, _ = economy.quarter(state, acts(), KNOBS)
    expected = {
        "affordable": [[1.37931034, 0.68965517], [0, 2.22222222]],
        "demand": [1.37931034, 2.91187739],
        "shortage": [True, False],
        "consumption": [[1.0, 0.68965517], [0, 2.22222222]],
        "exports": [0, 5],
        "income": [11440, 1300],
        "income_tax": [2288, 260],
        "operating_income": [-10440, 5820.6896552],
        "investment": [0, 582.0689655],
        "earnings": [-10440, 5238.6206897],
        "corporate_tax": [0, 2095.4482759],
        "transfer": 2321.7241379,
        "output": [31.7963063, 5.3948414],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(quarter, name), value, err_msg=name, **CLOSE)

    after = economy.transition(state, acts(), economy.draw(None, state), KNOBS)
    np.testing.assert_allclose(after.rewards["firm"], [-10440, 3143.1724138], **CLOSE)
    np.testing.assert_allclose(after.rewards["consumer"], [-0.9673568, 1.4238008], **CLOSE)
    np.testing.assert_allclose(after.rewards["government"], [-0.9673568 + 1.4238008 + 0.0025 * -7296.8275862], **CLOSE)
    np.testing.assert_allclose(after.state.consumer_budget, [11853.0444828, 3361.7341379], **CLOSE)
    np.testing.assert_allclose(after.state.firm_budget, [-10440, 3143.1724138], **CLOSE)
    np.testing.assert_allclose(after.state.inventory, [31.7963063, 7.4829640], **CLOSE)
    np.testing.assert_allclose(after.state.capital, [5000, 10582.0689655], **CLOSE)
    # Money: both sides of the books are 2 · 0.01 + 900 · 5.
    gained = sum(after.ledger.closing[name] - after.ledger.opening[name] for name in ("dollars", "capital"))
    created = after.ledger.created["dollars"] + after.ledger.created["capital"]
    np.testing.assert_allclose([gained, created], 4500.02, **CLOSE)
    assert float(after.ledger.residual()) < tolerance(jnp.float64)


def test_what_firms_do_in_that_quarter():
    """Closed form: the first firm hires 520 hours and sells its one unit; the second 260 hours, and exports 5 units."""
    economy, state = two_by_two()
    quarter, _ = economy.quarter(state, acts(), KNOBS)
    told = metrics.of_firms(state, quarter, economy.rules.technology.labor_exponent)
    expected = {
        "price": [1000, 900], "wage": [22, 5], "hired": [520, 260], "goods_consumed": [1.0, 2.91187739],
        "goods_exported": [0, 5], "capital": [5000, 10000], "labor_exponent": [0.2, 0.8],
    }  # fmt: skip
    assert list(told) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(told[name], value, err_msg=name, **CLOSE)


@pytest.mark.parametrize(
    "hours, goods, is_so",
    [(51.9, 1.0, True), (52.0, 1.0, False), (500.0, 0.049, True), (500.0, 0.05, False), (0.0, 0.0, True)],
)
def test_an_economy_has_collapsed_where_next_to_nobody_works_or_consumes(hours, goods, is_so):
    """Closed form: 5 % of 1040 hours are 52."""
    assert metrics.has_collapsed(hours, 1040.0, goods) is is_so


def test_what_is_chosen_now_holds_in_the_next_quarter():
    """Closed form: entry 3 · 5 + 4 is a price of 1,500 and a wage of 44; entry 2 · 6 + 5 are rates of 40 and 100 %."""
    economy, state = two_by_two()
    after = economy.transition(state, acts((19, 5), 17), economy.draw(None, state), KNOBS).state
    np.testing.assert_allclose(after.posted.price, [1500, 500])
    np.testing.assert_allclose(after.posted.wage, [44, 0])
    np.testing.assert_allclose([after.posted.income_tax, after.posted.corporate_tax], [0.4, 1.0])
    assert after.posted.shortage.tolist() == [True, False]


@pytest.mark.parametrize("firm, government", [((-1, 30), 36), ((1000, -(2**31)), -1)])
def test_actions_outside_the_menus_leave_what_is_posted(firm, government):
    """Closed form: prices, wages and rates stay; consumers who want what is not there buy and work nothing."""
    economy, state = two_by_two()
    actions = acts(firm, government) | {"consumer": jnp.asarray([[11, 2, 2, 0], [-1, 6, 1, 2]], jnp.int32)}
    quarter, _ = economy.quarter(state, actions, KNOBS)
    after = economy.transition(state, actions, economy.draw(None, state), KNOBS).state
    for name in ("price", "wage", "income_tax", "corporate_tax"):
        np.testing.assert_array_equal(getattr(after.posted, name), getattr(state.posted, name))
    np.testing.assert_array_equal(quarter.wanted, [[0, 2], [0, 6]])
    np.testing.assert_array_equal(quarter.hours, [520, 0])


@pytest.mark.parametrize(
    "capital, exponent, hours, output",
    [
        (5000, 0.2, 1040, 36.52436), (10000, 0.2, 1040, 63.59261), (5000, 0.8, 10400, 89.82985),
        (10000, 0.8, 10400, 103.1874), (10000, 0.4, 5200, 76.98415), (5000, 0.6, 260, 8.48344),
        (10000, 0.2, 10000, 100), (10000, 0.6, 10000, 100), (10000, 0.8, 10000, 100), (5000, 0.5, 0, 0),
    ],
)  # fmt: skip
def test_output(capital, exponent, hours, output):
    """Closed form: 0.01 · capital^(1 - exponent) · hours^exponent, six digits."""
    technology = Technology(number(0.01), number([exponent]), number(0.0))
    np.testing.assert_allclose(technology.produce(number([capital]), number([hours])), [output], rtol=1e-6)
    idle = Technology(number(0.01), number([exponent]), number(hours + 1.0))
    np.testing.assert_array_equal(idle.produce(number([capital]), number([hours])), [0.0])


def test_values_of_goods():
    """Closed form: the published curves at single points."""
    units = number([[0, 1, 2, 5, 10]])
    crra = CRRA(number(0.1)).value(units)
    np.testing.assert_allclose(crra, [[0, 0.962296, 1.875417, 4.461948, 8.505253]], atol=5e-7)
    np.testing.assert_allclose(CRRA(number(1.0)).value(units), np.log(units + 1))
    np.testing.assert_allclose(CARA(number(0.5)).value(units), -np.exp(-0.5 * units))
    hybrid = Hybrid(number(0.5), number(0.9)).value(units)
    np.testing.assert_allclose(hybrid, (1 - np.exp(-0.5 * np.asarray(units) ** 0.9)) / 0.5)
    # A million hours' worth of goods overflows nothing, and eighty hours a week cost 1040 · 0.005 = 5.2 utils.
    assert np.isfinite(CARA(number(-0.5)).value(number([[1e6]]))).all()
    idle = CRRA(number(0.1)).utility(number([[0.0]]), number([1040]), number([0.01]))
    np.testing.assert_allclose(idle, [-5.2])


def test_who_is_different_in_which_way():
    """Closed form: disutility 0.01 · (1 - j / 100)^(1/4); two levels of capital; exponents twice over."""
    disutility = pareto_disutilities(100)
    shown = [0.01, 0.0099749, 0.0084090, 0.0070711, 0.0031623]
    np.testing.assert_allclose(disutility[[0, 1, 50, 75, 99]], shown, atol=5e-8)
    assert capitals(10).tolist() == [5000.0] * 5 + [10000.0] * 5
    assert labor_exponents(10).tolist() == [0.2, 0.3, 0.4, 0.6, 0.8] * 2
    np.testing.assert_allclose(capitals(3, "proportional"), [0.2, 0.4, 0.6])
    np.testing.assert_allclose(labor_exponents(4, "proportional"), [0.2, 0.4, 0.2, 0.4])
    assert (capitals(3, "same") == 1).all() and (labor_exponents(3, 0.5) == 0.5).all()


def test_digits_of_a_number():
    """Closed form: remainders of division by 10, 100, …, as shares; below 0 like the ten's complement."""
    seen = observe.digits(number([2000.5, -5.0, 0.0]), 10)
    np.testing.assert_allclose(seen[0, :5], [0.05, 0.005, 0.0005, 0.20005, 0.020005], atol=1e-12)
    np.testing.assert_allclose(seen[1, :4], [0.5, 0.95, 0.995, 0.9995], atol=1e-12)
    np.testing.assert_array_equal(seen[2], 0.0)
    assert float(observe.digits(jnp.asarray([-1e-30]), 3).max()) < 1.0


def test_what_everybody_sees():
    """Closed form: widths 144, 155 and 133 in the order of the published table, each block on its scale."""
    economy = make_economy(Setting())
    state = economy.init(jax.random.key(0))
    seen = economy.observe(state, KNOBS)
    widths = {role: sum(x.shape[1] for x in seen[role].features.values()) for role in seen}
    assert widths == {"consumer": 144, "firm": 155, "government": 133}
    public = ["prices", "wages", "stocks", "shortages", "taxes", "calendar"]
    assert list(seen["consumer"].features) == [*public, "budget", "labor_disutility"]
    assert list(seen["firm"].features) == [*public, "budget", "capital", "labor_exponent", "identity"]
    firm, consumer = seen["firm"].features, seen["consumer"].features
    np.testing.assert_allclose(firm["prices"], np.full((1, 10), 1000 / 2500))
    np.testing.assert_allclose(firm["capital"][:, 0], [0.5] * 5 + [1.0] * 5)
    np.testing.assert_allclose(firm["identity"], np.eye(10))
    np.testing.assert_allclose(firm["budget"][0], [0, 0, 0, 0, 0, 0.2, 0.22, 0.022, 0.0022, 0.00022], atol=1e-12)
    np.testing.assert_allclose(consumer["labor_disutility"][50], [0.840896], atol=1e-6)
    later = replace(state, step=jnp.asarray(7, jnp.int32), posted=replace(state.posted, wage=state.posted.wage + 11.0))
    seen = economy.observe(later, replace(KNOBS, labor_cost=number(0.5)))["consumer"].features
    np.testing.assert_allclose(seen["calendar"], [[0.7]])
    np.testing.assert_allclose(seen["wages"], np.full((1, 10), 0.25))
    np.testing.assert_allclose(seen["labor_disutility"][50], [0.5 * 0.840896], atol=1e-6)


def test_alternative_readings_of_the_paper():
    """Closed form: the example again under each named alternative."""

    def step(budget=0.0, **changes):
        economy, state = two_by_two(**changes)
        return economy.quarter(replace(state, firm_budget=number([0.0, budget])), acts(), KNOBS)[0]

    # Good 2: 2.9118774 units wanted and affordable of 10; wished for 8, in stock still enough.
    assert step(shortage_of="wanted").shortage.tolist() == [True, False]
    np.testing.assert_allclose(step(corporate_tax_on="sales").corporate_tax, [400, 0.4 * 7120.6896552], **CLOSE)
    np.testing.assert_allclose(step(10000.0, investment_of="budget").investment, [0, 1582.0689655], **CLOSE)
    np.testing.assert_allclose(step(export_floor=900.0).exports, [0, 5])
    np.testing.assert_allclose(step(export_floor=900.0, exports_at_floor=False).exports, [0, 0])
    np.testing.assert_allclose(step(exports_pay_floor=True).operating_income, [-10440, 3820.6896552], **CLOSE)
    np.testing.assert_allclose(step(is_open=False).exports, [0, 0])
    np.testing.assert_allclose(step(labor_floor=500.0).output, [31.7963063, 0], **CLOSE)


def test_penalties_bonus_and_interest():
    """Closed form: debt 10,440 of firm 1 counts as 104.4; interest is 10 % of what is above 0."""
    economy, state = two_by_two(debt_price={"firm": 2.0}, debt_step={"firm": 0.5}, interest=0.1)
    last = replace(state, step=jnp.asarray(9, jnp.int32))
    learning = replace(KNOBS, learning={**KNOBS.learning, "firm": jnp.ones((), bool)})
    early, late = (economy.transition(s, acts(), economy.draw(None, s), learning) for s in (state, last))
    np.testing.assert_allclose(early.rewards["firm"] - late.rewards["firm"], [208.8, 0.0], atol=1e-9)
    np.testing.assert_allclose(early.rewards["government"] - late.rewards["government"], [0.0025 * 208.8], atol=1e-9)
    np.testing.assert_allclose(late.state.debt_price["firm"], 2.0 + 0.5 * 104.4 / 2)
    np.testing.assert_allclose(early.state.debt_price["firm"], 2.0)
    held = economy.transition(last, acts(), economy.draw(None, last), KNOBS).state
    np.testing.assert_allclose(held.debt_price["firm"], 2.0)
    np.testing.assert_allclose(economy.reset(None, late.state).debt_price["firm"], 28.1)
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), held, late.state)
    np.testing.assert_allclose(economy.pool(both).debt_price["firm"], [15.05, 15.05])
    np.testing.assert_allclose(late.state.firm_budget, [-10440, 1.1 * 3143.1724138], **CLOSE)
    np.testing.assert_allclose(late.state.consumer_budget[0], 1.1 * 11853.0444828, **CLOSE)
    assert float(late.ledger.residual()) < tolerance(jnp.float64)

    economy, state = two_by_two(activity_bonus=1.0)
    rewards = economy.transition(state, acts(), economy.draw(None, state), KNOBS).rewards
    np.testing.assert_allclose(rewards["firm"], [-10440, 3143.1724138 + 7120.6896552], **CLOSE)


def test_fixed_taxes_need_no_government():
    """Closed form: nobody decides on rates, which hold from the second quarter on."""
    economy, state = two_by_two(fixed_taxes=(0.3, 0.6))
    assert set(economy.spec.roles) == {"consumer", "firm"}
    actions = acts()
    del actions["government"]
    after = economy.transition(state, actions, economy.draw(None, state), KNOBS)
    assert set(after.rewards) == {"consumer", "firm"}
    np.testing.assert_allclose([after.state.posted.income_tax, after.state.posted.corporate_tax], [0.3, 0.6])
