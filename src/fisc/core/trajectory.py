"""What a rollout returns for one role. Axes: `t` decisions, `e` environments (none for a single one), `n` agents."""

import equinox as eqx
from jaxtyping import Array, Bool, Float, Shaped

from fisc.core.economy import Observation


class Trajectory(eqx.Module):
    """One batch of experience of one role, from the role's own clock: a planner has one entry a period."""

    observation: Observation
    """As the policy digested it; every leaf with leading axes [t, e]."""
    latent: Shaped[Array, "t ..."]
    log_prob: Float[Array, "t *e n"]
    value: Float[Array, "t *e n"]
    """The critic's estimate when deciding, in the learner's normalized unit."""
    reward: Float[Array, "t *e n"]
    """Change of utility until the role's next decision."""
    last_value: Float[Array, "*e n"]
    """The critic's estimate after the last decision; of no meaning where the episode ended with it."""
    ended: Bool[Array, "t *e"]
    """Whether the episode ended before the role's next decision: no value is left then."""
