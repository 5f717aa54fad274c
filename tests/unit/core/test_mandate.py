"""What a planner is told to want: its law, and welfare by it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.mandate import drawn, judge, mandate, show
from fisc.econ.welfare import equality_times_productivity


def test_weights_are_uniform_between_their_bounds_and_fixed_where_these_are_equal():
    # Closed form: a uniform law on [0.2, 0.6] has mean 0.4 and deviation 0.4 / √12; 2,000 draws are within 4 of its
    # standard errors.
    keys = jax.random.split(jax.random.key(0), 2_000)
    weights = np.asarray(jax.vmap(mandate(0.2, 0.6).draw)(keys))
    assert weights.min() >= 0.2 and weights.max() <= 0.6
    assert abs(weights.mean() - 0.4) < 4 * 0.4 / np.sqrt(12 * 2_000)
    fixed = np.asarray(jax.vmap(mandate(0.3, 0.3).draw)(keys))
    assert (fixed == np.float32(0.3)).all()


def test_no_mandate_draws_nothing_and_a_key_gives_one_weight():
    # Property.
    key = jax.random.key(1)
    assert drawn(None, key) is None
    law = mandate(0.0, 1.0)
    assert drawn(law, key) == drawn(law, key)
    assert drawn(law, key) != drawn(law, jax.random.key(2))
    assert show(drawn(law, key))["mandate"].shape == (1, 1)


@pytest.mark.parametrize("weight, welfare", [(0.0, 50.0), (1.0, 0.0), (0.25, 37.5), (None, 0.0)])
def test_welfare_is_judged_by_the_weight_or_else_by_the_objectives_own(weight, welfare):
    # By hand: of two people one has 100 and one nothing: productivity 50, Gini index 1, equality 0.
    coin = jnp.asarray([0.0, 100.0])
    told = None if weight is None else jnp.asarray(weight)
    assert float(judge(equality_times_productivity, told, coin, coin, coin)) == pytest.approx(welfare, abs=1e-4)
