"""The Saez baseline as a tax system: golden values of the reference estimator, its windows, and its two conventions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.taxes.saez import saez_estimated

from ..econ.samples import US_CUTOFFS, reference_window
from .knobs import ceiling

FULL = 1.0
HALF = 0.5 * np.ones(7)  # the uniform numbers of a period

decide = eqx.filter_jit(lambda system, memory, draws, knobs: system.decide(memory, None, draws, knobs))
learn = eqx.filter_jit(lambda system, memory, incomes, rates: system.learn(memory, incomes, rates))


def after(system, incomes, rates, max_rate=FULL, draws=HALF):
    """Memory after one period with these incomes and one decision."""
    memory = learn(system, system.init(), jnp.asarray(incomes, float), jnp.asarray(rates, float))
    return decide(system, memory, jnp.asarray(draws, float), ceiling(max_rate))


def small(**options):
    """A window of four samples on three brackets, to be filled by hand."""
    return saez_estimated([0.0, 10.0, 20.0], window=4, **options)


def seen(system, memory):
    """The valid samples in use, as (income, rate) pairs in order."""
    samples = system.samples(memory)
    pairs = zip(samples.incomes, samples.marginal_rates, samples.is_valid, strict=True)
    return [(float(z), round(float(tau), 6)) for z, tau, is_valid in pairs if is_valid]


def push(system, memory, *incomes):
    """Learn some incomes; the rate of each is a hundredth of it, so that pairs can be told apart."""
    incomes = jnp.asarray(incomes, float)
    return learn(system, memory, incomes, incomes / 100)


def incomes_seen(system, memory):
    return [income for income, _ in seen(system, memory)]


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
    assert incomes_seen(system, push(system, system.init(), 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)) == [3.0, 4.0, 5.0, 6.0]


@pytest.mark.parametrize(
    "convention, expected",
    [
        ("exact", [1.0, 2.0, 3.0, 7.0, 4.0]),  # the pool, then what came after it
        ("foundation", [1.0, 2.0, 3.0, 7.0, 1.0, 2.0, 4.0]),  # pooled samples of its own count again
    ],
)
def test_pooled_samples_count_as_the_convention_says(convention, expected):
    # Derived by hand: environment 0 saw 1 2, environment 1 saw 3 7; they pool; environment 0 then sees 4.
    system = small(num_environments=2, convention=convention)
    memories = jax.vmap(lambda z: system.learn(system.init(), z, z / 100))(jnp.array([[1.0, 2.0], [3.0, 7.0]]))
    pooled = system.pool(memories)
    first = jax.tree.map(lambda leaf: leaf[0], pooled)
    assert incomes_seen(system, push(system, first, 4.0)) == expected


def test_before_the_first_pooling_the_window_itself_is_used():
    system = small(num_environments=2)
    assert incomes_seen(system, push(system, system.init(), 1.0, 2.0)) == [1.0, 2.0]


def test_a_pool_can_fill_the_window_early():
    # Derived: two environments of two samples make four, the size of the window.
    system = small(num_environments=2)
    memories = jax.vmap(lambda z: system.learn(system.init(), z, z / 100))(jnp.array([[1.0, 2.0], [3.0, 7.0]]))
    uniform = jnp.full((2, 3), 0.5)
    decide_all = jax.jit(jax.vmap(lambda m, u: system.decide(m, None, u, ceiling(1.0))))
    alone, together = decide_all(memories, uniform), decide_all(system.pool(memories), uniform)
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
