"""What is computed only when it is due. Kind: property (the same as `lax.cond`)."""

import jax
import jax.numpy as jnp
import numpy as np

from fisc.economies.gather_trade_build.seldom import only_if


def _event(value):
    return {"count": value["count"] + 1, "coin": value["coin"] * 2.0}


def _start(num=3):
    return {"count": jnp.arange(num, dtype=jnp.int32), "coin": jnp.arange(num, dtype=float)}


def test_it_does_what_cond_does_alone_and_in_a_batch():
    """Property: the same as `lax.cond`, for one environment and for a batch of which some are due."""
    plain = lambda due, value: jax.lax.cond(due, _event, lambda same: same, value)  # noqa: E731
    ours = lambda due, value: only_if(due, _event, value)  # noqa: E731
    for due in ([False, False, False], [True, False, True], [True, True, True]):
        flags = jnp.asarray(due)
        jax.tree.map(np.testing.assert_array_equal, jax.vmap(ours)(flags, _start()), jax.vmap(plain)(flags, _start()))
    alone = {"count": jnp.asarray(4), "coin": jnp.asarray(2.0)}
    for due in (False, True):
        jax.tree.map(np.testing.assert_array_equal, ours(jnp.asarray(due), alone), plain(jnp.asarray(due), alone))
