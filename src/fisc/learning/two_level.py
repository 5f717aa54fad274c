"""Two-level learning: several learners, one economy, one curriculum that says who learns when and under which knobs."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, PyTree

from fisc.core.economy import Economy
from fisc.core.knobs import Dial, Knobs, Progress
from fisc.core.policy import Learner
from fisc.learning.rollout import play_episodes

Curriculum = Callable[[Progress], Knobs]
NUM_WATCHED = 4
"""Environments whose aggregates are recorded in training: sorting every one of them would cost more than playing."""


class TrainState(eqx.Module):
    """A training run between two updates: everything needed to go on."""

    update: Int[Array, ""]
    """Updates done."""
    key: Key[Array, ""]
    """Root of all randomness of the run; each update folds its number in."""
    environments: PyTree[Array]
    """Leading axis `e`."""
    learners: dict[str, Any]
    reserve: dict[str, Any]
    """New learners of the roles that start fresh one day, made beforehand: making one inside a step takes seconds to
    compile."""


class TwoLevel(eqx.Module):
    """A composition of learners, a pure function of a key. The economy is an argument: its numbers are traced."""

    learners: Mapping[str, Learner] = eqx.field(static=True)
    curriculum: Curriculum = eqx.field(static=True)
    num_updates: int = eqx.field(static=True)
    num_environments: int = eqx.field(static=True)

    def init(self, economy: Economy, key: Key[Array, ""]) -> TrainState:
        """Fresh learners and environments. `key`: consumed."""
        key_run, key_envs, key_learn, key_fresh = jax.random.split(key, 4)
        roles = economy.spec.roles
        keys = dict(zip(sorted(roles), jax.random.split(key_learn, len(roles)), strict=True))
        environments = jax.vmap(economy.init)(jax.random.split(key_envs, self.num_environments))
        states = {role: self.learners[role].init(keys[role], economy, role) for role in roles}
        first = jnp.zeros((), jnp.int32)
        waiting = self.curriculum(self.progress(first)).fresh
        keys = dict(zip(sorted(roles), jax.random.split(key_fresh, len(roles)), strict=True))
        reserve = {role: self.learners[role].init(keys[role], economy, role) for role in waiting}
        return TrainState(first, key_run, environments, states, reserve)

    def progress(self, update: Int[Array, ""]) -> Progress:
        """Where the run stands before this update."""
        length = max(1, self.num_updates - 1)
        return Progress(update, update.astype(jnp.float32) / length, (update - 1).astype(jnp.float32) / length)

    def step(self, economy: Economy, run: TrainState) -> tuple[TrainState, dict[str, Array]]:
        """Play one episode in every environment, then let every role learn that may.

        Metrics are named `role/name`, or `name` if they are about the economy.
        """
        knobs = self.curriculum(self.progress(run.update))
        key_reset, key_play, key_learn = jax.random.split(jax.random.fold_in(run.key, run.update), 3)
        roles = economy.spec.roles
        before = {role: _renewed(role, run, knobs) for role in roles}
        policies = {role: self.learners[role].policy(before[role]) for role in roles}
        starts = jax.vmap(economy.reset)(jax.random.split(key_reset, self.num_environments), run.environments)
        episode = play_episodes(economy, policies, key_play, starts, knobs)

        keys = dict(zip(sorted(roles), jax.random.split(key_learn, len(roles)), strict=True))
        states, metrics = {}, _watch(economy, episode)
        for role in roles:
            dial = Dial(knobs.entropy[role], knobs.learning_rate[role])
            states[role], learned = _learn_if(
                knobs.learning[role],
                self.learners[role],
                keys[role],
                before[role],
                episode.trajectories[role],
                dial,
            )
            reward = jnp.mean(jnp.sum(episode.trajectories[role].reward, axis=0))
            metrics |= {f"{role}/{name}": value for name, value in learned.items()}
            metrics |= {f"{role}/reward": reward} | {
                f"{role}/knob/{name}": getattr(knobs, name)[role].astype(reward.dtype)
                for name in ("entropy", "learning_rate", "learning")
            }
        metrics |= {"knob/max_rate": knobs.max_rate, "knob/labor_cost": knobs.labor_cost, "phase": knobs.phase}
        return TrainState(run.update + 1, run.key, economy.pool(episode.state), states, run.reserve), metrics


def _renewed(role: str, run: TrainState, knobs: Knobs) -> Any:
    """The learner in reserve if the role starts fresh now, else the one it has."""
    if role not in knobs.fresh:
        return run.learners[role]
    arrays, static = eqx.partition(run.learners[role], eqx.is_array)
    fresh = eqx.filter(run.reserve[role], eqx.is_array)
    chosen = jax.tree.map(lambda new, old: jnp.where(knobs.fresh[role], new, old), fresh, arrays)
    return eqx.combine(chosen, static)


def _learn_if(may_learn, learner: Learner, key, state, trajectory, dial):
    """Update, or keep the whole state bit for bit and report zeros."""
    arrays, static = eqx.partition(state, eqx.is_array)

    @jax.jit  # so that it is traced once, for its shapes and for the choice
    def learn(arrays):
        new, metrics = learner.update(key, eqx.combine(arrays, static), trajectory, dial)
        return eqx.filter(new, eqx.is_array), metrics

    def keep(arrays):
        shapes = jax.eval_shape(learn, arrays)[1]
        return arrays, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

    arrays, metrics = jax.lax.cond(may_learn, learn, keep, arrays)
    return eqx.combine(arrays, static), metrics


def _watch(economy: Economy, episode) -> dict[str, Array]:
    """The economy's aggregates, averaged over a few environments, and the worst ledger residual of all."""
    num = jax.tree.leaves(episode.state)[0].shape[0]
    few = jax.tree.map(lambda x: x[: min(NUM_WATCHED, num)], episode.state)
    means = jax.tree.map(jnp.mean, jax.vmap(economy.metrics)(few))
    return {**means, "ledger_residual": jnp.max(episode.residual)}
