"""Curricula: one function from where a run stands to every number that may move.

Phase 1: citizens learn alone, while the planner (if there is one) explores at random. Phase 2: everybody learns.
Phase 3, if a role settles: it keeps to what it finds most likely, and the others learn to answer exactly that, each
from the start of its own schedule again and, if it starts fresh, from new parameters, as under rules that were given
from the beginning. Otherwise a moving policy and a given one would be compared on unequal terms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fisc.core.knobs import Knobs, Progress, full_knobs

Ramp = tuple[float, float]
"""Value at the start and at the end; linear in between."""


@dataclass(frozen=True)
class RoleSchedule:
    """What changes for one role."""

    entropy: Ramp = (0.01, 0.001)
    """Entropy weight from the moment the role starts to learn to the end."""
    learning_rate: Ramp = (1.0, 0.1)
    """Multiplier on the learning rate, over the same stretch."""
    joins_at: float = 0.0
    """Share of the run after which the role learns."""
    settles_at: float = 1.0
    """Share of the run after which it neither learns nor explores any more."""
    starts_fresh: bool = False
    """Whether it begins with new parameters once another role has settled."""
    entropy_settles_at: float = 0.8
    """Share of the role's own stretch, from joining to settling, after which entropy stays at its end value."""


@dataclass(frozen=True)
class Phases:
    """The curriculum of the AI Economist line of work: citizens first, then the planner under a rising ceiling.

    Differs: at the end a role may settle.
    """

    roles: Mapping[str, RoleSchedule] = field(default_factory=dict)
    max_rate: Ramp = (1.0, 1.0)
    """Ceiling on tax rates from the moment the role that joins last does."""
    max_rate_full_at: float = 0.0
    """Share of the run after which it has its end value; 0: when a role settles, or at the end."""
    labor_cost: Ramp = (1.0, 1.0)
    """Weight of the disutility of labor over phase 1; the end value after it."""
    labor_cost_full_at: float = 0.0
    """Share of the run after which it has its end value, with or without a second phase; 0: as phase 1 says."""

    def __call__(self, progress: Progress) -> Knobs:
        """Knobs for this moment."""
        done = progress.fraction
        turn = max((schedule.joins_at for schedule in self.roles.values()), default=0.0)
        end = min((schedule.settles_at for schedule in self.roles.values()), default=1.0)
        warm, open_at = self.labor_cost_full_at or turn, self.max_rate_full_at or end
        stretches = {role: _own_stretch(done, s, end) for role, s in self.roles.items()}
        return Knobs(
            # Without a second phase nothing is annealed by default: the economy is itself from the first update.
            labor_cost=_ramp(self.labor_cost, _stretch(done, 0.0, warm) if warm > 0 else jnp.ones(())),
            max_rate=_ramp(self.max_rate, _stretch(done, turn, open_at) if "planner" in self.roles else jnp.ones(())),
            entropy={
                role: _ramp(schedule.entropy, stretches[role] / schedule.entropy_settles_at)
                for role, schedule in self.roles.items()
            },
            learning_rate={role: _ramp(s.learning_rate, stretches[role]) for role, s in self.roles.items()},
            learning={role: (done >= s.joins_at) & _before(done, s.settles_at) for role, s in self.roles.items()},
            exploring={role: done < s.settles_at for role, s in self.roles.items() if s.settles_at < 1.0},
            fresh={
                role: (done >= end) & (progress.previous < end)
                for role, s in self.roles.items()
                if s.starts_fresh and end < s.settles_at
            },
            phase=sum((jnp.where(done >= start, 1, 0) for start in (turn, end) if 0.0 < start < 1.0), jnp.asarray(1)),
        )

    def __hash__(self):
        numbers = (self.max_rate, self.max_rate_full_at, self.labor_cost, self.labor_cost_full_at)
        return hash((tuple(sorted(self.roles.items())), *numbers))


@dataclass(frozen=True)
class Retraining:
    """One role learns in a world that is otherwise as it is: labor costs in full, rates have no ceiling."""

    roles: tuple[str, ...]
    """Everybody's."""
    role: str
    """Whose turn it is."""
    entropy: float
    learning_rate: Ramp
    """Multiplier, over the whole run."""

    def __call__(self, progress: Progress) -> Knobs:
        """Knobs for this moment."""
        knobs = full_knobs(self.roles)
        return replace(
            knobs,
            entropy=knobs.entropy | {self.role: _ramp((self.entropy, self.entropy), progress.fraction)},
            learning_rate=knobs.learning_rate | {self.role: _ramp(self.learning_rate, progress.fraction)},
            learning=knobs.learning | {self.role: jnp.ones((), bool)},
        )


def _before(done: Float[Array, ""], settles_at: float) -> Bool[Array, ""]:
    """Whether a role has not settled yet; one that settles at 1 never does, and its last update counts."""
    return (done < settles_at) | (settles_at >= 1.0)


def _own_stretch(done: Float[Array, ""], schedule: RoleSchedule, end: float) -> Float[Array, ""]:
    """How far a role is through its own schedule, which begins again once another role has settled at `end`."""
    first = _stretch(done, schedule.joins_at, end)
    again = _stretch(done, end, schedule.settles_at)
    return jnp.where(done >= end, again, first) if end < schedule.settles_at else first


def _stretch(done: Float[Array, ""], start: float, end: float) -> Float[Array, ""]:
    return jnp.clip((done - start) / max(end - start, 1e-9), 0.0, 1.0)


def _ramp(ramp: Ramp, share: Float[Array, ""]) -> Float[Array, ""]:
    start, end = ramp
    return start + (end - start) * jnp.clip(share, 0.0, 1.0)
