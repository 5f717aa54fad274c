"""What a planner is told to want: how much equality counts, drawn anew in every episode.

A planner that sees its mandate learns the whole trade-off between equality and productivity in one run: a schedule for
every weight, instead of one run for each.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

BLOCK = "mandate"
"""Block of the planner's observation that says what it is told."""

APART = 1_000_003
"""Number that sets the draw apart from all keys that an economy splits off."""


class Mandate(eqx.Module):
    """The law of the weight of equality; its numbers are traced, so that another one compiles nothing anew."""

    lowest: Float[Array, ""]
    highest: Float[Array, ""]
    """The weight is uniform between the two, which lie in [0, 1]; equal ones fix it."""

    def draw(self, key: Key[Array, ""]) -> Float[Array, ""]:
        """The weight of one episode. `key`: consumed."""
        return self.lowest + (self.highest - self.lowest) * jax.random.uniform(key, dtype=self.lowest.dtype)


def mandate(lowest: float, highest: float) -> Mandate:
    """A mandate in jax's current default precision."""
    return Mandate(jnp.asarray(lowest, float), jnp.asarray(highest, float))


def drawn(mandate: Mandate | None, key: Key[Array, ""]) -> Float[Array, ""] | None:
    """The weight of one episode, if there is a mandate. `key`: may be split for anything else too, with the same luck
    as without a mandate."""
    return None if mandate is None else mandate.draw(jax.random.fold_in(key, APART))


def show(weight: Float[Array, ""]) -> dict[str, Float[Array, "1 1"]]:
    """What the planner sees of its mandate, as `fisc.core.economy.MANDATE_BLOCKS` says."""
    return {BLOCK: weight[None, None]}


def judge(
    objective: Callable[..., Float[Array, ""]],
    weight: Float[Array, ""] | None,
    consumption: Float[Array, " n"],
    utility: Float[Array, " n"],
    income: Float[Array, " n"],
) -> Float[Array, ""]:
    """Welfare by an objective; with a mandate by its weight of equality, else by the objective's own."""
    told = {} if weight is None else {"mixing_weight": weight}
    return objective(consumption, utility, income, **told)
