"""Play a batch of environments: periods around steps, so that a role's trajectory follows the role's own clock.

Whole episodes, or fragments of them: some periods of an episode that goes on with the next update. All environments
share the step within the period, so that what happens once a period happens in all of them at once.

Axes: `p` periods, `s` steps in a period, `t` decisions of a role, `e` environments, `n` agents.
"""

from collections.abc import Mapping
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, Shaped

from fisc.core.economy import Economy, Observation, RoleSpec
from fisc.core.knobs import Knobs, full_knobs
from fisc.core.policy import Decision, Policy, TrainablePolicy
from fisc.core.trajectory import Trajectory

Memories = dict[str, PyTree[Array]]
"""What the agents of each role remember; None for a role whose policy remembers nothing."""


class Experience(eqx.Module):
    """What a batch of environments went through."""

    state: PyTree[Array]
    """At the end."""
    trajectories: dict[str, Trajectory]
    residual: Float[Array, " e"]
    """Largest ledger residual of any step."""


class Fragment(eqx.Module):
    """What a batch of environments went through in some periods, and what ended."""

    experience: Experience
    clock: Int[Array, " e"]
    """Periods played of the present episode: as many as it has if it has just ended."""
    ended: Bool[Array, "p e"]
    """Whether an episode ended with the period."""
    metrics: dict[str, Float[Array, "p e"]]
    """The economy's aggregates at the end of each period."""
    memories: Memories
    """Leading axis `e`."""


class _Moment(eqx.Module):
    """Of one environment (axis `n`), or stacked: see `_Period`."""

    observation: Observation
    decision: Decision
    reward: Float[Array, "*axes n"]


class _Period(eqx.Module):
    fast: dict[str, _Moment]
    """Of roles that act at every step: axes [s, e]."""
    slow: dict[str, _Moment]
    """Of roles that act once a period: axis [e], the reward summed over the period."""
    residual: Float[Array, "*p e"]


def play_episodes(
    economy: Economy, policies: Mapping[str, Policy], key: Key[Array, ""], states: PyTree[Array], knobs: Knobs
) -> Experience:
    """Play whole episodes, each from its start; trajectories come with axes [t, e, n]. `key`: consumed."""
    periods = economy.spec.periods
    num = num_environments(states)
    keys = jax.vmap(lambda k: jax.random.split(k, periods))(jax.random.split(key, num))
    play = lambda carry, keys: _play_period(economy, policies, keys, carry, knobs)  # noqa: E731
    carry = states, first_memories(economy, policies, num)
    (final, _), played = jax.lax.scan(play, carry, jnp.swapaxes(keys, 0, 1))
    ended = jnp.broadcast_to(jnp.arange(periods)[:, None] == periods - 1, played.residual.shape)
    return _experience(economy, final, played, ended, {})


def play_fragments(
    economy: Economy,
    policies: Mapping[str, Policy],
    key: Key[Array, ""],
    states: PyTree[Array],
    clock: Int[Array, " e"],
    knobs: Knobs,
    num_periods: int,
    memories: Memories | None = None,
) -> Fragment:
    """Play some periods in every environment. Whose episode is over begins another one before the next period.

    Args:
        key: consumed.
        clock: periods played of the episode that each environment is in.
        memories: what everybody remembers of it; None: nothing, as at its start.
    """
    spec, num = economy.spec, num_environments(states)
    blank = first_memories(economy, policies, num)

    def play(carry, keys):
        """Reset whose episode is over, then play one period everywhere."""
        states, memories, clock = carry
        key_reset, key_play = keys
        is_over = clock >= spec.periods
        fresh = jax.vmap(economy.reset)(jax.random.split(key_reset, num), states)
        carry = jax.tree.map(partial(choose, is_over), (fresh, blank), (states, memories))
        (states, memories), period = _play_period(economy, policies, jax.random.split(key_play, num), carry, knobs)
        clock = jnp.where(is_over, 0, clock) + 1
        return (states, memories, clock), (period, clock >= spec.periods, jax.vmap(economy.metrics)(states))

    keys = jax.random.split(key, (num_periods, 2))
    carry = states, blank if memories is None else memories, clock
    (final, memories, clock), (played, ended, metrics) = jax.lax.scan(play, carry, (keys[:, 0], keys[:, 1]))
    values = _values(economy, policies, final, memories, knobs)
    return Fragment(_experience(economy, final, played, ended, values), clock, ended, metrics, memories)


@eqx.filter_jit
def play_actions(
    economy: Economy, policies: Mapping[str, Policy], start, key_act, key_world
) -> dict[str, Shaped[Array, "steps n ..."]]:
    """Everybody's actions in one episode of one environment; who acts once a period repeats it until the next one.

    The key of step t is `fold_in(key_world, t)`, so that whoever has the actions can go through the episode again.

    Args:
        start: the first state.
        key_act: consumed.
        key_world: consumed.
    """
    spec, knobs = economy.spec, full_knobs()

    def decide(state, memories, step):
        """What everybody would do now, and would then remember."""
        seen = _with_memories(economy.observe(state, knobs), memories)
        keys = dict(zip(spec.roles, jax.random.split(jax.random.fold_in(key_act, step), len(spec.roles)), strict=True))
        chosen = {role: policies[role].act(keys[role], seen[role]).action for role in spec.roles}
        return chosen, {role: policies[role].remember(seen[role]) for role in spec.roles}

    def step(carry, index):
        """Act on what was chosen now, or at the start of the period."""
        state, held, memories = carry
        chosen, remembered = decide(state, memories, index)
        is_start = index % spec.steps_per_period == 0
        for role, entry in spec.roles.items():
            now = is_start if entry.acts_each == "period" else None
            held[role] = chosen[role] if now is None else jnp.where(now, chosen[role], held[role])
            awake = entry.is_awake(index % spec.steps_per_period) if now is None else now
            memories[role] = _remembered(awake, remembered[role], memories[role])
        after = economy.step(jax.random.fold_in(key_world, index), state, held, knobs)
        return (after.state, held, memories), held

    memories = {role: policies[role].first_memory(entry.num_agents) for role, entry in spec.roles.items()}
    silent = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(decide, start, memories, jnp.int32(0))[0]
    )
    return jax.lax.scan(step, (start, silent, memories), jnp.arange(spec.steps))[1]


def first_memories(economy: Economy, policies: Mapping[str, Policy], num: int) -> Memories:
    """What everybody remembers when an episode begins, in so many environments."""
    first = {role: policies[role].first_memory(entry.num_agents) for role, entry in economy.spec.roles.items()}
    return jax.tree.map(lambda x: jnp.broadcast_to(x[None], (num, *x.shape)), first)


def num_environments(states: PyTree[Array]) -> int:
    """Environments in a batch."""
    return jax.tree.leaves(states)[0].shape[0]


def choose(flag: Bool[Array, " e"], yes: Array, no: Array) -> Array:
    """Environment by environment."""
    return jnp.where(flag.reshape(-1, *[1] * (yes.ndim - 1)), yes, no)


def _play_period(
    economy: Economy,
    policies: Mapping[str, Policy],
    keys: Key[Array, " e"],
    before: tuple[PyTree[Array], Memories],
    knobs: Knobs,
) -> tuple[tuple[PyTree[Array], Memories], _Period]:
    """Play one period in every environment. `keys`: consumed. `before`: states, and what everybody remembers."""
    spec, (states, memories) = economy.spec, before
    slow = [role for role, entry in spec.roles.items() if entry.acts_each == "period"]
    fast = [role for role in spec.roles if role not in slow]
    step = partial(_step, economy, policies, fast, knobs)

    def play(carry, inputs):
        """One step everywhere."""
        states, held, memories = carry
        step_keys, awake = inputs
        states, moments, slow_rewards, residuals, new = jax.vmap(step)(step_keys, states, held, memories)
        memories = {role: _remembered(awake.get(role), new[role], memories[role]) for role in fast}
        return (states, held, memories), (moments, slow_rewards, residuals)

    # The steps have keys of their own: who decides once a period must not change anybody's luck.
    halves = jax.vmap(jax.random.split)(keys)
    slow_keys = jax.vmap(lambda k: jax.random.split(k, len(slow)))(halves[:, 0])
    step_keys = jax.vmap(lambda k: jax.random.split(k, spec.steps_per_period))(halves[:, 1])
    decide = partial(_see_and_decide, economy, policies, slow, knobs)
    seen, decisions, later = jax.vmap(decide)(slow_keys, states, {role: memories[role] for role in slow})
    held = {role: d.action for role, d in decisions.items()}
    now = {role: memories[role] for role in fast}
    steps, with_pauses = jnp.arange(spec.steps_per_period), [role for role in fast if spec.roles[role].idle_steps]
    awake = {r: jax.vmap(spec.roles[r].is_awake)(steps) for r in with_pauses if now[r] is not None}
    inputs = jnp.swapaxes(step_keys, 0, 1), awake
    (states, _, now), (moments, slow_rewards, residuals) = jax.lax.scan(play, (states, held, now), inputs)
    slow_moments = {role: _Moment(seen[role], decisions[role], jnp.sum(slow_rewards[role], axis=0)) for role in slow}
    return (states, now | later), _Period(moments, slow_moments, jnp.max(residuals, axis=0))


def _remembered(awake: Bool[Array, ""] | None, new: PyTree[Array], old: PyTree[Array]) -> PyTree[Array]:
    """The new memory, or the old one if the role was not awake; None: it was."""
    return new if awake is None else jax.tree.map(lambda new, old: jnp.where(awake, new, old), new, old)


def _step(economy, policies, fast, knobs, key, state, held, memories):
    """One step of one environment: what happened to the roles that act now, what the others earned, the books, and what
    those who act now remember."""
    key_draw, *act_keys = jax.random.split(key, 1 + len(fast))
    seen, decisions, remembered = _see_and_decide(economy, policies, fast, knobs, act_keys, state, memories)
    actions = {**{role: d.action for role, d in decisions.items()}, **held}
    after = economy.step(key_draw, state, actions, knobs)
    moments = {role: _Moment(seen[role], decisions[role], after.rewards[role]) for role in fast}
    slow_rewards = {role: reward for role, reward in after.rewards.items() if role not in fast}
    return after.state, moments, slow_rewards, after.ledger.residual(), remembered


def _see_and_decide(economy, policies, roles, knobs, keys, state, memories):
    """What some roles see in one environment, digested and with what they remember; what they decide; and what they
    then remember."""
    seen = _with_memories(economy.observe(state, knobs), memories)
    digested = {role: policies[role].digest(seen[role]) for role in roles}
    keys = dict(zip(roles, keys, strict=True))
    decisions = {role: _decide(role, policies[role], keys[role], digested[role], knobs) for role in roles}
    return digested, decisions, {role: policies[role].remember(digested[role]) for role in roles}


def _with_memories(seen: Mapping[str, Observation], memories: Memories) -> dict[str, Observation]:
    """What everybody sees, with what those remember who do."""
    return {
        role: observation if memories.get(role) is None else observation.with_memory(memories[role])
        for role, observation in seen.items()
    }


def _decide(role: str, policy: Policy, key: Key[Array, ""], seen: Observation, knobs: Knobs) -> Decision:
    """Draw a decision; a settled role, which does not learn either, does what it finds most likely."""
    decision = policy.act(key, seen)
    if role not in knobs.exploring:
        return decision
    action = jnp.where(knobs.exploring[role], decision.action, policy.act_greedily(seen))
    return eqx.tree_at(lambda d: d.action, decision, action)


def _values(economy, policies, states, memories, knobs) -> dict[str, Float[Array, "e n"]]:
    """What the critics expect from here on; a policy without one expects nothing."""
    seen = _with_memories(jax.vmap(lambda state: economy.observe(state, knobs))(states), memories)
    return {role: policies[role].value(seen[role]) for role in seen if isinstance(policies[role], TrainablePolicy)}


def _experience(economy: Economy, final, played: _Period, ended: Bool[Array, "p e"], values) -> Experience:
    """Trajectories of all roles. `values`: after the last decision, of the roles that have any."""
    spec, trajectories = economy.spec, {}
    steps = jnp.arange(spec.steps_per_period) == spec.steps_per_period - 1
    shape = (ended.shape[0], spec.steps_per_period, ended.shape[1])
    at_steps = jnp.broadcast_to(ended[:, None, :], shape) & jnp.broadcast_to(steps[None, :, None], shape)
    for role in spec.roles:
        if role in played.slow:
            moment, over = played.slow[role], ended
        else:
            moment, over = _on_own_clock(played.fast[role], at_steps, spec.roles[role])
        decision = moment.decision
        last_value = values.get(role, jnp.zeros_like(moment.reward[0]))
        trajectories[role] = Trajectory(
            moment.observation, decision.latent, decision.log_prob, decision.value, moment.reward, last_value, over
        )
    return Experience(final, trajectories, jnp.max(played.residual, axis=0))


def _on_own_clock(moment: _Moment, ended: Bool[Array, "p s e"], role: RoleSpec) -> tuple[_Moment, Bool[Array, "t e"]]:
    """From axes [p, s] to [t], without idle steps; what they earned belongs to the decision before them."""
    periods, steps = ended.shape[:2]
    moment, ended = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), (moment, ended))
    chosen = [t for t in range(periods * steps) if t % steps not in role.idle_steps]
    if len(chosen) < periods * steps:
        # Rewards before the first choice of an episode follow from nothing that the role decided: they are left out.
        decision = np.searchsorted(chosen, np.arange(chosen[0], periods * steps), side="right") - 1
        add = partial(jax.ops.segment_sum, segment_ids=jnp.asarray(decision), num_segments=len(chosen))
        earned, ends = add(moment.reward[chosen[0] :]), add(ended[chosen[0] :].astype(jnp.int32))
        kept = jax.tree.map(lambda x: x[jnp.asarray(chosen)], moment)
        moment, ended = eqx.tree_at(lambda m: m.reward, kept, earned), ends > 0
    return moment, ended
