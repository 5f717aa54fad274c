"""A policy made of two networks: one chooses, one values. Axis `n`: agents of a role."""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from fisc.core.economy import Observation, RoleSpec
from fisc.core.policy import Decision, Evaluation, TrainablePolicy
from fisc.core.spaces import Box, Space
from fisc.policies.distributions import FIRST_WIDTH, Distribution, Head, distribution, num_outputs, ordinal_outputs
from fisc.policies.networks import OwnMLPs, SharedMLP
from fisc.policies.reading import CELLS, FLAGS, PUBLIC_CELLS, PUBLIC_FLAGS, Layout, layout_of, standardize

FEATURE_LIMIT = 10.0
"""Normalized features are cut here: what was constant so far and moves for the first time must not explode."""


class Scale(eqx.Module):
    """Mean and standard deviation of each plain number of each block, from experience: not trained, but part of a
    policy. Maps have no entry."""

    mean: dict[str, Float[Array, " k"]]
    std: dict[str, Float[Array, " k"]]


class ActorCritic(TrainablePolicy):
    """Separate networks for choice and value over normalized features and flattened maps."""

    actor: SharedMLP | OwnMLPs
    critic: SharedMLP | OwnMLPs
    scale: Scale
    space: Space = eqx.field(static=True)
    layout: Layout = eqx.field(static=True)
    """What the networks read, in their order."""
    head: Head = eqx.field(static=True, default="categorical")
    critic_sees_maps: bool = eqx.field(static=True, default=True)
    actor_sees_mask: bool = eqx.field(static=True, default=False)

    def digest(self, observation: Observation) -> Observation:
        """Maps cut and flattened to what the networks read."""
        return Observation(self.layout.digest(observation), observation.mask, observation.luck)

    def alone(self, agent: Int[Array, ""]) -> "ActorCritic":
        """With the networks of one agent, if every agent has its own."""
        is_own = lambda x: isinstance(x, OwnMLPs)  # noqa: E731
        return jax.tree.map(lambda x: x.alone(agent) if is_own(x) else x, self, is_leaf=is_own)

    def _read(
        self, observation: Observation, *, maps: bool, mask: bool, only: tuple[str, ...] = ()
    ) -> tuple[list[Array], list[Array]]:
        """Public and own features in parts: numbers in the unit of experience, then cells of maps, then the mask; or
        numbers of some blocks alone."""
        scale, features = jax.lax.stop_gradient(self.scale), self.layout.digest(observation)
        lead, dtype = observation.mask.shape[:-1], self.actor.weights[0].dtype
        parts = []
        kinds = ((self.layout.public, PUBLIC_FLAGS, PUBLIC_CELLS), (self.layout.own, FLAGS, CELLS))
        for names, flags, cells in kinds:
            names = tuple(name for name in names if name in only or not only)
            part = [standardize(features, names, scale.mean, scale.std, FEATURE_LIMIT)] if names else []
            part += [features[flags]] if flags in features and not only else []
            parts.append(part + ([features[cells]] if maps and cells in features and not only else []))
        public, own = parts
        if mask or not own:
            own.append(observation.mask if mask else jnp.zeros((*lead, 0), dtype))
        return public, own

    def _choose(self, observation: Observation) -> Distribution:
        """A distribution whose rows are the agents of all environments, one after the other."""
        outputs = self.actor(*self._read(observation, maps=True, mask=self.actor_sees_mask, only=self.layout.acts_on))
        mask = observation.mask
        rows = outputs.reshape(-1, outputs.shape[-1])
        return distribution(self.space, rows, mask.reshape(-1, mask.shape[-1]), self.head)

    def act(self, key: Key[Array, ""], observation: Observation) -> Decision:
        """Draw decisions. `key`: consumed."""
        choice = self._choose(observation)
        latent = choice.sample(key) if observation.luck is None else choice.at(observation.luck)
        return Decision(choice.action(latent), latent, choice.log_prob(latent), self.value(observation))

    def act_greedily(self, observation: Observation):
        """The most likely actions."""
        choice = self._choose(observation)
        return choice.action(choice.mode())

    def evaluate(self, observation: Observation, latent) -> Evaluation:
        """Earlier draws under the present parameters."""
        choice, lead = self._choose(observation), observation.mask.shape[:-1]
        rows = latent.reshape(-1, *latent.shape[len(lead) :])
        log_prob, entropy = choice.log_prob(rows).reshape(lead), choice.entropy().reshape(lead)
        return Evaluation(log_prob, entropy, self.value(observation))

    def value(self, observation: Observation):
        """Expected return in the learner's normalized unit."""
        return self.critic(*self._read(observation, maps=self.critic_sees_maps, mask=False))[..., 0]


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
    read: Callable[[RoleSpec], Layout] = layout_of,
    critic_sees_maps: bool = True,
    actor_sees_mask: bool = False,
    opening: tuple[float, float] = (0.5, FIRST_WIDTH),
    own_networks: bool = False,
):
    """A maker of fresh policies with these hidden layers, as a learner wants it.

    Args:
        critic_hidden: hidden layers of the critic; None for the actor's.
        read: what is read of a role's observation, see `reading.layout_of`; by default everything, as it is.
        critic_sees_maps: whether the critic reads maps; without them it costs a fraction.
        actor_sees_mask: whether the legal actions are also features for the choice.
        opening: location and width of ordinal choices before anything is learned, as shares of the range.
        own_networks: whether each agent has networks of its own, in place of one for all.
    """

    def make(key: Key[Array, ""], role: RoleSpec) -> ActorCritic:
        """A policy for a role, as large as what it sees and does. `key`: consumed."""
        layout = read(role)
        key_actor, key_critic = jax.random.split(key)
        numbers = sum(role.blocks[name].size for name in layout.numbers) + layout.num_flags
        cells = sum(layer.size for layer in layout.layers + layout.public_layers)
        mask = role.actions.mask_size if actor_sees_mask else 0
        seen = sum(role.blocks[name].size for name in layout.acts_on) if layout.acts_on else numbers + cells
        chooses = {"num_features": seen + mask, "hidden": hidden}
        values = {"num_features": numbers + critic_sees_maps * cells, "hidden": critic_hidden or hidden}
        num = role.num_agents if own_networks else 0
        actor = _networks(partial(_actor, role.actions, head, opening, **chooses), key_actor, num)
        critic = _networks(partial(SharedMLP, size=1, last_scale=1.0, **values), key_critic, num)
        return ActorCritic(
            actor, critic, unit_scale(role), role.actions, layout, head, critic_sees_maps, actor_sees_mask
        )

    return make


def set_scale(policy: ActorCritic, mean: dict[str, Array], std: dict[str, Array]) -> ActorCritic:
    """The same policy reading features on another scale."""
    return eqx.tree_at(lambda p: p.scale, policy, Scale(mean, std))


def _actor(space: Space, head: Head, opening: tuple[float, float], key: Key[Array, ""], **shape) -> SharedMLP:
    """A network that chooses; an ordinal one opens where it is told. `key`: consumed."""
    actor = SharedMLP(key, size=num_outputs(space, head), last_scale=0.01, **shape)
    if head != "ordinal" or isinstance(space, Box):
        return actor
    bias = jnp.tile(jnp.asarray(ordinal_outputs(*opening), actor.biases[-1].dtype), actor.biases[-1].size // 2)
    return eqx.tree_at(lambda network: network.biases[-1], actor, bias)


def _networks(make_one: Callable[[Key[Array, ""]], SharedMLP], key: Key[Array, ""], num: int) -> SharedMLP | OwnMLPs:
    """One network, or `num` of them if that is above 0. `key`: consumed.

    They are made one after the other: jaxlib 0.10 waits forever for several batched QR decompositions on a CPU without
    threads inside an operation, which is how runs are spread over cores.
    """
    return OwnMLPs(jax.lax.map(make_one, jax.random.split(key, num))) if num else make_one(key)
