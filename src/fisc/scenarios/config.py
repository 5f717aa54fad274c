"""Scenarios as plain data: frozen dataclasses, read strictly from TOML. No jax here.

An unknown key, a wrong type or an impossible value is a `ConfigError` that names the key, the value and what is
allowed. Defaults live in this file, in `learning_config` and in the configurations of `kinds`, and nowhere else.
"""

from dataclasses import dataclass, field
from typing import Literal

from fisc.core.errors import ConfigError, unknown
from fisc.scenarios.kinds.base_config import PEOPLE_OBJECTIVES
from fisc.scenarios.kinds.business_cycle_config import BusinessCycleConfig
from fisc.scenarios.kinds.gather_trade_build_config import GatherTradeBuildConfig
from fisc.scenarios.kinds.one_step_config import OneStepConfig
from fisc.scenarios.learning_config import LearningConfig, ScheduledLearningConfig, refuse_kind
from fisc.scenarios.reading import check

OBJECTIVES = (*PEOPLE_OBJECTIVES, "total_welfare")
BUDGETS = ("smoke", "quick", "full")
WEIGHED = "equality_times_productivity"
"""The objective in which equality has a weight."""


@dataclass(frozen=True)
class TaxesConfig:
    """The brackets, and what the arms need to know."""

    brackets: Literal["us_federal", "linear", "log", "list"] = "us_federal"
    cutoffs: tuple[float, ...] = ()
    """Lower ends of the brackets in coin, for brackets = 'list'."""
    num_brackets: int = 5
    top_cutoff: float = 100.0
    """Lower end of the open bracket, for linear and log brackets."""
    law: str = "us-federal-single-filer-2018-scaled"
    """US law: 'us-federal-YEAR', 'us-federal-YEAR-STATUS', or the reference program's name. With skills from US wages
    economy.year and economy.status decide instead."""
    standard_deduction: bool = False
    """Put the law's standard deduction in as a first bracket at rate 0."""
    dollars_per_coin: float = 100.0
    flat_rate: float | Literal["best"] = "best"
    """Rate of the arm flat; 'best' searches the one of highest welfare."""
    fixed_rates: tuple[float, ...] = ()
    """Rates of the arm fixed, one for each bracket; in the business cycle those on incomes and on profits."""
    planner: Literal["grid", "continuous"] = "grid"
    rate_step: float = 0.05
    """Distance of the rates on the planner's grid."""
    min_rate: float = 0.0
    """Lowest rate on the planner's grid."""
    max_rate: float = 1.0
    """Highest rate on the planner's grid."""
    sets_one_rate: bool = False
    """Whether the planner changes the rate of one bracket at a time, instead of all."""
    held_for: int = 1
    """Periods for which a schedule that the planner set is held before it may set another."""
    saez_bandwidth: float = 0.2
    """Smoothing of the income distribution in the Saez formula, in log income."""
    saez_elasticity: float | Literal["own"] = "own"
    """Elasticity in the Saez formula, or 'own': the economy's for arm saez, the running estimate for saez_estimated."""
    saez_weights: Literal["inverse_income", "uniform"] = "inverse_income"
    """Welfare weights of arm saez_estimated."""
    saez_window: int = 500
    """Pairs of income and rate that arm saez_estimated waits for, and that each environment remembers, at least one for
    everybody. Environments pool theirs, so that with many of them a few each are enough, and save most of its time."""

    def __post_init__(self):
        check("taxes.dollars_per_coin", self.dollars_per_coin, self.dollars_per_coin > 0, "above 0")
        check("taxes.num_brackets", self.num_brackets, self.num_brackets >= 2, "at least 2")
        check("taxes.top_cutoff", self.top_cutoff, self.top_cutoff > 0, "above 0")
        for name in ("min_rate", "max_rate"):
            check(f"taxes.{name}", getattr(self, name), 0 <= getattr(self, name) <= 1, "in [0, 1]")
        check("taxes.max_rate", self.max_rate, self.max_rate >= self.min_rate, f"at least min_rate, {self.min_rate}")
        steps = (self.max_rate - self.min_rate) / self.rate_step if self.rate_step > 0 else 0.5
        check(
            "taxes.rate_step",
            self.rate_step,
            abs(steps - round(steps)) < 1e-6,
            "a fraction that divides max_rate - min_rate, like 0.05",
        )
        check("taxes.held_for", self.held_for, self.held_for >= 1, "at least 1")
        check("taxes.saez_bandwidth", self.saez_bandwidth, self.saez_bandwidth > 0, "above 0")
        check("taxes.saez_window", self.saez_window, self.saez_window >= 1, "at least 1")
        if self.flat_rate != "best":
            check("taxes.flat_rate", self.flat_rate, 0 <= self.flat_rate <= 1, "'best' or a fraction in [0, 1]")
        if not isinstance(self.saez_elasticity, str):
            check("taxes.saez_elasticity", self.saez_elasticity, self.saez_elasticity > 0, "above 0")


@dataclass(frozen=True)
class BudgetConfig:
    """How long to train."""

    common_updates: int = 0
    """Of everybody but a government in the free market, before the arms part: all arms go on from there. 0: they begin
    from nothing."""
    updates: int = 300
    """Of citizens under a given schedule."""
    planner_updates: int = 1000
    """Of citizens and planner together."""
    block: int = 50
    """Updates between two checkpoints."""
    search_updates: int = 0
    """Of the citizens of each laboratory, while a schedule is searched; 0: as many as `updates`."""
    search_draws: int = 1024
    """Episodes under rates drawn at random, at least, that say in which direction laboratories lie on a line."""
    keep_every: int = 0
    """Updates between checkpoints that are kept for good, so that fisc best-response --at can ask about the course of
    training: a multiple of block. 0: only the last one is kept."""

    def __post_init__(self):
        check("budgets.*.common_updates", self.common_updates, self.common_updates >= 0, "at least 0")
        check("budgets.*.search_updates", self.search_updates, self.search_updates >= 0, "at least 0")
        check("budgets.*.search_draws", self.search_draws, self.search_draws >= 64, "at least 64")
        for name in ("updates", "planner_updates", "block"):
            check(f"budgets.*.{name}", getattr(self, name), getattr(self, name) >= 1, "at least 1")
        fits = self.keep_every >= 0 and self.keep_every % self.block == 0
        check("budgets.*.keep_every", self.keep_every, fits, f"0, or a multiple of block ({self.block})")

    @property
    def num_search_updates(self) -> int:
        """As `search_updates` says."""
        return self.search_updates or self.updates


@dataclass(frozen=True)
class EvaluationConfig:
    """How arms are judged once everybody has learned."""

    episodes: int = 1
    """Means are taken over so many; more than one matters where episodes differ by luck."""
    actions: Literal["greedy", "drawn"] = "greedy"
    """Whether everybody does their greedy_choice, or draws as in training; who has settled never draws."""

    def __post_init__(self):
        check("evaluation.episodes", self.episodes, self.episodes >= 1, "at least 1")


@dataclass(frozen=True)
class FrontierConfig:
    """Whether one planner learns the whole trade-off between equality and productivity."""

    weights: int = 0
    """Weights of equality, evenly spaced from 0 to 1, at which the planner is evaluated after it has learned under a
    weight drawn anew in every episode, which it sees. 0: it learns for economy.equality_weight alone."""

    def __post_init__(self):
        check("frontier.weights", self.weights, self.weights == 0 or self.weights >= 2, "0, or at least 2")


@dataclass(frozen=True)
class LaboratoriesConfig:
    """How the arm laboratories finds its schedule: versions of it have an economy each, with citizens of their own."""

    search: Literal["climb", "line"] = "climb"
    """Whether versions lie around the schedule, which moves uphill; or in a row, in the direction that pays at once."""
    begins_at: float = 0.25
    """Every rate before the search."""
    width: float = 0.2
    """How far above or below the schedule's the rates of its versions lie, in a climb."""
    reach: float = 1.0
    """How far a rate gets from where it begins: in a climb, if all that is found agrees; on a line, in the last version
    the rate that pays most at once."""
    memory: float = 0.85
    """Weight of what was found one move before, in a climb."""
    block: int = 25
    """Updates of citizens between two moves of a climb; on a line between two looks."""
    listens_at: float = 0.125
    """Share of the search before which nothing is found: citizens have not answered their version yet."""
    environments: int = 64
    """Of each version."""
    ignores: float = 0.0
    """On a line, rates that are worth less at once than this share of the best stay where they begin: every rate costs
    answers, whatever it brings."""
    tries: int = 8
    """Versions on a line, the one that it begins at among them; with 4 the curve goes through all, luck included. In a
    climb it is the brackets that say how many."""

    def __post_init__(self):
        check("laboratories.begins_at", self.begins_at, 0 <= self.begins_at <= 1, "in [0, 1]")
        check("laboratories.width", self.width, 0 < self.width <= 1, "above 0, at most 1")
        check("laboratories.reach", self.reach, self.reach > 0, "above 0")
        check("laboratories.memory", self.memory, 0 <= self.memory < 1, "in [0, 1)")
        check("laboratories.listens_at", self.listens_at, 0 <= self.listens_at < 1, "in [0, 1)")
        check("laboratories.block", self.block, self.block >= 1, "at least 1")
        check("laboratories.ignores", self.ignores, 0 <= self.ignores < 1, "in [0, 1)")
        check("laboratories.tries", self.tries, self.tries >= 4, "at least 4")
        check("laboratories.environments", self.environments, self.environments >= 2, "at least 2")


@dataclass(frozen=True)
class Scenario:
    """One experiment, as plain data."""

    name: str
    title: str
    objective: str
    arms: tuple[str, ...]
    economy: OneStepConfig | GatherTradeBuildConfig | BusinessCycleConfig
    """Which of them is said by its key `kind`."""
    taxes: TaxesConfig
    learning: LearningConfig | ScheduledLearningConfig
    """Which of them is said by its key `kind`."""
    description: str = ""
    caveats: tuple[str, ...] = ()
    budgets: dict[str, BudgetConfig] = field(default_factory=dict)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    frontier: FrontierConfig = field(default_factory=FrontierConfig)
    laboratories: LaboratoriesConfig = field(default_factory=LaboratoriesConfig)

    def __post_init__(self):
        if self.objective not in OBJECTIVES:
            raise unknown("objective", self.objective, OBJECTIVES)
        if self.objective not in self.economy.objectives:
            allowed = ", ".join(name for name in OBJECTIVES if name in self.economy.objectives)
            raise ConfigError(
                f"objective '{self.objective}' is none of the economy {self.economy.kind}: choose one of {allowed}"
            )
        refuse_kind(self.learning, self.economy.learning_kind, self.economy.kind)
        for name in self.budgets:
            if name not in BUDGETS:
                raise unknown("budget", name, BUDGETS)
        if self.frontier.weights and self.objective != WEIGHED:
            raise ConfigError(
                f"objective '{self.objective}' has no weight of equality to trace a frontier with: "
                f"set objective to '{WEIGHED}', or frontier.weights to 0"
            )
        most, played = self.economy.num_periods, self.learning.periods_per_update
        check("learning.periods_per_update", played, played <= most, f"at most {most}, the tax periods of an episode")
        held = self.taxes.held_for
        check("taxes.held_for", held, held <= max(1, most), f"at most {most}, the tax periods of an episode")
        self.economy.check_scenario(self)

    def budget(self, name: str) -> BudgetConfig:
        """How long to train under a budget's name.

        Raises:
            ConfigError: if the scenario does not say.
        """
        if name not in BUDGETS:
            raise unknown("budget", name, BUDGETS)
        if name not in self.budgets:
            have = ", ".join(self.budgets) or "none"
            raise ConfigError(f"scenario {self.name} has no budget '{name}' (it has {have}): write [budgets.{name}]")
        return self.budgets[name]

    @property
    def headline(self) -> str:
        """The metric that results are given in: the objective, just as the planner maximizes it."""
        return self.economy.metric_of(self.objective)

    @property
    def money(self) -> str:
        """The unit of account."""
        return self.economy.money
