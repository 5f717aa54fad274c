"""Policies that follow a rule. Axis `n`: agents of a role."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Shaped

from fisc.core.economy import Observation
from fisc.core.policy import Decision, Policy
from fisc.core.spaces import Space


class UniformRandom(Policy):
    """Draws legal actions uniformly."""

    space: Space = eqx.field(static=True)

    def act(self, key, observation: Observation) -> Decision:
        """Draw. `key`: consumed."""
        action = self.space.sample(key, observation.mask)
        zeros = jnp.zeros(observation.mask.shape[0])
        return Decision(action, action, zeros, zeros)

    def act_greedily(self, observation: Observation):
        """The same draw every time: a rule that has no preference has no mode."""
        return self.space.sample(jax.random.key(0), observation.mask)


class Constant(Policy):
    """Always the same actions."""

    action: Shaped[Array, "n ..."]

    def act(self, key, observation: Observation) -> Decision:
        """The actions. `key`: not needed."""
        zeros = jnp.zeros(self.action.shape[0])
        return Decision(self.action, self.action, zeros, zeros)

    def act_greedily(self, observation: Observation):
        """The actions."""
        return self.action


class Greedy(Policy):
    """Another policy that no longer explores: it does what that one finds most likely."""

    policy: Policy

    def act(self, key, observation: Observation) -> Decision:
        """The most likely actions. `key`: not needed."""
        action = self.act_greedily(observation)
        zeros = jnp.zeros(observation.mask.shape[0])
        return Decision(action, action, zeros, zeros)

    def act_greedily(self, observation: Observation):
        """The most likely actions."""
        return self.policy.act_greedily(observation)

    def first_memory(self, num_agents: int):
        """As the other policy."""
        return self.policy.first_memory(num_agents)

    def remember(self, observation: Observation):
        """As the other policy: what it remembers does not depend on what was drawn."""
        return self.policy.remember(observation)
