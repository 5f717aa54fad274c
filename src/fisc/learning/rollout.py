"""Play whole episodes: periods around steps, so that a role's trajectory follows the role's own clock.

Axes: `p` periods, `s` steps in a period, `t` decisions of a role, `e` environments, `n` agents.
"""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from fisc.core.economy import Economy, Observation, RoleSpec
from fisc.core.knobs import Knobs
from fisc.core.policy import Decision, Policy
from fisc.core.trajectory import Trajectory


class Episode(eqx.Module):
    """What one environment (or, with a leading axis `e`, a batch of them) went through in an episode."""

    state: PyTree[Array]
    """At the end."""
    trajectories: dict[str, Trajectory]
    residual: Float[Array, "*e"]
    """Largest ledger residual of any step."""


class _Moment(eqx.Module):
    observation: Observation
    decision: Decision
    reward: Float[Array, "*time n"]


def play_episode(
    economy: Economy, policies: Mapping[str, Policy], key: Key[Array, ""], state: PyTree[Array], knobs: Knobs
) -> Episode:
    """Play one environment from `state` (the start of an episode) to its end. `key`: consumed."""
    spec = economy.spec
    slow = [role for role, entry in spec.roles.items() if entry.acts_each == "period"]
    fast = [role for role in spec.roles if role not in slow]

    def step(carry, key_step):
        state, held = carry
        key_draw, *act_keys = jax.random.split(key_step, 1 + len(fast))
        keys = dict(zip(fast, act_keys, strict=True))
        seen = economy.observe(state, knobs)
        decisions = {role: _decide(role, policies[role], keys[role], seen[role], knobs) for role in fast}
        actions = {**{role: d.action for role, d in decisions.items()}, **held}
        after = economy.step(key_draw, state, actions, knobs)
        moments = {role: _Moment(seen[role], decisions[role], after.rewards[role]) for role in fast}
        slow_rewards = {role: after.rewards[role] for role in slow}
        return (after.state, held), (moments, slow_rewards, after.ledger.residual())

    def period(state, key_period):
        act_and_step_keys = jax.random.split(key_period, len(slow) + spec.steps_per_period)
        keys = dict(zip(slow, act_and_step_keys[: len(slow)], strict=True))
        seen = economy.observe(state, knobs)
        decisions = {role: _decide(role, policies[role], keys[role], seen[role], knobs) for role in slow}
        held = {role: d.action for role, d in decisions.items()}
        step_keys = act_and_step_keys[len(slow) :]
        (state, _), (moments, slow_rewards, residuals) = jax.lax.scan(step, (state, held), step_keys)
        slow_moments = {
            role: _Moment(seen[role], decisions[role], jnp.sum(slow_rewards[role], axis=0)) for role in slow
        }
        return state, (moments, slow_moments, jnp.max(residuals))

    final, (fast_moments, slow_moments, residuals) = jax.lax.scan(period, state, jax.random.split(key, spec.periods))
    own_clock = {role: _on_own_clock(moment, spec.roles[role]) for role, moment in fast_moments.items()}
    trajectories = {role: _trajectory(moment) for role, moment in {**own_clock, **slow_moments}.items()}
    return Episode(final, trajectories, jnp.max(residuals))


def _decide(role: str, policy: Policy, key: Key[Array, ""], seen: Observation, knobs: Knobs) -> Decision:
    """Draw a decision; a settled role, which does not learn either, does what it finds most likely."""
    decision = policy.act(key, seen)
    if role not in knobs.exploring:
        return decision
    action = jnp.where(knobs.exploring[role], decision.action, policy.act_greedily(seen))
    return eqx.tree_at(lambda d: d.action, decision, action)


def _on_own_clock(moment: _Moment, role: RoleSpec) -> _Moment:
    """From axes [p, s] to [t], without idle steps; what they earned belongs to the decision before them."""
    periods, steps = moment.reward.shape[:2]
    moment = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), moment)
    chosen = [t for t in range(periods * steps) if t % steps not in role.idle_steps]
    if len(chosen) < periods * steps:
        # Rewards before the first choice of an episode follow from nothing that the role decided: they are left out.
        decision = np.searchsorted(chosen, np.arange(chosen[0], periods * steps), side="right") - 1
        earned = jax.ops.segment_sum(moment.reward[chosen[0] :], jnp.asarray(decision), len(chosen))
        kept = jax.tree.map(lambda x: x[jnp.asarray(chosen)], moment)
        moment = eqx.tree_at(lambda m: m.reward, kept, earned)
    return moment


def _trajectory(moment: _Moment) -> Trajectory:
    """The horizon is the end of the world: no value is left after it."""
    decision = moment.decision
    return Trajectory(
        moment.observation,
        decision.latent,
        decision.log_prob,
        decision.value,
        moment.reward,
        jnp.zeros_like(moment.reward[0]),
    )


def play_episodes(
    economy: Economy, policies: Mapping[str, Policy], key: Key[Array, ""], states: PyTree[Array], knobs: Knobs
) -> Episode:
    """Play a batch of environments; trajectories come with axes [t, e, n]. `key`: consumed."""
    num = jax.tree.leaves(states)[0].shape[0]
    play = jax.vmap(lambda key_episode, state: play_episode(economy, policies, key_episode, state, knobs))
    episode = play(jax.random.split(key, num), states)
    trajectories = {role: _decisions_first(trajectory) for role, trajectory in episode.trajectories.items()}
    return Episode(episode.state, trajectories, episode.residual)


def _decisions_first(trajectory: Trajectory) -> Trajectory:
    """From axes [e, t] to [t, e]; the last value has no axis t."""
    moved = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), trajectory)
    return eqx.tree_at(lambda t: t.last_value, moved, trajectory.last_value)


def evaluate_episode(
    economy: Economy, policies: Mapping[str, Policy], key: Key[Array, ""], state: PyTree[Array], knobs: Knobs
) -> tuple[PyTree[Array], Float[Array, ""]]:
    """Play one environment greedily from the start of an episode. `key`: consumed.

    Returns:
        Its final state, and the largest ledger residual of any step.
    """
    spec = economy.spec

    def step(carry, inputs):
        state, held = carry
        key_step, index = inputs
        seen = economy.observe(state, knobs)
        chosen = {role: policies[role].act_greedily(seen[role]) for role in spec.roles}
        is_start = index % spec.steps_per_period == 0
        held = {
            role: jnp.where(is_start, chosen[role], held[role]) if entry.acts_each == "period" else chosen[role]
            for role, entry in spec.roles.items()
        }
        after = economy.step(key_step, state, held, knobs)
        return (after.state, held), after.ledger.residual()

    seen = economy.observe(state, knobs)
    first = {role: policies[role].act_greedily(seen[role]) for role in spec.roles}
    keys = jax.random.split(key, spec.steps)
    (final, _), residuals = jax.lax.scan(step, (state, first), (keys, jnp.arange(spec.steps)))
    return final, jnp.max(residuals)
