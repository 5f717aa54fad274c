"""A policy made of two networks: one chooses, one values. Axis `n`: agents of a role."""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from fisc.core.economy import Observation, RoleSpec
from fisc.core.errors import ConfigError
from fisc.core.policy import Decision, Evaluation, TrainablePolicy
from fisc.core.spaces import Box, Space
from fisc.policies.distributions import (
    CATEGORICAL,
    Choosing,
    Distribution,
    GreedyChoice,
    Head,
    distribution,
    num_outputs,
    ordinal_outputs,
)
from fisc.policies.eyes import Eye, OwnEyes
from fisc.policies.memory import Memory, Recurrent
from fisc.policies.networks import OwnMLPs, SharedMLP
from fisc.policies.reading import CELLS, FLAGS, PUBLIC_CELLS, PUBLIC_FLAGS, Layout, layout_of, standardize

FEATURE_LIMIT = 10.0
"""Normalized features are cut here: what was constant so far and moves for the first time must not explode."""


class Scale(eqx.Module):
    """Mean and standard deviation of each plain number of each block, from experience: not trained, but part of a
    policy. Maps have no entry."""

    mean: dict[str, Float[Array, " k"]]
    std: dict[str, Float[Array, " k"]]


Network = SharedMLP | OwnMLPs | Recurrent
Eyes = dict[str, Eye | OwnEyes]
"""By what they look at: CELLS or PUBLIC_CELLS."""


class ActorCritic(TrainablePolicy):
    """Separate networks for choice and value over normalized features and maps, flattened or as eyes see them."""

    actor: Network
    critic: Network
    scale: Scale
    space: Space = eqx.field(static=True)
    layout: Layout = eqx.field(static=True)
    """What the networks read, in their order."""
    head: Head = eqx.field(static=True, default="categorical")
    critic_sees_maps: bool = eqx.field(static=True, default=True)
    actor_sees_mask: bool = eqx.field(static=True, default=False)
    greedy_choice: GreedyChoice = eqx.field(static=True, default="likeliest")
    actor_eyes: Eyes = eqx.field(default_factory=dict)
    """Empty: maps are read as so many numbers."""
    critic_eyes: Eyes = eqx.field(default_factory=dict)

    def digest(self, observation: Observation) -> Observation:
        """Maps cut and flattened to what the networks read."""
        return Observation(self.layout.digest(observation), observation.mask, observation.luck, observation.memory)

    def alone(self, agent: Int[Array, ""]) -> "ActorCritic":
        """With the networks of one agent, if every agent has its own."""
        is_own = lambda x: isinstance(x, OwnMLPs | OwnEyes | Recurrent)  # noqa: E731
        return jax.tree.map(lambda x: x.alone(agent) if is_own(x) else x, self, is_leaf=is_own)

    def first_memory(self, num_agents: int) -> dict[str, Memory] | None:
        """Of both networks, if they remember."""
        if not self.layout.remembers:
            return None
        return {"actor": self.actor.first_memory(num_agents), "critic": self.critic.first_memory(num_agents)}

    def remember(self, observation: Observation) -> dict[str, Memory] | None:
        """What both networks remember after a decision."""
        if not self.layout.remembers:
            return None
        memory = _memory(observation)
        return {
            "actor": self.actor.remember(*self._for_choice(observation), memory["actor"]),
            "critic": self.critic.remember(*self._for_value(observation), memory["critic"]),
        }

    def _for_choice(self, observation: Observation) -> tuple[list[Array], list[Array]]:
        """What the actor reads."""
        only, mask = self.layout.acts_on, self.actor_sees_mask
        return self._read(observation, self.actor_eyes, maps=True, mask=mask, only=only)

    def _for_value(self, observation: Observation) -> tuple[list[Array], list[Array]]:
        """What the critic reads."""
        return self._read(observation, self.critic_eyes, maps=self.critic_sees_maps, mask=False)

    def _read(
        self, observation: Observation, eyes: Eyes, *, maps: bool, mask: bool, only: tuple[str, ...] = ()
    ) -> tuple[list[Array], list[Array]]:
        """Public and own features in parts: numbers in the unit of experience, then maps, then the mask; or numbers of
        some blocks alone."""
        scale, features = jax.lax.stop_gradient(self.scale), self.layout.digest(observation)
        lead, dtype = observation.mask.shape[:-1], self.actor.weights[0].dtype
        parts = []
        kinds = ((self.layout.public, PUBLIC_FLAGS, PUBLIC_CELLS), (self.layout.own, FLAGS, CELLS))
        for names, flags, cells in kinds:
            names = tuple(name for name in names if name in only or not only)
            part = [standardize(features, names, scale.mean, scale.std, FEATURE_LIMIT)] if names else []
            part += [features[flags]] if flags in features and not only else []
            if maps and cells in features and not only:
                part.append(eyes[cells](features[cells]) if cells in eyes else features[cells])
            parts.append(part)
        public, own = parts
        if mask or not own:
            own.append(observation.mask if mask else jnp.zeros((*lead, 0), dtype))
        return public, own

    def _choose(self, observation: Observation, ended: Bool[Array, "*b l"] | None = None) -> Distribution:
        """A distribution whose rows are the agents of all environments, one after the other. `ended`: see `replay`."""
        outputs = _run(self.actor, self._for_choice(observation), observation, "actor", ended)
        mask = observation.mask
        rows = outputs.reshape(-1, outputs.shape[-1])
        return distribution(self.space, rows, mask.reshape(-1, mask.shape[-1]), self.head)

    def act(self, key: Key[Array, ""], observation: Observation) -> Decision:
        """Draw decisions. `key`: consumed."""
        choice = self._choose(observation)
        latent = choice.sample(key) if observation.luck is None else choice.at(observation.luck)
        return Decision(choice.action(latent), latent, choice.log_prob(latent), self.value(observation))

    def act_greedily(self, observation: Observation):
        """The most likely actions, or the median ones."""
        choice = self._choose(observation)
        return choice.action(choice.mode() if self.greedy_choice == "likeliest" else choice.median())

    def evaluate(self, observation: Observation, latent) -> Evaluation:
        """Earlier draws under the present parameters."""
        return self._evaluate(observation, latent, None)

    def replay(self, observation: Observation, latent, ended: Bool[Array, "*b l"]) -> Evaluation:
        """Earlier draws of sequences under the present parameters, through the memory they make."""
        return self._evaluate(observation, latent, ended)

    def _evaluate(self, observation: Observation, latent, ended: Bool[Array, "*b l"] | None) -> Evaluation:
        choice, lead = self._choose(observation, ended), observation.mask.shape[:-1]
        rows = latent.reshape(-1, *latent.shape[len(lead) :])
        log_prob, entropy = choice.log_prob(rows).reshape(lead), choice.entropy().reshape(lead)
        return Evaluation(log_prob, entropy, self._judge(observation, ended))

    def value(self, observation: Observation):
        """Expected return in the learner's normalized unit."""
        return self._judge(observation, None)

    def _judge(self, observation: Observation, ended: Bool[Array, "*b l"] | None) -> Float[Array, "*c n"]:
        return _run(self.critic, self._for_value(observation), observation, "critic", ended)[..., 0]


def _run(network: Network, parts: tuple[list[Array], list[Array]], observation: Observation, name: str, ended):
    """Outputs of a network; of one that remembers, for one decision or for sequences of them."""
    if not isinstance(network, Recurrent):
        return network(*parts)
    memory = _memory(observation)[name]
    return network(*parts, memory) if ended is None else network.replay(*parts, memory, ended)


def _memory(observation: Observation) -> dict[str, Memory]:
    if observation.memory is None:
        raise ConfigError(
            "this policy remembers: give every observation its memory, first policy.first_memory(number of agents), "
            "then policy.remember(observation)"
        )
    return observation.memory


def unit_scale(role: RoleSpec) -> Scale:
    """Features as they are."""
    sizes = {name: block.size for name, block in role.blocks.items() if not block.grid}
    return Scale(
        mean={name: jnp.zeros(size) for name, size in sizes.items()},
        std={name: jnp.ones(size) for name, size in sizes.items()},
    )


def make_policy(
    hidden: tuple[int, ...],
    choosing: Choosing = CATEGORICAL,
    *,
    critic_hidden: tuple[int, ...] | None = None,
    read: Callable[[RoleSpec], Layout] = layout_of,
    critic_sees_maps: bool = True,
    actor_sees_mask: bool = False,
    own_networks: bool = False,
):
    """A maker of fresh policies with these hidden layers, as a learner wants it.

    Args:
        choosing: how the actor's outputs are read.
        critic_hidden: hidden layers of the critic; None for the actor's.
        read: what is read of a role's observation, see `reading.layout_of`; by default everything, as it is.
        critic_sees_maps: whether the critic reads maps; without them it costs a fraction.
        actor_sees_mask: whether the legal actions are also features for the choice.
        own_networks: whether each agent has networks of its own, in place of one for all.
    """

    def make(key: Key[Array, ""], role: RoleSpec) -> ActorCritic:
        """A policy for a role, as large as what it sees and does. `key`: consumed."""
        layout = read(role)
        key_actor, key_critic, *keys = jax.random.split(key, 2 if layout.look is None else 4)
        num = role.num_agents if own_networks else 0
        actor_eyes = _eyes(layout, keys[0], num) if keys and not layout.acts_on else {}
        critic_eyes = _eyes(layout, keys[1], num) if keys and critic_sees_maps else {}
        numbers = sum(role.blocks[name].size for name in layout.numbers) + layout.num_flags
        mask = role.actions.mask_size if actor_sees_mask else 0
        seen = _size_of_maps(layout, actor_eyes) + numbers
        seen = sum(role.blocks[name].size for name in layout.acts_on) if layout.acts_on else seen
        chooses = {"num_features": seen + mask, "hidden": hidden}
        judges = {"num_features": numbers + critic_sees_maps * _size_of_maps(layout, critic_eyes)}
        judges |= {"hidden": critic_hidden or hidden, "size": 1, "last_scale": 1.0}
        network = Recurrent if layout.remembers else SharedMLP
        actor = _networks(partial(_actor, network, role.actions, choosing, **chooses), key_actor, num)
        critic = _networks(partial(network, **judges), key_critic, num)
        return ActorCritic(
            actor=actor,
            critic=critic,
            scale=unit_scale(role),
            space=role.actions,
            layout=layout,
            head=choosing.head,
            critic_sees_maps=critic_sees_maps,
            actor_sees_mask=actor_sees_mask,
            greedy_choice=choosing.greedy,
            actor_eyes=actor_eyes,
            critic_eyes=critic_eyes,
        )

    return make


def set_scale(policy: ActorCritic, mean: dict[str, Array], std: dict[str, Array]) -> ActorCritic:
    """The same policy reading features on another scale."""
    return eqx.tree_at(lambda p: p.scale, policy, Scale(mean, std))


def _eyes(layout: Layout, key: Key[Array, ""], num: int) -> Eyes:
    """An eye for each kind of maps that there is, or `num` of them if that is above 0. `key`: consumed."""
    kinds, eyes = {CELLS: layout.layers, PUBLIC_CELLS: layout.public_layers}, {}
    for (name, layers), one in zip(kinds.items(), jax.random.split(key, len(kinds)), strict=True):
        if layers:
            make_one = partial(Eye, layers=layers, look=layout.look)
            eyes[name] = OwnEyes(jax.lax.map(make_one, jax.random.split(one, num))) if num else make_one(one)
    return eyes


def _size_of_maps(layout: Layout, eyes: Eyes) -> int:
    """Numbers that are read of maps."""
    if layout.look is None:
        return sum(layer.size for layer in layout.layers + layout.public_layers)
    return sum((eye.eyes if isinstance(eye, OwnEyes) else eye).num_features for eye in eyes.values())


def _actor(
    network: type[SharedMLP | Recurrent],
    space: Space,
    choosing: Choosing,
    key: Key[Array, ""],
    **shape,
) -> SharedMLP | Recurrent:
    """A network that chooses; an ordinal one opens where it is told. `key`: consumed."""
    actor = network(key, size=num_outputs(space, choosing.head), last_scale=0.01, **shape)
    if choosing.head != "ordinal" or isinstance(space, Box):
        return actor
    last = lambda network: network.outward_bias if isinstance(network, Recurrent) else network.biases[-1]  # noqa: E731
    bias = jnp.tile(jnp.asarray(ordinal_outputs(*choosing.opening), last(actor).dtype), last(actor).size // 2)
    return eqx.tree_at(last, actor, bias)


def _networks(make_one: Callable[[Key[Array, ""]], SharedMLP | Recurrent], key: Key[Array, ""], num: int) -> Network:
    """One network, or `num` of them if that is above 0. `key`: consumed.

    They are made one after the other: jaxlib 0.10 waits forever for several batched QR decompositions on a CPU without
    threads inside an operation, which is how runs are spread over cores.
    """
    if not num:
        return make_one(key)
    networks = jax.lax.map(make_one, jax.random.split(key, num))
    if isinstance(networks, SharedMLP):
        return OwnMLPs(networks)
    return eqx.tree_at(lambda network: network.trunk, networks, OwnMLPs(networks.trunk))
