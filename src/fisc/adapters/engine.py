"""What an adapter compiles: the start of an episode, one step of everybody, one decision of a single agent.

Economy, policies and knobs are arguments, so that a second environment of the same structure compiles nothing. Random
numbers of an episode come from one key; `episode_keys` says how. Axis `n`: agents of a role.
"""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, Shaped

from fisc.core.economy import Economy, EconomySpec, Observation, Role
from fisc.core.knobs import Knobs
from fisc.core.policy import Policy
from fisc.core.spaces import Box, MultiDiscrete, Space


class Keys(NamedTuple):
    """The random streams of one episode. Step t takes `fold_in(key, t)` of the second and third."""

    start: Key[Array, ""]
    """For `economy.init` or `economy.reset`."""
    steps: Key[Array, ""]
    """For `economy.step`."""
    others: Key[Array, ""]
    """For the policies of everybody who is not the agent."""


def episode_keys(seed: int, episode: int) -> Keys:
    """The keys of an episode: `reset(seed=…)` starts episode 0, each further `reset()` the next one."""
    return Keys(*jax.random.split(jax.random.fold_in(jax.random.key(seed), episode), 3))


class View(eqx.Module):
    """What all agents of one role see, as other libraries want it."""

    features: dict[str, Shaped[Array, "_ ..."]]
    """Named blocks: real numbers in single precision, integers as they are; leading axis 1 if all see the same."""
    mask: Bool[Array, "n a"]


def _views(economy: Economy, state: PyTree, t: Int[Array, ""], knobs: Knobs) -> dict[Role, View]:
    """What everybody sees at step `t`. A role that acts once a period has no choice between its decisions."""
    spec = economy.spec
    is_start = t % spec.steps_per_period == 0
    views = {}
    for role, seen in economy.observe(state, knobs).items():
        mask = seen.mask
        if spec.roles[role].acts_each == "period":
            mask = jnp.where(is_start, mask, spec.roles[role].actions.idle()[None, :])
        views[role] = View(jax.tree.map(_single, seen.features), mask)
    return views


def _single(values: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
    return values.astype(jnp.float32) if jnp.issubdtype(values.dtype, jnp.floating) else values


def view_shapes(economy: Economy, knobs: Knobs) -> dict[Role, View]:
    """Shapes and types of what everybody sees, without computing it."""

    def look(key):
        """What is seen at the start."""
        return _views(economy, economy.init(key), jnp.zeros((), jnp.int32), knobs)

    return jax.eval_shape(look, jax.random.key(0))


@eqx.filter_jit
def begin(economy: Economy, key: Key[Array, ""], earlier: PyTree | None, knobs: Knobs):
    """Start an episode: the state, and what everybody sees. `earlier`: the last episode's state, or None."""
    state = economy.init(key) if earlier is None else economy.reset(key, earlier)
    return state, _views(economy, state, jnp.zeros((), jnp.int32), knobs)


@eqx.filter_jit
def advance(
    economy: Economy, key: Key[Array, ""], t: Int[Array, ""], state: PyTree, actions: dict[Role, Any], knobs: Knobs
):
    """Take step `t`: the state after it, what everybody then sees, and rewards in single precision."""
    after = economy.step(jax.random.fold_in(key, t), state, actions, knobs)
    rewards = {role: reward.astype(jnp.float32) for role, reward in after.rewards.items()}
    return after.state, _views(economy, after.state, t + 1, knobs), rewards


@eqx.filter_jit
def measure(economy: Economy, state: PyTree) -> dict[str, Float[Array, ""]]:
    """The economy's aggregates as it stands."""
    return economy.metrics(state)


class Seat(eqx.Module):
    """One agent's place in an economy, and the policies of all others."""

    economy: Economy
    policies: dict[Role, Policy]
    """Of every other role, and of the agent's own if it is not alone in it."""
    knobs: Knobs
    index: Int[Array, ""]
    """Of the agent in its role."""
    role: Role = eqx.field(static=True)


class Place(eqx.Module):
    """Where a single agent's episode stands."""

    state: PyTree
    held: dict[Role, Shaped[Array, "n ..."]]
    """Last actions of the other roles that act once a period."""
    memories: dict[Role, PyTree]
    """What the others remember, by their policies' own account."""


def decision_steps(spec: EconomySpec, role: Role) -> tuple[int, ...]:
    """Steps of an episode in which a role has a choice: its own clock."""
    entry, length = spec.roles[role], spec.steps_per_period
    if entry.acts_each == "period":
        return tuple(range(0, spec.steps, length))
    return tuple(t for t in range(spec.steps) if t % length not in entry.idle_steps)


def idle_action(space: Space) -> Shaped[Array, "..."]:
    """What an agent does in a step in which it has no choice."""
    if isinstance(space, Box):
        return jnp.full(space.size, space.low, jnp.float32)
    return jnp.zeros(len(space.sizes) if isinstance(space, MultiDiscrete) else (), jnp.int32)


@eqx.filter_jit
def take_seat(seat: Seat, key: Key[Array, ""], earlier: PyTree | None) -> Place:
    """Start an episode. Nobody has decided anything yet."""
    economy = seat.economy
    state = economy.init(key) if earlier is None else economy.reset(key, earlier)
    slow = [r for r, entry in economy.spec.roles.items() if entry.acts_each == "period" and r in seat.policies]
    seen = economy.observe(state, seat.knobs)
    memories = {r: policy.first_memory(economy.spec.roles[r].num_agents) for r, policy in seat.policies.items()}
    seen = {r: observation.with_memory(memories.get(r)) for r, observation in seen.items()}
    shapes = {r: jax.eval_shape(lambda r=r: seat.policies[r].act(key, seen[r]).action) for r in slow}
    return Place(state, {r: jnp.zeros(shape.shape, shape.dtype) for r, shape in shapes.items()}, memories)


@eqx.filter_jit
def play(seat: Seat, place: Place, keys: Keys, action: Any, start: Int[Array, ""], stop: Int[Array, ""]):
    """Play steps `start`, …, `stop` - 1. The agent takes `action` in the first one; it stays if it acts once a period.

    Returns:
        The place after them, what the agent's role sees there, and the agent's reward summed over them.
    """
    economy, role = seat.economy, seat.role
    entry = economy.spec.roles[role]
    is_slow, idle = entry.acts_each == "period", idle_action(entry.actions)

    def step(t, carry):
        """One step, with the agent's action if it is due."""
        place, total = carry
        own = action if is_slow else jnp.where(t == start, action, idle)
        place, reward = _step(seat, place, keys, own, t)
        return place, total + reward

    place, total = jax.lax.fori_loop(start, stop, step, (place, jnp.zeros((), jnp.float32)))
    return place, _views(economy, place.state, stop, seat.knobs)[role], total


def _step(seat: Seat, place: Place, keys: Keys, own: Any, t: Int[Array, ""]) -> tuple[Place, Float[Array, ""]]:
    """One step: everybody else decides, the agent does `own`."""
    economy, spec = seat.economy, seat.economy.spec
    seen = economy.observe(place.state, seat.knobs)
    key_others, step = jax.random.fold_in(keys.others, t), t % spec.steps_per_period
    actions, held, memories = {}, {}, {}
    for number, (role, entry) in enumerate(spec.roles.items()):
        if role in seat.policies:
            key = jax.random.fold_in(key_others, number)
            is_slow = entry.acts_each == "period"
            last, policy = place.held[role] if is_slow else None, seat.policies[role]
            observation = seen[role].with_memory(place.memories[role])
            actions[role] = _decide(policy, key, observation, last, step == 0)
            awake = step == 0 if is_slow else entry.is_awake(step)
            later = policy.remember(observation), place.memories[role]
            memories[role] = jax.tree.map(partial(jnp.where, awake), *later)
            held |= {role: actions[role]} if is_slow else {}
    if seat.role in actions:
        companions = actions[seat.role]
        actions[seat.role] = companions.at[seat.index].set(own.astype(companions.dtype))
    else:
        actions[seat.role] = own[None]
    after = economy.step(jax.random.fold_in(keys.steps, t), place.state, actions, seat.knobs)
    return Place(after.state, held, memories), after.rewards[seat.role][seat.index].astype(jnp.float32)


def _decide(policy: Policy, key: Key[Array, ""], seen: Observation, last: Any, is_start: Bool[Array, ""]):
    """A role's actions; one that acts once a period keeps its last ones in between."""
    if last is None:
        return policy.act(key, seen).action
    return jax.lax.cond(is_start, lambda: policy.act(key, seen).action, lambda: last)
