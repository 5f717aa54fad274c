"""Returns and advantages, arrays to arrays. Axes: `t` decisions, `...` anything (environments, agents)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def generalized_advantages(
    rewards: Float[Array, "t *b"],
    values: Float[Array, "t *b"],
    last_value: Float[Array, "*b"],
    discount: float,
    trace: float,
    ended: Bool[Array, "t *b"] | None = None,
) -> Float[Array, "t *b"]:
    """A_t = Σ_k (discount · trace)^k · (r_{t+k} + discount · V_{t+k+1} - V_{t+k}), up to the end of the episode.

    Args:
        rewards: reward after each decision.
        values: value estimated at each decision.
        last_value: value after the last decision.
        discount: in [0, 1].
        trace: λ in [0, 1]: 0 trusts the values, 1 the rewards.
        ended: whether the episode ended after each decision, so that no value is left and what follows is another
            story; by default it never did.

    Source: Schulman et al. (2016), eq. 16.
    """
    goes_on = jnp.ones_like(values) if ended is None else (~ended).astype(values.dtype)
    following = jnp.concatenate([values[1:], last_value[None]], axis=0) * goes_on
    surprises = rewards + discount * following - values

    def back(advantage, now):
        """One decision earlier."""
        surprise, goes_on = now
        advantage = surprise + discount * trace * goes_on * advantage
        return advantage, advantage

    return jax.lax.scan(back, jnp.zeros_like(last_value), (surprises, goes_on), reverse=True)[1]


def returns_discounted_once(
    rewards: Float[Array, "t *b"],
    last_value: Float[Array, "*b"],
    discount: float,
    ended: Bool[Array, "t *b"] | None = None,
) -> Float[Array, "t *b"]:
    """G_t = r_t + discount · Σ_{s>t} r_s, up to the end of the episode: all that follows is discounted alike.

    Args: as in `generalized_advantages`.

    Source: the release of Curry et al. (2022). Differs from its paper, where the discount compounds.
    """
    goes_on = jnp.ones_like(rewards) if ended is None else (~ended).astype(rewards.dtype)

    def back(later, now):
        """One decision earlier: what is earned from here on, undiscounted."""
        reward, goes_on = now
        return reward + goes_on * later, reward + discount * goes_on * later

    return jax.lax.scan(back, last_value, (rewards, goes_on), reverse=True)[1]
