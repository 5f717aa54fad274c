"""Two-level learning: several learners, one economy, one curriculum that says who learns when and under which knobs.

An update plays whole episodes, or a fragment: some periods of longer ones. Environments are then spread over the
episode, so that every update sees all of it, and what an episode brought is reported when it ends.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from fisc.core.economy import Economy
from fisc.core.errors import ConfigError
from fisc.core.knobs import Dial, Knobs, Progress
from fisc.core.policy import Learner, Policy
from fisc.learning.rollout import (
    Fragment,
    Memories,
    first_memories,
    num_environments,
    play_episodes,
    play_fragments,
)

Curriculum = Callable[[Progress], Knobs]
NUM_WATCHED = 4
"""Environments whose aggregates are recorded by default: sorting every one of them would cost more than playing."""


class TrainState(eqx.Module):
    """A training run between two updates: everything needed to go on."""

    update: Int[Array, ""]
    """Updates done."""
    key: Key[Array, ""]
    """Root of all randomness of the run; each update folds its number in."""
    environments: PyTree[Array]
    """Leading axis `e`; amid an episode if updates play fragments."""
    clock: Int[Array, " e"]
    """Periods played of the episode that each environment is in; as many as it has if the next one begins now."""
    is_whole: Bool[Array, " e"]
    """Whether that episode is played in full: the first ones are cut short, so that environments spread."""
    reported: dict[str, Float[Array, ""]]
    """The economy's aggregates over the episodes that ended last."""
    learners: dict[str, Any]
    reserve: dict[str, Any]
    """New learners of the roles that start fresh one day, made beforehand: making one inside a step takes seconds to
    compile."""
    memories: Memories
    """Leading axis `e`; amid an episode, as environments are."""


class TwoLevel(eqx.Module):
    """A composition of learners, a pure function of a key. The economy is an argument: its numbers are traced."""

    learners: Mapping[str, Learner] = eqx.field(static=True)
    curriculum: Curriculum = eqx.field(static=True)
    num_updates: int = eqx.field(static=True)
    num_environments: int = eqx.field(static=True)
    periods_per_update: int | None = eqx.field(static=True, default=None)
    """Periods that an update plays in each environment; None: whole episodes, begun together."""
    num_watched: int = eqx.field(static=True, default=NUM_WATCHED)
    """Environments whose aggregates are recorded where updates play whole episodes; where they play fragments, all that
    ended are."""

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
        clock = self._first_clock(economy)
        reported = _means(economy, environments, self.num_watched)
        policies = {role: self.learners[role].policy(states[role]) for role in roles}
        memories = first_memories(economy, policies, self.num_environments)
        return TrainState(first, key_run, environments, clock, clock == 0, reported, states, reserve, memories)

    def num_periods(self, economy: Economy) -> int:
        """Periods that an update plays in each environment."""
        return economy.spec.periods if self.periods_per_update is None else self.periods_per_update

    def steps_per_update(self, economy: Economy) -> int:
        """Steps of all environments together in one update."""
        return self.num_environments * self.num_periods(economy) * economy.spec.steps_per_period

    def _plays_whole_episodes(self, economy: Economy) -> bool:
        return self.periods_per_update is None or economy.spec.periods == self.periods_per_update == 1

    def _first_clock(self, economy: Economy) -> Int[Array, " e"]:
        """Environments spread evenly over the episode; or all of them before its start.

        Raises:
            ConfigError: if the economy cannot be played in such fragments.
        """
        periods, number = economy.spec.periods, jnp.arange(self.num_environments, dtype=jnp.int32)
        if self._plays_whole_episodes(economy):
            return jnp.full_like(number, periods)
        if not 1 <= self.num_periods(economy) <= periods:
            raise ConfigError(f"an update cannot play {self.num_periods(economy)} periods: give 1 to {periods}")
        for role, entry in economy.spec.roles.items():
            if 0 in entry.idle_steps:
                raise ConfigError(
                    f"{role} has no choice in the first step of a period, which ties it to the period before: "
                    "updates must play whole episodes"
                )
        return number % periods

    def progress(self, update: Int[Array, ""]) -> Progress:
        """Where the run stands before this update."""
        length = max(1, self.num_updates - 1)
        return Progress(update, update.astype(jnp.float32) / length, (update - 1).astype(jnp.float32) / length)

    def step(self, economy: Economy, run: TrainState) -> tuple[TrainState, dict[str, Array]]:
        """Play in every environment, then let every role learn that may.

        Metrics are named `role/name`, or `name` if they are about the economy.
        """
        knobs = self.curriculum(self.progress(run.update))
        key_reset, key_play, key_learn = jax.random.split(jax.random.fold_in(run.key, run.update), 3)
        roles = economy.spec.roles
        before = {role: _renewed(role, run, knobs) for role in roles}
        policies = {role: self.learners[role].policy(before[role]) for role in roles}
        if self._plays_whole_episodes(economy):
            starts = jax.vmap(economy.reset)(jax.random.split(key_reset, self.num_environments), run.environments)
            played = play_episodes(economy, policies, key_play, starts, knobs)
            clock, is_whole, reported = run.clock, run.is_whole, _means(economy, played.state, self.num_watched)
            memories = run.memories
        else:
            length, memories = self.num_periods(economy), self._memories(economy, policies, run, knobs)
            fragment = play_fragments(economy, policies, key_play, run.environments, run.clock, knobs, length, memories)
            played, clock, memories = fragment.experience, fragment.clock, fragment.memories
            is_whole, reported = _report(fragment, run)

        keys = dict(zip(sorted(roles), jax.random.split(key_learn, len(roles)), strict=True))
        share = economy.spec.periods / self.num_periods(economy)
        states, metrics = {}, {**reported, "ledger_residual": jnp.max(played.residual)}
        for role in roles:
            dial = Dial(knobs.entropy[role], knobs.learning_rate[role])
            states[role], learned = _learn_if(
                knobs.learning[role],
                self.learners[role],
                keys[role],
                before[role],
                played.trajectories[role],
                dial,
            )
            reward = jnp.mean(jnp.sum(played.trajectories[role].reward, axis=0)) * share
            metrics |= {f"{role}/{name}": value for name, value in learned.items()}
            metrics |= {f"{role}/reward": reward} | {
                f"{role}/knob/{name}": getattr(knobs, name)[role].astype(reward.dtype)
                for name in ("entropy", "learning_rate", "learning")
            }
        metrics |= {"knob/max_rate": knobs.max_rate, "knob/labor_cost": knobs.labor_cost, "phase": knobs.phase}
        environments = economy.pool(played.state)
        after = TrainState(
            run.update + 1, run.key, environments, clock, is_whole, reported, states, run.reserve, memories
        )
        return after, metrics

    def _memories(self, economy: Economy, policies: Mapping[str, Policy], run: TrainState, knobs: Knobs) -> Memories:
        """What everybody remembers; a role that starts fresh now has forgotten it."""
        blank = first_memories(economy, policies, self.num_environments)
        forgets = lambda role, new, old: jnp.where(knobs.fresh[role], new, old)  # noqa: E731
        return {
            role: jax.tree.map(partial(forgets, role), blank[role], memory) if role in knobs.fresh else memory
            for role, memory in run.memories.items()
        }


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
        """The learner's own update."""
        new, metrics = learner.update(key, eqx.combine(arrays, static), trajectory, dial)
        return eqx.filter(new, eqx.is_array), metrics

    def keep(arrays):
        """Nothing, in the same shapes."""
        shapes = jax.eval_shape(learn, arrays)[1]
        return arrays, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

    arrays, metrics = jax.lax.cond(may_learn, learn, keep, arrays)
    return eqx.combine(arrays, static), metrics


def _means(economy: Economy, states: PyTree[Array], number: int) -> dict[str, Float[Array, ""]]:
    """The economy's aggregates, averaged over so many environments."""
    few = jax.tree.map(lambda x: x[: min(number, num_environments(states))], states)
    return jax.tree.map(jnp.mean, jax.vmap(economy.metrics)(few))


def _report(fragment: Fragment, run: TrainState) -> tuple[Bool[Array, " e"], dict[str, Float[Array, ""]]]:
    """Aggregates over the episodes that ended and were played in full; if there is none, what was reported before.

    Returns:
        Whether the episode that each environment is in now is played in full, and the aggregates.
    """

    def period(is_whole, ended):
        """Whether the episode is whole after a period, and whether a whole one ended with it."""
        return is_whole | ended, ended & is_whole

    is_whole, counts = jax.lax.scan(period, run.is_whole, fragment.ended)
    number = jnp.sum(counts)
    reported = {}
    for name, value in fragment.metrics.items():
        mean = jnp.sum(jnp.where(counts, value, 0.0)) / jnp.maximum(number, 1).astype(value.dtype)
        reported[name] = jnp.where(number > 0, mean, run.reported[name])
    return is_whole, reported
