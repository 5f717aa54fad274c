"""The one knob that a tax system reads."""

import equinox as eqx
import jax.numpy as jnp

from fisc.core.knobs import Knobs, full_knobs


def ceiling(max_rate: float) -> Knobs:
    """Knobs that differ from the full ones in the ceiling on rates."""
    return eqx.tree_at(lambda k: k.max_rate, full_knobs(), jnp.asarray(max_rate, float))
