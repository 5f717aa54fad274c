"""How the arm `laboratories` looks for a schedule: what its versions are from block to block, and what was found.

Axes: `v` versions, `b` brackets, `n` schedules asked about.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import polars as pl
from jaxtyping import Array, Float, Key

from fisc.core.economy import Economy
from fisc.core.errors import DivergenceError, RunError
from fisc.core.knobs import full_knobs
from fisc.core.ledger import tolerance
from fisc.learning.rollout import play_episodes
from fisc.learning.train import over_jobs, stack
from fisc.scenarios import build
from fisc.scenarios.evaluation import EVALUATION, World
from fisc.scenarios.plan import Plan
from fisc.scenarios.registry import LABORATORIES
from fisc.scenarios.training import Job
from fisc.taxes.laboratories import along, peak, slopes, steps, uphill, versions, worth

FEW_MOVES = 10
"""With fewer a climb says little."""
LATEST = 20
"""Updates of a block, at its end, that say what a version is worth."""
ASKING = EVALUATION + 4
"""Number that sets the randomness of asking citizens apart from all other randomness of a seed."""


class Search(ABC):
    """Where the schedule stands, and what its versions have shown so far: told after every block of training.

    All it knows is kept in the checkpoint of the versions' learners: a search that goes on ends as it would have.
    """

    def __init__(self, planned: Plan, world: World):
        self.planned, self.world = planned, world
        self.config, self.num_updates = planned.scenario.laboratories, planned.budget.num_search_updates
        self.names = build.kind_of(planned.scenario).rate_names(world.people)
        self.schedule: Float[np.ndarray, " b"] = np.full(len(self.names), self.config.begins_at)
        self.heard: list[dict[str, Any]] = []
        """After each block: its last update, each version's welfare, and the schedule: in a climb the one around which
        versions lay, on a line the one that was found after it."""
        self.steps_asked = 0
        """Environment steps that were played to learn where to look."""

    @abstractmethod
    def versions(self) -> Float[np.ndarray, "v b"]:
        """Every version's rates in the next block."""

    @abstractmethod
    def _learn(self, done: int) -> None:
        """Find a schedule by what was heard until the block that ends at `done`."""

    @abstractmethod
    def _slopes(self, block: dict[str, Any]) -> Float[np.ndarray, " b"]:
        """What a block said that rates are worth."""

    @abstractmethod
    def prepare(self, learners: Mapping[str, Any], note: Callable[[str], None]) -> None:
        """Do what comes before training, and say what the user should know of it.

        Args:
            learners: states of the common start, by role.
        """

    def jobs(self) -> list[Job]:
        """The versions at first, each with luck of its own."""
        return [Job(LABORATORIES, self.world.seed, economy, v) for v, economy in enumerate(self.economies())]

    def economies(self) -> list[Economy]:
        """Every version's economy as the schedule stands."""
        return [self.economy(version) for version in self.versions()]

    def economy(self, rates: Float[np.ndarray, " b"]) -> Economy:
        """The economy of this seed under some rates."""
        scenario, people = self.planned.scenario, self.world.people
        return build.make_economy(scenario, people, build.make_tax(scenario, people, LABORATORIES, rates))

    def hear(self, done: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Learn what versions were worth in the block that ends at `done`. `metrics`: [version, update]."""
        welfare = metrics["welfare"][:, -LATEST:].mean(axis=1, dtype=float)
        self.heard.append({"update": done, "schedule": self.schedule.tolist(), "welfare": welfare.tolist()})
        self._learn(done)

    def listens(self, update: int) -> bool:
        """Whether citizens have had time to answer their version by the end of a block."""
        return update > self.config.listens_at * self.num_updates

    def memory(self) -> dict[str, Any]:
        """All that it knows, as JSON has it."""
        return {"heard": self.heard, "schedule": self.schedule.tolist()}

    def recall(self, memory: dict[str, Any]) -> None:
        """Know again what it knew."""
        self.heard, self.schedule = list(memory["heard"]), np.asarray(memory["schedule"])

    def course(self) -> pl.DataFrame:
        """Rows of the table `search`: after each block its schedule, its slopes, and what the versions were worth."""
        rows = []
        for block in self.heard:
            at = (self.world.seed, block["update"])
            rows.append((*at, None, "welfare", float(np.mean(block["welfare"]))))
            rows += [(*at, f"version {v}", "version", float(value)) for v, value in enumerate(block["welfare"])]
            for metric, values in (("rate", block["schedule"]), ("slope", self._slopes(block))):
                rows += [(*at, name, metric, float(value)) for name, value in zip(self.names, values, strict=True)]
        return pl.DataFrame(rows, schema=["seed", "update", "rate_of", "metric", "value"], orient="row")


class Climb(Search):
    """Versions lie around the schedule, which moves to where the better ones are."""

    def __init__(self, planned: Plan, world: World):
        super().__init__(planned, world)
        ends = [*range(self.config.block, self.num_updates, self.config.block), self.num_updates]
        listened = [end for end in ends[:-1] if self.listens(end)]
        sizes = steps(len(listened), self.config.memory, self.config.reach)
        self.steps = dict(zip(listened, sizes.tolist(), strict=True))
        """How far the schedule moves at most, by the update after which it does."""

    def prepare(self, learners: Mapping[str, Any], note: Callable[[str], None]) -> None:
        """Say so if the schedule moves too seldom to find much."""
        if len(self.steps) < FEW_MOVES:
            few = f"{len(self.steps)} moves" if len(self.steps) != 1 else "one move"
            note(f"the schedule makes {few} in this budget, which finds little: give a longer one, or a smaller block")

    def versions(self) -> Float[np.ndarray, "v b"]:
        """Rates above and below the schedule's, as it stands."""
        return versions(self.schedule, self.config.width)

    def _learn(self, done: int) -> None:
        """Move, but for the first blocks and the last."""
        if done in self.steps:
            found = np.stack([self._slopes(block) for block in self.heard if block["update"] in self.steps])
            self.schedule = np.clip(self.schedule + self.steps[done] * uphill(found, self.config.memory), 0.0, 1.0)

    def _slopes(self, block: dict[str, Any]) -> Float[np.ndarray, " b"]:
        return slopes(versions(np.asarray(block["schedule"]), self.config.width), np.asarray(block["welfare"]))


class Line(Search):
    """Versions lie in a row, in the direction that pays at once: how far to go is said by those who have answered."""

    def __init__(self, planned: Plan, world: World):
        super().__init__(planned, world)
        self.start = self.schedule
        self.far = np.linspace(0.0, self.config.reach, self.config.tries)
        """How far from the start each version lies."""
        self.worth: Float[np.ndarray, " b"] = np.zeros(len(self.names))
        """What a rate from 0 to 1 is worth to citizens who have not answered it."""
        batches = -(-planned.budget.search_draws // self.config.environments)
        self.shape = (batches, self.config.environments, len(self.names))
        """Of the rates that they are asked about: so many batches, environments and brackets."""
        self.steps_asked = self.shape[0] * self.shape[1] * self.economy(self.start).spec.steps

    def prepare(self, learners: Mapping[str, Any], note: Callable[[str], None]) -> None:
        """Ask citizens what rates are worth, and say what they said.

        Raises:
            DivergenceError: see `ask`.
            RunError: if no rate pays that could rise, nor one costs that could fall.
        """
        seed = self.world.seed
        note(f"asking citizens of seed {seed} what rates are worth at once")
        self.worth, errors = self.ask(learners)
        found = zip(self.names, self.worth, errors, strict=True)
        note(f"a rate from 0 to 1, seed {seed}: " + ", ".join(f"{w:.3g} ± {e:.2g} {name}" for name, w, e in found))
        moves = np.any(self.versions() != self.start, axis=0)
        if not np.any(moves):
            raise RunError(
                f"seed {seed}: no rate is worth anything at once from where the line begins: choose another "
                "laboratories.begins_at, or laboratories.search = 'climb'"
            )
        if np.all(np.abs(self.worth[moves]) < 2 * errors[moves]):
            note(
                "this is no more than noise, and so is the direction of the line: "
                f"raise budgets.{self.planned.budget_name}.search_draws"
            )

    def ask(self, learners: Mapping[str, Any]) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, " b"]]:
        """Let citizens play under schedules drawn at random, without learning from it.

        Args:
            learners: their states, by role.

        Returns:
            What a rate from 0 to 1 is worth, and the standard error.

        Raises:
            DivergenceError: a number that is not finite, or a ledger that does not balance.
        """
        key_rates, key_play = jax.random.split(jax.random.fold_in(jax.random.key(self.world.seed), ASKING))
        low, high = np.clip(self.config.begins_at + self.config.reach * np.array([-1.0, 1.0]), 0.0, 1.0)
        rates = np.asarray(jax.random.uniform(key_rates, self.shape, minval=low, maxval=high), float)
        economies = stack([stack([self.economy(row) for row in batch]) for batch in rates])
        made = build.make_learners(self.planned.scenario)
        policies = {role: made[role].policy(state) for role, state in learners.items()}

        def play(economy: Economy, key: Key[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
            """The welfare of one episode, and its largest residual."""
            key_init, key_reset, key_play = jax.random.split(key, 3)
            start = economy.reset(key_reset, economy.init(key_init))
            played = play_episodes(economy, policies, key_play, jax.tree.map(lambda x: x[None], start), full_knobs())
            return economy.metrics(jax.tree.map(lambda x: x[0], played.state))["welfare"], played.residual[0]

        keys = jax.random.split(key_play, self.shape[:2])
        welfare, residuals = over_jobs(jax.vmap(play), len(rates))(economies, keys)
        worst, total = float(residuals.max()), float(welfare.sum())
        if not (np.isfinite(total) and worst <= tolerance(welfare.dtype)):
            raise DivergenceError(
                f"asking citizens stopped, seed {self.world.seed}: the ledger does not balance (residual {worst:.3g}), "
                f"or welfare is not finite (sum {total:.3g})"
            )
        return worth(rates.reshape(-1, len(self.names)), np.asarray(welfare, float).ravel())

    def versions(self) -> Float[np.ndarray, "v b"]:
        """Rates in a row, the same in every block."""
        return self.reached(self.far)

    def reached(self, far: Float[np.ndarray, "*v"]) -> Float[np.ndarray, "*v b"]:
        """Rates so far along the line."""
        return along(self.start, self.worth, far, self.config.ignores)

    def _learn(self, done: int) -> None:
        """Go as far as is best by all blocks in which citizens had answered."""
        answered = [block["welfare"] for block in self.heard if self.listens(block["update"])]
        if answered:
            self.schedule = self.reached(np.array(peak(self.far, np.mean(answered, axis=0))))
            self.heard[-1]["schedule"] = self.schedule.tolist()

    def memory(self) -> dict[str, Any]:
        """What every search knows, and what rates are worth at once."""
        return super().memory() | {"worth": self.worth.tolist()}

    def recall(self, memory: dict[str, Any]) -> None:
        """Know again what it knew, without asking again."""
        super().recall(memory)
        self.worth = np.asarray(memory["worth"])

    def _slopes(self, block: dict[str, Any]) -> Float[np.ndarray, " b"]:
        return self.worth
