"""A policy made of two networks: one chooses, one values. Axis `n`: agents of a role."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from fisc.core.economy import Observation, RoleSpec
from fisc.core.policy import Decision, Evaluation, TrainablePolicy
from fisc.core.spaces import Space
from fisc.policies.distributions import Distribution, Head, distribution, num_outputs
from fisc.policies.networks import SharedMLP

FEATURE_LIMIT = 10.0
"""Normalized features are cut here: what was constant so far and moves for the first time must not explode."""


class Scale(eqx.Module):
    """Mean and standard deviation of each feature of each block, from experience: not trained, but part of a policy."""

    mean: dict[str, Float[Array, " k"]]
    std: dict[str, Float[Array, " k"]]


class ActorCritic(TrainablePolicy):
    """Separate networks for choice and value over normalized features."""

    actor: SharedMLP
    critic: SharedMLP
    scale: Scale
    space: Space = eqx.field(static=True)
    public: tuple[str, ...] = eqx.field(static=True)
    """Blocks that all agents of the role share, and `own`, those of each agent, in the networks' order."""
    own: tuple[str, ...] = eqx.field(static=True)
    head: Head = eqx.field(static=True, default="categorical")

    def _read(self, observation: Observation) -> tuple[Float[Array, "1 kp"], Float[Array, "n ko"]]:
        """Public and own features in the unit of experience."""
        scale, num_agents = jax.lax.stop_gradient(self.scale), observation.mask.shape[0]

        def read(names, rows):
            if not names:
                return jnp.zeros((rows, 0), observation.features[(self.public + self.own)[0]].dtype)
            value, mean, std = (
                jnp.concatenate([source[name] for name in names], axis=-1)
                for source in (observation.features, scale.mean, scale.std)
            )
            standard = (value - jnp.broadcast_to(mean, value.shape)) / jnp.broadcast_to(std, value.shape)
            return jnp.clip(standard, -FEATURE_LIMIT, FEATURE_LIMIT)

        return read(self.public, 1), read(self.own, num_agents)

    def _choose(self, observation: Observation) -> Distribution:
        return distribution(self.space, self.actor(*self._read(observation)), observation.mask, self.head)

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
        return self.critic(*self._read(observation))[:, 0]


def unit_scale(role: RoleSpec) -> Scale:
    """Features as they are."""
    return Scale(
        mean={name: jnp.zeros(len(block.names)) for name, block in role.blocks.items()},
        std={name: jnp.ones(len(block.names)) for name, block in role.blocks.items()},
    )


def make_networks(
    key: Key[Array, ""], role: RoleSpec, hidden: tuple[int, ...], head: Head
) -> tuple[SharedMLP, SharedMLP]:
    """Actor and critic for a role: the actor starts close to uniform. `key`: consumed."""
    key_actor, key_critic = jax.random.split(key)
    num_features = sum(len(block.names) for block in role.blocks.values())
    actor = SharedMLP(key_actor, num_features, hidden, num_outputs(role.actions, head), 0.01)
    return actor, SharedMLP(key_critic, num_features, hidden, 1, 1.0)


def make_policy(hidden: tuple[int, ...], head: Head = "categorical"):
    """A maker of fresh policies with these hidden layers, as a learner wants it."""

    def make(key: Key[Array, ""], role: RoleSpec) -> ActorCritic:
        actor, critic = make_networks(key, role, hidden, head)
        public = tuple(name for name, block in role.blocks.items() if block.is_public)
        own = tuple(name for name in role.blocks if name not in public)
        return ActorCritic(actor, critic, unit_scale(role), role.actions, public, own, head)

    return make


def set_scale(policy: ActorCritic, mean: dict[str, Array], std: dict[str, Array]) -> ActorCritic:
    """The same policy reading features on another scale."""
    return eqx.tree_at(lambda p: p.scale, policy, Scale(mean, std))
