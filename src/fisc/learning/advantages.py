"""Returns and advantages, arrays to arrays. Axes: `t` decisions, `...` anything (environments, agents)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def generalized_advantages(
    rewards: Float[Array, "t *b"],
    values: Float[Array, "t *b"],
    last_value: Float[Array, "*b"],
    discount: float,
    trace: float,
) -> Float[Array, "t *b"]:
    """A_t = Σ_k (discount · trace)^k · (r_{t+k} + discount · V_{t+k+1} - V_{t+k}).

    Args:
        rewards: reward after each decision.
        values: value estimated at each decision.
        last_value: value after the last decision; 0 if the episode ended there.
        discount: in [0, 1].
        trace: λ in [0, 1]: 0 trusts the values, 1 the rewards.

    Source: Schulman et al. (2016), eq. 16.
    """
    following = jnp.concatenate([values[1:], last_value[None]], axis=0)
    surprises = rewards + discount * following - values

    def back(advantage, surprise):
        advantage = surprise + discount * trace * advantage
        return advantage, advantage

    return jax.lax.scan(back, jnp.zeros_like(last_value), surprises, reverse=True)[1]
