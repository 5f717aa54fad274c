"""The Saez baseline: stored values of the reference estimator, step by step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.econ import saez
from fisc.econ.saez import optimal_marginal_rates

from .samples import US_CUTOFFS, reference_window

# Compiled as a whole: one operation at a time, each would be compiled for each shape.
bracket_rates = jax.jit(saez.bracket_rates, static_argnames=("weight_type", "top_convention"))
fill_gaps = jax.jit(saez.fill_gaps)
income_histogram = jax.jit(saez.income_histogram, static_argnames="num_bins")
add_histograms = jax.jit(saez.add_histograms)
pareto_parameters = jax.jit(saez.pareto_parameters)
welfare_weights = jax.jit(saez.welfare_weights, static_argnames=("weight_type", "top_convention"))

STORED_BINS = np.array([0, 1, 2, 10, 50, 99, 100])


def reference_histogram():
    income, _ = reference_window()
    return income_histogram(jnp.array(income), jnp.ones(500, bool), jnp.array(US_CUTOFFS[-1]))


def rates_of(income, elasticity, valid=True, limits=(0.0, 1.0), weight_type="inverse_income", top_convention="carry"):
    arguments = jnp.array(income), jnp.full(len(income), valid), jnp.array(US_CUTOFFS), float(elasticity)
    return bracket_rates(*arguments, weight_type, *limits, top_convention)


def test_the_window_is_the_one_behind_the_stored_values():
    # Golden values.
    income, _ = reference_window()
    assert income.mean() == pytest.approx(55.208026)
    assert ((income > 510.3).sum(), (income < 0).sum()) == (1, 20)


def test_welfare_weights_have_the_stored_values():
    # Golden values, six digits.
    with jax.enable_x64(True):
        stored = [0.52659, 0.360974, 0.27578, 0.102716, 0.02849, 0.009484, 0.009484]
        np.testing.assert_allclose(welfare_weights(reference_histogram())[STORED_BINS], stored, atol=6e-7)


def test_pareto_parameters_have_the_stored_values_and_gaps():
    # Golden values, six digits; 44 empty bins.
    with jax.enable_x64(True):
        parameters = np.asarray(pareto_parameters(reference_histogram()))
        stored = [0.033369, 0.184397, 0.300401, 1.203822, 6.3125, np.nan, 1.989809]
        np.testing.assert_allclose(parameters[STORED_BINS], stored, atol=6e-7)
        assert np.isnan(parameters).sum() == 44


@pytest.mark.parametrize("top_convention", ["carry", "foundation"])
@pytest.mark.parametrize(
    "elasticity, stored",
    [
        (0.5, [0.922335, 0.747970, 0.632241, 0.566380, 0.483167, 0.187151, 0.498895]),
        (1, [0.859231, 0.599824, 0.465328, 0.402239, 0.323839, 0.109764, 0.332352]),
        (3, [0.688273, 0.337608, 0.228075, 0.189138, 0.141225, 0.041980, 0.142317]),
    ],
)
def test_bracket_rates_have_the_stored_values(elasticity, stored, top_convention):
    # Golden values, six digits; the conventions agree when somebody is above the last cutoff.
    with jax.enable_x64(True):
        rates = rates_of(reference_window()[0], elasticity, top_convention=top_convention)
        np.testing.assert_allclose(rates, stored, atol=6e-7)


def test_bracket_rates_have_the_stored_values_in_single_precision():
    # Golden values. Liabilities near 400 are good to 3e-5, over the narrowest bracket of 9.7.
    rates = rates_of(reference_window()[0].astype(np.float32), 1)
    np.testing.assert_allclose(rates, [0.859231, 0.599824, 0.465328, 0.402239, 0.323839, 0.109764, 0.332352], atol=5e-6)


def test_nobody_above_the_last_cutoff_means_a_top_rate_of_one_in_the_foundation_convention():
    # Golden values.
    income = np.minimum(np.abs(reference_window()[0]), 500)
    with jax.enable_x64(True):
        rates = rates_of(income, 1, top_convention="foundation")
        stored = [0.776437, 0.581309, 0.457332, 0.398216, 0.321282, 0.119739, 1.0]
        np.testing.assert_allclose(rates, stored, atol=6e-7)


def test_nobody_above_the_last_cutoff_carries_the_last_bin_rate_to_the_top():
    # Closed form. The richest occupied bin has its middle at 497.5425, a share p of people and, above
    # its middle, p / 2: a = 2 * 497.5425 / 5.103, whatever p. Its g is 1 / 497.5425 over the mean weight.
    income = np.minimum(np.abs(reference_window()[0]), 500)
    with jax.enable_x64(True):
        rates = np.asarray(rates_of(income, 1))
        histogram = income_histogram(jnp.array(income), jnp.ones(500, bool), jnp.array(510.3))
        middles = 5.103 * (np.arange(100) + 0.5)
        assert float(histogram.count[97]) > 0 and float(histogram.count[98:].sum()) == 0
        mean_weight = np.sum(np.asarray(histogram.count)[:100] / np.maximum(middles, 1)) / 500
        g, a = 1 / 497.5425 / mean_weight, 2 * 497.5425 / 5.103
        assert rates[-1] == pytest.approx((1 - g) / (1 - g + a), abs=1e-6)
        np.testing.assert_allclose(rates[:5], [0.776437, 0.581309, 0.457332, 0.398216, 0.321282], atol=6e-7)


@pytest.mark.parametrize("is_capped", [False, True])
def test_uniform_weights_ask_for_no_tax(is_capped):
    # Closed form: g = 1 everywhere, up to the 1e-9 of the estimator.
    income = np.minimum(reference_window()[0], 500 if is_capped else np.inf)
    with jax.enable_x64(True):
        np.testing.assert_allclose(rates_of(income, 1, weight_type="uniform"), np.zeros(7), atol=1e-6)


def test_samples_outside_the_mask_do_not_count():
    # Property: what stands in the last hundred places changes nothing if they are not valid.
    income, _ = reference_window()
    valid = np.arange(500) < 400
    with jax.enable_x64(True):
        np.testing.assert_array_equal(rates_of(np.where(valid, income, 900), 1, valid), rates_of(income, 1, valid))


@pytest.mark.parametrize("top_convention", ["carry", "foundation"])
def test_an_empty_window_gives_finite_rates_within_the_limits(top_convention):
    # Property.
    with jax.enable_x64(True):
        rates = rates_of(np.zeros(500), 1, valid=False, top_convention=top_convention)
        assert np.all((rates >= 0) & (rates <= 1))


def test_rates_stay_within_the_limits_given():
    # Closed form: the stored rates at e = 1, cut at 0.2 and 0.5.
    with jax.enable_x64(True):
        rates = rates_of(reference_window()[0], 1, limits=(0.2, 0.5))
        np.testing.assert_allclose(rates, [0.5, 0.5, 0.465328, 0.402239, 0.323839, 0.2, 0.332352], atol=6e-7)


def test_the_histogram_closes_its_last_bin_and_sets_negative_incomes_apart():
    # Closed form, bins of width 5 up to 10: by hand.
    income = jnp.array([-1.0, 0.0, 4.9, 5.0, 10.0, 10.1, 20.0, 3.0])
    valid = jnp.array([True] * 7 + [False])
    histogram = income_histogram(income, valid, jnp.array(10.0), num_bins=2)
    np.testing.assert_allclose(histogram.edges, [0, 5, 10])
    np.testing.assert_array_equal(histogram.count, [2, 2, 2])
    assert float(histogram.num_below) == 1 and float(histogram.above_income) == pytest.approx(30.1)
    assert float(histogram.num_samples) == 7
    assert float(histogram.above_inverse_income) == pytest.approx(1 / 10.1 + 1 / 20)


@pytest.mark.parametrize("num_first", [0, 1, 250, 499, 500])
def test_added_histograms_are_that_of_all_samples_together(num_first):
    # Property: parts of every size; twice the stored incomes, so that several are above the last cutoff.
    is_first = np.arange(500) < num_first
    with jax.enable_x64(True):
        income, top_cutoff = jnp.array(2 * reference_window()[0]), jnp.array(US_CUTOFFS[-1])
        together = income_histogram(income, jnp.ones(500, bool), top_cutoff)
        assert float(together.count[-1]) > 1 and float(together.num_below) == 20
        parts = [income_histogram(income, jnp.array(part), top_cutoff) for part in (is_first, ~is_first)]
        added = add_histograms(*parts)
        for name in ("edges", "count", "num_below", "num_samples"):
            np.testing.assert_array_equal(getattr(added, name), getattr(together, name), err_msg=name)
        for name in ("above_income", "above_inverse_income"):
            np.testing.assert_allclose(getattr(added, name), getattr(together, name), rtol=1e-12, err_msg=name)


def test_gaps_are_filled_linearly_from_zero_and_carried_to_the_end():
    # Closed form, by hand.
    nan = jnp.nan
    np.testing.assert_allclose(
        fill_gaps(jnp.array([nan, nan, 0.3, nan, 0.5, nan, nan])),
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5],
        rtol=1e-6,
    )
    np.testing.assert_array_equal(fill_gaps(jnp.array([nan, nan])), [0, 0])
    np.testing.assert_allclose(fill_gaps(jnp.array([0.7, 0.2])), [0.7, 0.2])


def test_optimal_marginal_rate_is_one_without_response_and_undefined_in_an_empty_bin():
    # Closed form: (1 - g) / (1 - g + a e), here 0.5 / (0.5 + 2 * 0.25) = 1/2.
    rates = optimal_marginal_rates(jnp.array([0.5, 0.0, 0.5]), jnp.array([2.0, 0.0, jnp.nan]), 0.25)
    np.testing.assert_allclose(rates, [0.5, 1.0, np.nan], rtol=1e-6)


def test_unknown_choices_are_errors_that_name_the_known_ones():
    with pytest.raises(ValueError, match="'inverse_income' or 'uniform'"):
        rates_of(np.ones(5, np.float32), 1, weight_type="equal")
    with pytest.raises(ValueError, match="'carry' or 'foundation'"):
        rates_of(np.ones(5, np.float32), 1, top_convention="drop")
