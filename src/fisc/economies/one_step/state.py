"""The state of the one-step economy. Axis `n`: citizens, in order of skill as given."""

import equinox as eqx
from jaxtyping import Array, Float, Int, PyTree

from fisc.core.tax import Treasury


class State(eqx.Module):
    """Everything that changes. Money in coin, labor in hours."""

    step: Int[Array, ""]
    """Steps taken in this episode, from 0."""
    coin: Float[Array, " n"]
    """What each citizen owns, ≥ 0."""
    labor: Float[Array, " n"]
    """Hours of the last working step: set by it, not added up."""
    production: Float[Array, " n"]
    """Pre-tax income of the episode so far, ≥ 0."""
    utility: Float[Array, " n"]
    """Utility as it stands; rewards are its changes."""
    welfare: Float[Array, ""]
    """The planner's objective as it stands."""
    treasury: Treasury
    """Rates in force, the last collection, and the tax system's memory."""
    equality_weight: Float[Array, ""] | None = None
    """What the planner is told in this episode; None if the objective alone says it."""


class Draws(eqx.Module):
    """The random numbers of one step: only tax systems that explore need any."""

    tax: PyTree[Array]
