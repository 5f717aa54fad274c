"""Structured curricula: who learns when, which entries of the menus are open, how much labor hurts.

All roles act from the first episode; one that does not learn yet acts with its random network among what is open.
Consumers first learn under a single price and wage, then the menus of firms open, then firms learn while the ceiling on
taxes rises, then the government learns. An episode here is one batch of environments with its update, n counts them
from 0.

Source: Curry et al. (2022), arXiv 2201.01163, section 4. Axis `a`: entries of a mask.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from math import ceil

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fisc.core.errors import ConfigError
from fisc.core.knobs import Knobs, Progress
from fisc.economies.business_cycle.choices import PUBLISHED_MENUS

RATES = ("income", "corporate")


@dataclass(frozen=True)
class Turns:
    """In which episodes a role learns: all conditions have to hold."""

    start: int = 0
    """From this one on."""
    every: int = 1
    """Only in multiples of this."""
    stretches: tuple[tuple[int, int], ...] = ()
    """Only in one of these, each without its end; empty for no such condition."""
    cycle: tuple[int, int, int] | None = None
    """Length of a cycle, and the part of it (without its end) in which the role learns: how roles take turns."""

    def __post_init__(self):
        if self.start < 0 or self.every < 1:
            raise ConfigError(f"a role learns from {self.start} every {self.every}: give at least 0 and at least 1")
        for first, end in self.stretches:
            if not 0 <= first < end:
                raise ConfigError(f"a role learns from {first} to {end}: every stretch must end after it begins")
        if self.cycle is not None and not 0 <= self.cycle[1] < self.cycle[2] <= self.cycle[0]:
            raise ConfigError(f"the cycle {self.cycle} must be a length and a part of it, like (100, 0, 50)")

    def learns(self, n: Int[Array, ""]) -> Bool[Array, ""]:
        """Whether the role learns in episode n."""
        may = (n >= self.start) & (n % self.every == 0)
        if self.stretches:
            may &= jnp.any(jnp.stack([(n >= first) & (n < end) for first, end in self.stretches]))
        if self.cycle is not None:
            place = n % self.cycle[0]
            may &= (place >= self.cycle[1]) & (place < self.cycle[2])
        return may


@dataclass(frozen=True)
class Warmth:
    """Weight of the entropy bonus: `weight · max(exp(-(n - start) / length), floor)`, from the role's own start."""

    weight: float = 0.5
    length: float = 10_000.0
    floor: float = 0.1
    floor_is_absolute: bool = False
    """Whether the floor is a weight of its own, as the paper's text can be read, and not a share of `weight`."""

    def at(self, n: Int[Array, ""], start: int) -> Float[Array, ""]:
        """The weight in episode n."""
        faded = jnp.exp(-jnp.maximum(n - start, 0).astype(jnp.float32) / self.length)
        least = self.floor / max(self.weight, 1e-30) if self.floor_is_absolute else self.floor
        return self.weight * jnp.maximum(faded, least)


@dataclass(frozen=True)
class Structured:
    """A structured curriculum: one function from where a run stands to every number that moves."""

    turns: Mapping[str, Turns]
    warmth: Mapping[str, Warmth]
    learning_rate: Mapping[str, float] = field(default_factory=dict)
    """Multiplier of each role; 1 for one that is not named."""
    final_learning_rate: Mapping[str, float] = field(default_factory=dict)
    """Share of it that is left in the last of all `episodes`; it falls evenly from the role's first one on. 1 for one
    that is not named."""
    episodes: int = 0
    """Up to the end of the run, with those behind it; needed only where a learning rate falls."""
    opens: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """First episode of each entry of a role's mask; a role that is not named chooses freely."""
    settles: Mapping[str, int] = field(default_factory=dict)
    """First episode in which a role neither learns nor draws any more, but does what it finds most likely, so that the
    others can answer it; a role that is not named never settles."""
    ceiling: tuple[int, int] | None = None
    """First episode and length of the rise of the ceiling on tax rates from 0 to 1, for the record; `opens` rules."""
    labor: float = 0.0
    """Labor weighs `1 - exp(-n / labor)`; 0: fully from the start."""
    behind: int = 0
    """Episodes that were played before this run, from which it goes on."""

    def __call__(self, progress: Progress) -> Knobs:
        """Knobs for this moment."""
        n = progress.update + self.behind
        weight = 1.0 - jnp.exp(-n.astype(jnp.float32) / self.labor) if self.labor > 0 else jnp.ones(())
        learning = {role: turns.learns(n) for role, turns in self.turns.items()}
        learning |= {role: learning[role] & (n < end) for role, end in self.settles.items()}
        starts = {turns.start for turns in self.turns.values()} - {0, self.behind}
        return Knobs(
            labor_cost=weight,
            max_rate=self._ceiling_at(n),
            entropy={role: warmth.at(n, self.turns[role].start) for role, warmth in self.warmth.items()},
            learning_rate={role: self._learning_rate_at(role, n) for role in self.turns},
            learning=learning,
            exploring={role: n < end for role, end in self.settles.items()},
            fresh={},
            phase=sum((jnp.where(n >= start, 1, 0) for start in sorted(starts)), jnp.asarray(1)),
            menu={role: n >= jnp.asarray(first, jnp.int32) for role, first in self.opens.items()},
        )

    def _learning_rate_at(self, role: str, n: Int[Array, ""]) -> Float[Array, ""]:
        start, final = self.turns[role].start, self.final_learning_rate.get(role, 1.0)
        share = jnp.clip((n - start) / max(self.episodes - 1 - start, 1), 0.0, 1.0)
        left = 1.0 + (final - 1.0) * share
        return (self.learning_rate.get(role, 1.0) * left).astype(jnp.float32)

    def _ceiling_at(self, n: Int[Array, ""]) -> Float[Array, ""]:
        if self.ceiling is None or self.ceiling[1] == 0:
            return jnp.ones(())
        start, length = self.ceiling
        return jnp.clip((n - start).astype(jnp.float32) / length, 0.0, 1.0)

    def check(self, episodes: int) -> None:
        """Refuse a curriculum that does not fit a run.

        Args:
            episodes: up to the end of the run, with those behind it.

        Raises:
            ConfigError: if a role never learns, or an action never opens, in so many episodes, or if it settles first.
        """
        for role, turns in self.turns.items():
            if turns.start >= episodes or (turns.stretches and min(first for first, _ in turns.stretches) >= episodes):
                raise ConfigError(
                    f"{role} would learn from episode {turns.start} on, but there are only {episodes}: shorten the "
                    "schedule or train longer"
                )
        for role, end in self.settles.items():
            ready = max(self.turns[role].start, self.behind, *self.opens.get(role, (0,)))
            if end <= ready:
                raise ConfigError(
                    f"{role} would settle in episode {end}, but may learn and choose freely only from {ready} on: "
                    "let it settle later"
                )
        for role, first in self.opens.items():
            if not first:
                raise ConfigError(f"the schedule of {role} opens no action: name the first episode of every entry")
            if max(first) >= episodes:
                raise ConfigError(
                    f"an action of {role} would open in episode {max(first)}, but there are only {episodes}: shorten "
                    "the schedule or train longer"
                )
            if min(first) > 0:
                raise ConfigError(f"{role} has no open action before episode {min(first)}: open one from 0 on")

    def __hash__(self):
        rates = (self.learning_rate, self.final_learning_rate)
        tables = (self.turns, self.warmth, *rates, self.opens, self.settles)
        numbers = (self.ceiling, self.labor, self.behind, self.episodes)
        return hash((*(tuple(sorted(table.items(), key=str)) for table in tables), *numbers))


def widening(entries: Sequence[float], start: float, length: int) -> tuple[int, ...]:
    """First episode of each entry of a menu that widens evenly around `start` to both ends in `length` episodes.

    Entry x is open from n on with `start - (start - least)·n/length <= x <= start + (most - start)·n/length`, in exact
    arithmetic.

    Raises:
        ConfigError: if `start` is not on the menu: nothing would be open at first.
    """
    exact = [Fraction(str(x)) for x in entries]
    center = Fraction(str(start))
    if center not in exact:
        raise ConfigError(
            f"the schedule starts at {start:g}, which is not on the menu {list(entries)}: take one that is"
        )
    reach = {True: max(exact) - center, False: center - min(exact)}
    return tuple(0 if x == center else ceil(length * abs(x - center) / reach[x > center]) for x in exact)


def rising(rates: Sequence[float], start: int, length: int) -> tuple[int, ...]:
    """First episode of each rate under a ceiling that rises from 0 at `start` to 1; the lowest is always open."""
    exact = [Fraction(str(x)) for x in rates]
    return tuple(0 if x == min(exact) else start + ceil(length * x) for x in exact)


def jointly(*menus: Iterable[int]) -> tuple[int, ...]:
    """First episode of each combination: the last of its parts', the last menu running fastest."""
    return tuple(max(parts) for parts in product(*menus))


@dataclass(frozen=True)
class Lengths:
    """A published schedule, in episodes."""

    total: int
    firms_learn: int
    """First episode in which firms may learn, and so on."""
    government_learns: int
    menus_widen: int
    """Episodes until firms choose freely; 0: from the start."""
    taxes_open: int
    taxes_rise: int
    labor: float
    entropy: float
    firms_every: int = 1
    government_every: int = 1

    def shrunk(self, factor: float) -> "Lengths":
        """The same schedule in `1 / factor` of the episodes, for small machines.

        Raises:
            ConfigError: if the factor is not above 0, or so large that a phase disappears.
        """
        if not factor > 0:
            raise ConfigError(f"the schedule is to be shrunk by {factor}: give a number above 0")
        whole = ("total", "firms_learn", "government_learns", "menus_widen", "taxes_open", "taxes_rise")
        short = {name: round(getattr(self, name) / factor) for name in whole}
        if gone := [name for name in whole if getattr(self, name) > 0 and short[name] == 0]:
            raise ConfigError(
                f"shrunk by {factor:g} the schedule has nothing left of {', '.join(gone)}: shrink it less"
            )
        return replace(self, **short, labor=self.labor / factor, entropy=self.entropy / factor)


SHORT = Lengths(200_000, 30_000, 60_000, 30_000, 30_000, 30_000, 10_000.0, 10_000.0)
"""The one behind the paper's figures."""
LONG = Lengths(500_000, 100_000, 200_000, 100_000, 100_000, 100_000, 30_000.0, 30_000.0)
SMOKE = Lengths(100, 10, 20, 10, 10, 10, 30_000.0, 30_000.0, 2, 5)


def structured(
    lengths: Lengths,
    menus: Mapping[str, Sequence[float]] | None = None,
    *,
    start: tuple[float, float] = (1000.0, 22.0),
    warmth: Warmth | None = None,
    learning_rate: Mapping[str, float] | None = None,
    has_government: bool = True,
) -> Structured:
    """A schedule for the economy's menus.

    Args:
        menus: other than the published ones, by name.
        start: the only price and wage that are open at first.
        warmth: entropy bonus, whose length is the schedule's.
        learning_rate: multiplier of each role.

    Raises:
        ConfigError: if price or wage are not on their menus.
    """
    chosen = {**PUBLISHED_MENUS, **(menus or {})}
    price, wage = start
    firm = jointly(
        widening(chosen["prices"], price, lengths.menus_widen),
        widening(chosen["wages"], wage, lengths.menus_widen),
        [0] * len(chosen["shares"]),
    )
    turns = {"consumer": Turns(), "firm": Turns(lengths.firms_learn, lengths.firms_every)}
    opens = {"firm": firm}
    if has_government:
        turns["government"] = Turns(lengths.government_learns, lengths.government_every)
        if lengths.taxes_rise:
            rates = [rising(chosen[f"{name}_rates"], lengths.taxes_open, lengths.taxes_rise) for name in RATES]
            opens["government"] = jointly(*rates)
    warm = replace(warmth or Warmth(), length=lengths.entropy)
    return Structured(
        turns=turns,
        warmth=dict.fromkeys(turns, warm),
        learning_rate=learning_rate or {},
        opens=opens,
        ceiling=(lengths.taxes_open, lengths.taxes_rise) if has_government else None,
        labor=lengths.labor,
    )


def unstructured(lengths: Lengths, *, warmth: Warmth | None = None, has_government: bool = True) -> Structured:
    """No curriculum: everybody learns from the start, everything is open, labor weighs fully."""
    roles = ("consumer", "firm", "government") if has_government else ("consumer", "firm")
    warm = replace(warmth or Warmth(), length=lengths.entropy)
    return Structured(turns=dict.fromkeys(roles, Turns()), warmth=dict.fromkeys(roles, warm))
