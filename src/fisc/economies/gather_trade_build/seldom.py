"""What seldom happens should seldom be computed, also in a batch of environments."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

Value = TypeVar("Value")


def only_if(is_due: Bool[Array, ""], event: Callable[[Value], Value], value: Value) -> Value:
    """`event(value)` if it is due, otherwise `value`: what `lax.cond` says, but cheap under `vmap`.

    There `lax.cond` computes the event for every environment of the batch at every step. This loop of at most one round
    is skipped if the event is due in none of them, and environments of equal age have their tax days together.
    """

    def happen(carry):
        """The one round: the event, and that none is due any more."""
        return jnp.zeros_like(is_due), event(carry[1])

    return jax.lax.while_loop(lambda carry: carry[0], happen, (is_due, value))[1]
