"""The Saez baseline as a tax system: golden values of the reference estimator, its windows, and its two conventions.

What a decision rests on is a summary of samples. Its histogram has bins of one coin here, so that it tells the incomes.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.econ.elasticity import regress_elasticity
from fisc.econ.saez import bracket_rates
from fisc.taxes.saez import saez_estimated

from ..econ.samples import US_CUTOFFS, reference_window
from .knobs import ceiling

FULL = 1.0
HALF = 0.5 * np.ones(7)  # the uniform numbers of a period

decide = eqx.filter_jit(lambda system, memory, draws, knobs: system.decide(memory, None, draws, knobs))
decide_all = eqx.filter_jit(
    lambda system, memories, draws: jax.vmap(lambda m, u: system.decide(m, None, u, ceiling(FULL)))(memories, draws)
)
learn_all = eqx.filter_jit(lambda system, memories, z, tau: jax.vmap(system.learn)(memories, z, tau))
plain_rates = jax.jit(bracket_rates, static_argnames="top_convention")
plain_regression = jax.jit(regress_elasticity)
learn = eqx.filter_jit(lambda system, memory, incomes, rates: system.learn(memory, incomes, rates))


def after(system, incomes, rates, max_rate=FULL, draws=HALF):
    """Memory after one period with these incomes and one decision."""
    memory = learn(system, system.init(), jnp.asarray(incomes, float), jnp.asarray(rates, float))
    return decide(system, memory, jnp.asarray(draws, float), ceiling(max_rate))


def small(**options):
    """A window of four samples on three brackets, to be filled by hand; incomes are counted in bins of one coin."""
    return saez_estimated([0.0, 10.0, 100.0], window=4, **options)


def seen(system, memory):
    """The samples of its own that an environment uses, as (income, rate) pairs in order."""
    pairs = zip(memory.incomes, memory.marginal_rates, system.counts_beside_pool(memory), strict=True)
    return [(float(z), round(float(tau), 6)) for z, tau, is_used in pairs if is_used]


def push(system, memory, *incomes):
    """Learn some incomes; the rate of each is a hundredth of it, so that pairs can be told apart."""
    incomes = jnp.asarray(incomes, float)
    return learn(system, memory, incomes, incomes / 100)


def incomes_in_use(system, memory):
    """Middles of the bins that the samples in use are in, in order, once for each sample; the rates must fit them."""
    samples = eqx.filter_jit(system.samples_in_use)(memory)
    histogram, moments = samples.histogram, samples.moments
    incomes = np.repeat(np.arange(100) + 0.5, np.asarray(histogram.count[:-1], int))
    assert float(histogram.num_samples) == len(incomes)
    net_of_tax, log_income = np.log(1 - incomes / 100), np.log(incomes)
    deviation = net_of_tax - net_of_tax.mean()
    by_hand = [len(incomes), net_of_tax.mean(), log_income.mean(), deviation @ deviation, deviation @ log_income]
    np.testing.assert_allclose(moments[:5], by_hand, rtol=1e-4)
    np.testing.assert_allclose(moments[5:], [incomes.mean() / 100, len(incomes) * incomes.var() / 1e4], rtol=1e-4)
    return incomes.tolist()


@pytest.mark.parametrize("convention", ["exact", "foundation"])
@pytest.mark.parametrize(
    "elasticity, stored",
    [
        (0.5, [0.922335, 0.747970, 0.632241, 0.566380, 0.483167, 0.187151, 0.498895]),
        (1.0, [0.859231, 0.599824, 0.465328, 0.402239, 0.323839, 0.109764, 0.332352]),
        (3.0, [0.688273, 0.337608, 0.228075, 0.189138, 0.141225, 0.041980, 0.142317]),
    ],
)
def test_rates_have_the_stored_values(elasticity, stored, convention):
    # Golden: values of the reference estimator on a frozen sample, six digits.
    with jax.enable_x64(True):
        system = saez_estimated(US_CUTOFFS, fixed_elasticity=elasticity, convention=convention)
        memory = after(system, *reference_window())
        np.testing.assert_allclose(memory.current, stored, atol=6e-7)
        np.testing.assert_allclose(memory.average, 0.01 * memory.current, rtol=1e-12)


def test_the_elasticity_moves_to_the_stored_value():
    # Golden: the reference's estimate after one update from 0.5. A fixed elasticity does not stop the tracking.
    with jax.enable_x64(True):
        for fixed in (None, 3.0):
            memory = after(saez_estimated(US_CUTOFFS, fixed_elasticity=fixed), *reference_window())
            assert float(memory.elasticity) == pytest.approx(0.4911576512786038, abs=1e-12)


def test_uniform_weights_never_tax_in_the_exact_convention():
    # Closed form: equal weights give g = 1 at every income, so (1 - g) / (...) = 0 (rounding: 1e-9 in the divisors).
    with jax.enable_x64(True):
        system = saez_estimated(US_CUTOFFS, weight_type="uniform", fixed_elasticity=1.0)
        np.testing.assert_allclose(after(system, *reference_window()).current, 0.0, atol=1e-6)


def test_a_top_bracket_that_nobody_reaches():
    # Golden (foundation): the top rate is one. Exact: a rate is carried on from below, so it is far from one.
    stored = [0.776437, 0.581309, 0.457332, 0.398216, 0.321282, 0.119739, 1.0]
    with jax.enable_x64(True):
        income, rates = reference_window()
        income = np.minimum(np.abs(income), 500)
        system = saez_estimated(US_CUTOFFS, fixed_elasticity=1.0, convention="foundation")
        np.testing.assert_allclose(after(system, income, rates).current, stored, atol=6e-7)
        exact = saez_estimated(US_CUTOFFS, fixed_elasticity=1.0)
        assert 0 <= float(after(exact, income, rates).current[-1]) < 0.5


def test_rates_are_random_until_the_window_is_full():
    # Derived: rate_min + (ceiling - rate_min)·u = 0.1 + (0.6 - 0.1)·0.5 = 0.35; elasticity and average stay.
    system = saez_estimated(US_CUTOFFS, rate_min=0.1)
    memory = after(system, [50.0] * 499, [0.2] * 499, max_rate=0.6)
    np.testing.assert_allclose(memory.current, 0.35, rtol=1e-6)
    assert (float(memory.elasticity), float(memory.average.sum()), bool(memory.is_ready)) == (0.5, 0.0, False)


def test_once_full_the_window_counts_as_full():
    system = saez_estimated(US_CUTOFFS)
    memory = after(system, [50.0] * 500, [0.2] * 500)
    assert bool(memory.is_ready)
    emptied = eqx.tree_at(lambda m: m.count, memory, jnp.zeros((), jnp.int32))
    assert bool(decide(system, emptied, jnp.asarray(HALF, float), ceiling(1.0)).is_ready)


def test_the_ceiling_binds_the_formula_and_the_rates_in_force():
    # Property: no rate above the ceiling, neither when decided nor when the ceiling falls later.
    system = saez_estimated(US_CUTOFFS, fixed_elasticity=0.5)
    memory = after(system, *reference_window(), max_rate=0.6)
    assert float(memory.current.max()) == pytest.approx(0.6)
    assert float(system.rates(memory, ceiling(0.25)).max()) == pytest.approx(0.25)


def test_an_episode_starts_at_the_running_average():
    system = saez_estimated(US_CUTOFFS)
    memory = after(system, *reference_window())
    started = system.reset(memory)
    np.testing.assert_array_equal(started.current, memory.average)
    assert int(started.count) == 500
    assert bool(started.is_ready)


def test_the_window_drops_the_oldest_samples_first():
    # Derived by hand: 1 2 | 3 4 5 in a window of four leaves 2 3 4 5.
    system = small()
    memory = push(system, system.init(), 1.0, 2.0)
    assert seen(system, memory) == [(1.0, 0.01), (2.0, 0.02)]
    memory = push(system, memory, 3.0, 4.0, 5.0)
    assert seen(system, memory) == [(2.0, 0.02), (3.0, 0.03), (4.0, 0.04), (5.0, 0.05)]


def test_more_taxpayers_than_the_window_leave_the_last_of_them():
    system = small()
    memory = push(system, system.init(), 1.5, 2.5, 3.5, 4.5, 5.5, 6.5)
    assert [income for income, _ in seen(system, memory)] == incomes_in_use(system, memory) == [3.5, 4.5, 5.5, 6.5]


@pytest.mark.parametrize(
    "convention, expected",
    [
        ("exact", [1.5, 2.5, 3.5, 4.5, 7.5]),  # the pool and what came after it
        ("foundation", [1.5, 1.5, 2.5, 2.5, 3.5, 4.5, 7.5]),  # pooled samples of its own count again
    ],
)
def test_pooled_samples_count_as_the_convention_says(convention, expected):
    # Derived by hand: environment 0 saw 1.5 2.5, environment 1 saw 3.5 7.5; they pool; environment 0 then sees 4.5.
    system = small(num_environments=2, convention=convention)
    memories = jax.vmap(lambda z: system.learn(system.init(), z, z / 100))(jnp.array([[1.5, 2.5], [3.5, 7.5]]))
    pooled = system.pool(memories)
    first = jax.tree.map(lambda leaf: leaf[0], pooled)
    assert incomes_in_use(system, push(system, first, 4.5)) == expected


def plain_decision(system, samples, elasticity):
    """What the formulas make of an elasticity and of samples, [income or rate, k], all of them at hand."""
    num_samples, num_places = samples.shape[1], 4 * system.window
    incomes, rates = jnp.array(np.pad(samples, ((0, 0), (0, num_places - num_samples))))
    valid, top = jnp.arange(num_places) < num_samples, "carry" if system.convention == "exact" else "foundation"
    newest = 0.98 * elasticity + 0.02 * max(float(plain_regression(incomes, rates, valid).slope), 0)
    return newest, plain_rates(incomes, valid, system.cutoffs, newest, top_convention=top)


@pytest.mark.parametrize("convention", ["exact", "foundation"])
def test_decisions_are_those_of_the_plain_formulas_over_all_samples(convention):
    # Derived: three environments and lists of their samples beside them. Of its own, an environment uses beside the
    # pool what came after it; in the foundation convention as many of the latest as it ever saw.
    num, window, generator = 3, 60, np.random.default_rng(3)
    with jax.enable_x64(True):
        system = saez_estimated(US_CUTOFFS, convention=convention, window=window, num_environments=num)
        memories = jax.tree.map(lambda leaf: jnp.stack([leaf] * num), system.init())
        own, pool, num_beside, elasticity, decisions = [np.zeros((2, 0))] * num, np.zeros((2, 0)), 0, [0.5] * num, 0
        for period in range(9):
            sign = generator.choice([1, 0, -0.1], (num, 25), p=[0.9, 0.07, 0.03])
            news = np.exp(generator.normal(4.5, 1.4, (num, 25))) * sign, 0.05 * generator.integers(0, 21, (num, 25))
            memories = learn_all(system, memories, *map(jnp.array, news))
            memories = decide_all(system, memories, jnp.full((num, 7), 0.5))
            own = [np.hstack([samples, new])[:, -window:] for samples, new in zip(own, np.stack(news, 1), strict=True)]
            num_beside = min(num_beside + 25, window)
            for e in range(num):
                samples = np.hstack([pool, own[e][:, -num_beside:]]) if pool.size else own[e]
                assert bool(memories.is_ready[e]) == (samples.shape[1] >= window)
                if samples.shape[1] >= window:
                    elasticity[e], rates = plain_decision(system, samples, elasticity[e])
                    np.testing.assert_allclose(memories.elasticity[e], elasticity[e], rtol=1e-12)
                    np.testing.assert_allclose(memories.current[e], rates, rtol=1e-11)
                    decisions += 1
            if period in (3, 6):
                memories, pool = system.pool(memories), np.hstack(own)
                num_beside = num_beside if convention == "foundation" else 0
    assert decisions == 7 * num  # all but the first two, with 25 and 50 samples


def test_before_the_first_pooling_the_window_itself_is_used():
    system = small(num_environments=2)
    memory = push(system, system.init(), 1.5, 2.5)
    assert seen(system, memory) == [(1.5, 0.015), (2.5, 0.025)]
    assert incomes_in_use(system, memory) == [1.5, 2.5]


def test_pooling_before_there_are_samples_leaves_the_window_in_use():
    # Derived: a pool of nothing is as none.
    system = small(num_environments=2)
    nothing = system.pool(jax.tree.map(lambda leaf: jnp.stack([leaf] * 2), system.init()))
    first = jax.tree.map(lambda leaf: leaf[0], nothing)
    assert incomes_in_use(system, push(system, first, 1.5, 2.5)) == [1.5, 2.5]


def test_a_pool_can_fill_the_window_early():
    # Derived: two environments of two samples make four, the size of the window.
    system = small(num_environments=2)
    memories = jax.vmap(lambda z: system.learn(system.init(), z, z / 100))(jnp.array([[1.0, 2.0], [3.0, 7.0]]))
    uniform = jnp.full((2, 3), 0.5)
    alone, together = (decide_all(system, m, uniform) for m in (memories, system.pool(memories)))
    assert (alone.is_ready.tolist(), together.is_ready.tolist()) == ([False, False], [True, True])


def test_without_environments_pooling_does_nothing():
    system = small()
    memories = jax.vmap(lambda z: system.learn(system.init(), z, z / 100))(jnp.array([[1.0, 2.0], [3.0, 7.0]]))
    assert system.pool(memories) is memories


def test_pooling_another_number_of_environments_is_an_error():
    system = small(num_environments=3)
    memories = jax.vmap(lambda z: system.learn(system.init(), z, z / 100))(jnp.array([[1.0, 2.0], [3.0, 7.0]]))
    with pytest.raises(ConfigError, match="pools 3 environments but got 2"):
        system.pool(memories)


def test_draws_are_uniform_numbers_one_for_each_bracket():
    draws = small().draw(jax.random.key(0))
    assert draws.shape == (3,)
    assert bool(jnp.all((draws >= 0) & (draws < 1)))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"weight_type": "unifrom"}, "did you mean 'uniform'"),
        ({"convention": "fundation"}, "did you mean 'foundation'"),
        ({"fixed_elasticity": -1.0}, "fixed_elasticity"),
        ({"rate_min": 5.0}, "rate_min 5.0 is outside"),
        ({"window": 0}, "window must be"),
        ({"num_environments": -1}, "num_environments"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        saez_estimated(US_CUTOFFS, **options)


def test_a_single_bracket_is_an_error():
    with pytest.raises(ConfigError, match="at least two brackets"):
        saez_estimated([0.0])
