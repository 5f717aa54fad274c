"""A policy made of two networks: one chooses, one values. Axis `n`: agents of a role."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from fisc.core.economy import Observation, RoleSpec
from fisc.core.policy import Decision, Evaluation, TrainablePolicy
from fisc.core.spaces import Space
from fisc.policies.distributions import Distribution, Head, distribution, num_outputs
from fisc.policies.networks import BlockMLP

FEATURE_LIMIT = 10.0
"""Normalized features are cut here: what was constant so far and moves for the first time must not explode."""


class Scale(eqx.Module):
    """Mean and standard deviation of each feature of each block, from experience: not trained, but part of a policy."""

    mean: dict[str, Float[Array, " k"]]
    std: dict[str, Float[Array, " k"]]


class ActorCritic(TrainablePolicy):
    """Separate networks for choice and value over normalized features."""

    actor: BlockMLP
    critic: BlockMLP
    scale: Scale
    space: Space = eqx.field(static=True)
    head: Head = eqx.field(static=True, default="categorical")

    def _normalize(self, features):
        def apply(value, mean, std):
            shape = value.shape
            gap = value - jnp.broadcast_to(mean, shape)
            return jnp.clip(gap / jnp.broadcast_to(std, shape), -FEATURE_LIMIT, FEATURE_LIMIT)

        fixed = jax.lax.stop_gradient(self.scale)
        return {name: apply(value, fixed.mean[name], fixed.std[name]) for name, value in features.items()}

    def _choose(self, observation: Observation) -> Distribution:
        outputs = self.actor(self._normalize(observation.features), observation.mask.shape[0])
        return distribution(self.space, outputs, observation.mask, self.head)

    def act(self, key: Key[Array, ""], observation: Observation) -> Decision:
        """Draw decisions. `key`: consumed."""
        choice = self._choose(observation)
        latent = choice.sample(key)
        return Decision(choice.action(latent), latent, choice.log_prob(latent), self.value(observation))

    def act_greedily(self, observation: Observation):
        """The most likely actions."""
        choice = self._choose(observation)
        return choice.action(choice.mode())

    def evaluate(self, observation: Observation, latent) -> Evaluation:
        """Earlier draws under the present parameters."""
        choice = self._choose(observation)
        return Evaluation(choice.log_prob(latent), choice.entropy(), self.value(observation))

    def value(self, observation: Observation):
        """Expected return in the learner's normalized unit."""
        return self.critic(self._normalize(observation.features), observation.mask.shape[0])[:, 0]


def unit_scale(role: RoleSpec) -> Scale:
    """Features as they are."""
    return Scale(
        mean={name: jnp.zeros(len(block.names)) for name, block in role.blocks.items()},
        std={name: jnp.ones(len(block.names)) for name, block in role.blocks.items()},
    )


def make_networks(
    key: Key[Array, ""], role: RoleSpec, hidden: tuple[int, ...], head: Head
) -> tuple[BlockMLP, BlockMLP]:
    """Actor and critic for a role: the actor starts close to uniform. `key`: consumed."""
    key_actor, key_critic = jax.random.split(key)
    actor = BlockMLP(key_actor, role.blocks, hidden, num_outputs(role.actions, head), 0.01)
    return actor, BlockMLP(key_critic, role.blocks, hidden, 1, 1.0)


def make_policy(hidden: tuple[int, ...], head: Head = "categorical"):
    """A maker of fresh policies with these hidden layers, as a learner wants it."""

    def make(key: Key[Array, ""], role: RoleSpec) -> ActorCritic:
        actor, critic = make_networks(key, role, hidden, head)
        return ActorCritic(actor, critic, unit_scale(role), role.actions, head)

    return make


def set_scale(policy: ActorCritic, mean: dict[str, Array], std: dict[str, Array]) -> ActorCritic:
    """The same policy reading features on another scale."""
    return eqx.tree_at(lambda p: p.scale, policy, Scale(mean, std))
