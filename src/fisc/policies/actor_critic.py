"""A policy made of two networks: one chooses, one values. Axis `n`: agents of a role."""

from collections.abc import Mapping
from types import MappingProxyType

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from fisc.core.economy import Observation, RoleSpec
from fisc.core.policy import Decision, Evaluation, TrainablePolicy
from fisc.core.spaces import Space
from fisc.policies.distributions import Distribution, Head, distribution, num_outputs
from fisc.policies.networks import SharedMLP
from fisc.policies.reading import CELLS, PUBLIC_CELLS, Layout, as_numbers, layout_of, standardize

FEATURE_LIMIT = 10.0
"""Normalized features are cut here: what was constant so far and moves for the first time must not explode."""


class Scale(eqx.Module):
    """Mean and standard deviation of each plain number of each block, from experience: not trained, but part of a
    policy. Maps have no entry."""

    mean: dict[str, Float[Array, " k"]]
    std: dict[str, Float[Array, " k"]]


class ActorCritic(TrainablePolicy):
    """Separate networks for choice and value over normalized features and flattened maps."""

    actor: SharedMLP
    critic: SharedMLP
    scale: Scale
    space: Space = eqx.field(static=True)
    layout: Layout = eqx.field(static=True)
    """What the networks read, in their order."""
    head: Head = eqx.field(static=True, default="categorical")
    critic_sees_maps: bool = eqx.field(static=True, default=True)
    actor_sees_mask: bool = eqx.field(static=True, default=False)

    def digest(self, observation: Observation) -> Observation:
        """Maps cut and flattened to what the networks read."""
        return self.layout.digest(observation)

    def _numbers(self, observation: Observation) -> tuple[Float[Array, "1 kp"], Float[Array, "n ko"]]:
        """Public and own numbers in the unit of experience."""
        scale, rows = jax.lax.stop_gradient(self.scale), observation.mask.shape[0]
        dtype = self.actor.weights[0].dtype
        read = lambda names: standardize(observation, names, scale.mean, scale.std, FEATURE_LIMIT)  # noqa: E731
        public = read(self.layout.public) if self.layout.public else jnp.zeros((1, 0), dtype)
        own = read(self.layout.own) if self.layout.own else jnp.zeros((rows, 0), dtype)
        return public, own

    def _with_maps(self, observation: Observation) -> tuple[Float[Array, "1 kp"], Float[Array, "n ko"]]:
        """The same, with the cells of maps behind them."""
        features, (public, own) = observation.features, self._numbers(observation)
        if PUBLIC_CELLS in features:
            public = jnp.concatenate([public, as_numbers(features[PUBLIC_CELLS], public.dtype)], axis=1)
        if CELLS in features:
            own = jnp.concatenate([own, as_numbers(features[CELLS], own.dtype)], axis=1)
        return public, own

    def _choose(self, observation: Observation) -> Distribution:
        digested = self.digest(observation)
        public, own = self._with_maps(digested)
        if self.actor_sees_mask:
            own = jnp.concatenate([own, as_numbers(observation.mask, own.dtype)], axis=1)
        return distribution(self.space, self.actor(public, own), observation.mask, self.head)

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
        read = self._with_maps if self.critic_sees_maps else self._numbers
        return self.critic(*read(self.digest(observation)))[:, 0]


def unit_scale(role: RoleSpec) -> Scale:
    """Features as they are."""
    sizes = {name: block.size for name, block in role.blocks.items() if not block.grid}
    return Scale(
        mean={name: jnp.zeros(size) for name, size in sizes.items()},
        std={name: jnp.ones(size) for name, size in sizes.items()},
    )


def make_policy(
    hidden: tuple[int, ...],
    head: Head = "categorical",
    *,
    critic_hidden: tuple[int, ...] | None = None,
    radius: Mapping[str, int] = MappingProxyType({}),
    critic_sees_maps: bool = True,
    actor_sees_mask: bool = False,
):
    """A maker of fresh policies with these hidden layers, as a learner wants it.

    Args:
        critic_hidden: hidden layers of the critic; None for the actor's.
        radius: how much is read of which map, see `reading.layout_of`; everything if empty.
        critic_sees_maps: whether the critic reads maps; without them it costs a fraction.
        actor_sees_mask: whether the legal actions are also features for the choice.
    """

    def make(key: Key[Array, ""], role: RoleSpec) -> ActorCritic:
        layout = layout_of(role, radius)
        key_actor, key_critic = jax.random.split(key)
        numbers = sum(role.blocks[name].size for name in layout.numbers)
        cells = sum(layer.size for layer in layout.layers + layout.public_layers)
        mask = role.actions.mask_size if actor_sees_mask else 0
        actor = SharedMLP(key_actor, numbers + cells + mask, hidden, num_outputs(role.actions, head), 0.01)
        critic = SharedMLP(key_critic, numbers + critic_sees_maps * cells, critic_hidden or hidden, 1, 1.0)
        return ActorCritic(
            actor, critic, unit_scale(role), role.actions, layout, head, critic_sees_maps, actor_sees_mask
        )

    return make


def set_scale(policy: ActorCritic, mean: dict[str, Array], std: dict[str, Array]) -> ActorCritic:
    """The same policy reading features on another scale."""
    return eqx.tree_at(lambda p: p.scale, policy, Scale(mean, std))
