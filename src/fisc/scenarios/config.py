"""Scenarios as plain data: frozen dataclasses, read strictly from TOML. No jax here.

An unknown key, a wrong type or an impossible value is a `ConfigError` that names the key, the value and what is
allowed. Defaults live in this file and nowhere else.
"""

from dataclasses import dataclass, field
from typing import Literal

from fisc.core.errors import ConfigError, unknown
from fisc.scenarios.kinds.gather_trade_build_config import GatherTradeBuildConfig
from fisc.scenarios.kinds.one_step_config import OneStepConfig
from fisc.scenarios.reading import check

OBJECTIVES = (
    "inverse_income_weighted_utility",
    "inverse_income_weighted_coin",
    "equality_times_productivity",
    "utilitarian",
    "rawlsian",
    "productivity",
)
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
    """Rates of the arm fixed."""
    planner: Literal["grid", "continuous"] = "grid"
    rate_step: float = 0.05
    """Distance of the rates on the planner's grid."""
    min_rate: float = 0.0
    max_rate: float = 1.0
    """Lowest and highest rate on it."""
    sets_one_rate: bool = False
    """Whether the planner changes the rate of one bracket at a time, instead of all."""
    saez_bandwidth: float = 0.2
    """Smoothing of the income distribution in the Saez formula, in log income."""
    saez_elasticity: float | Literal["own"] = "own"
    """Elasticity in the Saez formula, or 'own': the economy's for arm saez, the running estimate for saez_estimated."""
    saez_weights: Literal["inverse_income", "uniform"] = "inverse_income"
    """Welfare weights of arm saez_estimated."""

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
        check("taxes.saez_bandwidth", self.saez_bandwidth, self.saez_bandwidth > 0, "above 0")
        if self.flat_rate != "best":
            check("taxes.flat_rate", self.flat_rate, 0 <= self.flat_rate <= 1, "'best' or a fraction in [0, 1]")
        if not isinstance(self.saez_elasticity, str):
            check("taxes.saez_elasticity", self.saez_elasticity, self.saez_elasticity > 0, "above 0")


@dataclass(frozen=True)
class RoleConfig:
    """How one role learns, and when."""

    hidden: tuple[int, ...] = (64, 64)
    critic_hidden: tuple[int, ...] = ()
    """Hidden layers of the critic; empty: as the actor's."""
    radius: dict[str, int] = field(default_factory=dict)
    """How many cells around oneself are read of a map, by map or layer, such as "map/wood" = 5; -1 leaves it out, and
    what has no entry is read in full, as is a whole map, which nobody is in the middle of."""
    thresholds: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """Numbers that are also read as flags, one for each threshold: whether the number is above it. A layer of a network
    cannot tell places or single units apart by a number alone. By block and name, such as "own/wood" = [0.005], or by
    block for all its numbers that have no entry of their own."""
    critic_sees_maps: bool = True
    """Whether the critic reads maps, which cost most of the time."""
    actor_sees_mask: bool = False
    """Whether the legal actions are also features of the choice."""
    head: Literal["categorical", "ordinal"] = "ordinal"
    """How one integer is chosen: each by its own logit, or around a location, for choices that are ordered."""
    learning_rate: float = 3e-3
    final_learning_rate: float = 0.03
    """As a share of learning_rate, reached at the end."""
    entropy: float = 0.02
    final_entropy: float = 0.0005
    joins_at: float = 0.0
    """Share of the run after which the role learns."""
    settles_at: float = 1.0
    """Share of the run after which it keeps to what it found, so that the others can answer it; 1: never."""
    starts_fresh: bool = False
    """Begin with new parameters once the other role has settled, as citizens do under a schedule that is given."""
    discount: float = 1.0
    """Of a reward one decision later."""
    trace: float = 1.0
    """Lambda of generalized advantages: 1 waits for what happens, 0 trusts the critic."""
    epochs: int = 2
    minibatches: int = 2
    shuffles: bool = True
    """Whether minibatches are drawn row by row; else they are stretches of time, which copies less."""
    clip: float = 0.2
    kl_limit: float = 0.05
    max_gradient_norm: float = 1.0
    per_agent: bool = False
    """Scale returns and advantages agent by agent."""

    def __post_init__(self):
        check("hidden", list(self.hidden), bool(self.hidden) and min(self.hidden) >= 1, "at least one positive width")
        check("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        check("joins_at", self.joins_at, 0 <= self.joins_at < 1, "in [0, 1)")
        good = self.joins_at < self.settles_at <= 1
        check("settles_at", self.settles_at, good, f"above joins_at ({self.joins_at}), at most 1")
        check("epochs", self.epochs, self.epochs >= 1, "at least 1")
        check("minibatches", self.minibatches, self.minibatches >= 1, "at least 1")
        for name in ("discount", "trace"):
            check(name, getattr(self, name), 0 <= getattr(self, name) <= 1, "in [0, 1]")
        for name in ("final_learning_rate", "entropy", "final_entropy", "clip", "kl_limit", "max_gradient_norm"):
            check(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")


@dataclass(frozen=True)
class BudgetConfig:
    """How long to train."""

    common_updates: int = 0
    """Of citizens in the free market, before the arms part: every arm goes on from there. 0: all begin from nothing."""
    updates: int = 300
    """Of citizens under a given schedule."""
    planner_updates: int = 1000
    """Of citizens and planner together."""
    block: int = 50
    """Updates between two checkpoints."""

    def __post_init__(self):
        check("budgets.*.common_updates", self.common_updates, self.common_updates >= 0, "at least 0")
        for name in ("updates", "planner_updates", "block"):
            check(f"budgets.*.{name}", getattr(self, name), getattr(self, name) >= 1, "at least 1")


@dataclass(frozen=True)
class EvaluationConfig:
    """How arms are judged once everybody has learned."""

    episodes: int = 1
    """Means are taken over so many; more than one matters where episodes differ by luck."""
    actions: Literal["greedy", "drawn"] = "greedy"
    """Whether everybody does what they find most likely, or draws as in training."""

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
class LearningConfig:
    """What learns, and how."""

    citizens: Literal["learn", "best_response"] = "learn"
    """Whether citizens learn, or solve their own problem exactly."""
    environments: int = 64
    """Economies played side by side for every update, at least 2."""
    periods_per_update: int = 0
    """Tax periods that each of them plays for an update; 0: whole episodes."""
    citizen: RoleConfig = field(default_factory=lambda: RoleConfig(per_agent=True))
    planner: RoleConfig = field(
        default_factory=lambda: RoleConfig(
            hidden=(32,), learning_rate=2e-4, final_learning_rate=0.3, final_entropy=0.005, joins_at=0.2
        )
    )
    """Slower than citizens: a planner that outruns them learns that nobody minds high rates."""
    max_rate_start: float = 1.0
    """Ceiling on rates when the planner joins; it rises to 1 by the time it settles, or the end."""
    max_rate_full_at: float = 0.0
    """Share of the run after which rates have no ceiling; 0: by the time the planner settles, or at the end."""
    labor_cost_start: float = 1.0
    """Weight of the disutility of labor at the start; it rises to 1 by the time the planner joins, if there is one."""
    labor_cost_full_at: float = 0.0
    """Share of the run after which labor costs in full, under every tax system; 0: when the planner joins. If arms go
    on from a common start, it is a share of that, and labor costs in full ever after."""

    common_trace: float | Literal["same"] = "same"
    """Citizens' trace in the common start. Credit that reaches less far is steadier while there is everything to learn;
    a tax comes at the end of a period, and only trace 1 credits it in full to what was earned before."""

    def __post_init__(self):
        if self.common_trace != "same":
            check("learning.common_trace", self.common_trace, 0 <= self.common_trace <= 1, "in [0, 1], or 'same'")
        # What is better than average is judged by comparing environments.
        check("learning.environments", self.environments, self.environments >= 2, "at least 2")
        check("learning.periods_per_update", self.periods_per_update, self.periods_per_update >= 0, "at least 0")
        for name in ("max_rate_start", "max_rate_full_at", "labor_cost_start", "labor_cost_full_at"):
            check(f"learning.{name}", getattr(self, name), 0 <= getattr(self, name) <= 1, "in [0, 1]")
        opens = self.max_rate_full_at
        allowed = f"above learning.planner.joins_at ({self.planner.joins_at}), or 0"
        check("learning.max_rate_full_at", opens, opens == 0 or opens > self.planner.joins_at, allowed)
        for role, other in (("citizen", self.planner), ("planner", self.citizen)):
            settles, joins = getattr(self, role).settles_at, other.joins_at
            allowed = f"above {joins}, when the other role joins"
            check(f"learning.{role}.settles_at", settles, settles > joins, allowed)
        for role in ("citizen", "planner"):
            count = getattr(self, role).minibatches
            check(f"learning.{role}.minibatches", count, count <= self.environments, "at most learning.environments")


@dataclass(frozen=True)
class Scenario:
    """One experiment, as plain data."""

    name: str
    title: str
    objective: str
    arms: tuple[str, ...]
    economy: OneStepConfig | GatherTradeBuildConfig
    """Which of them is said by its key `kind`."""
    taxes: TaxesConfig
    learning: LearningConfig
    description: str = ""
    caveats: tuple[str, ...] = ()
    budgets: dict[str, BudgetConfig] = field(default_factory=dict)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    frontier: FrontierConfig = field(default_factory=FrontierConfig)

    def __post_init__(self):
        if self.objective not in OBJECTIVES:
            raise unknown("objective", self.objective, OBJECTIVES)
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
