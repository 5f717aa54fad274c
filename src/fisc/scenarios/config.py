"""Scenarios as plain data: frozen dataclasses, read strictly from TOML. No jax here.

An unknown key, a wrong type or an impossible value is a `ConfigError` that names the key, the value and what is
allowed. Defaults live in this file and nowhere else.
"""

import dataclasses
import math
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal

from fisc.core.errors import ConfigError, unknown

OBJECTIVES = (
    "inverse_income_weighted_utility",
    "inverse_income_weighted_coin",
    "equality_times_productivity",
    "utilitarian",
    "rawlsian",
    "productivity",
)
BUDGETS = ("smoke", "quick", "full")


@dataclass(frozen=True)
class OneStepConfig:
    """The one-step economy: who lives in it, and what they want."""

    workers: int = 100
    skills: Literal["lomax", "quantiles", "us_wages", "list"] = "lomax"
    """Drawn as the reference draws them, their quantiles, recovered from US wages, or listed in `skill_list`."""
    skill_list: tuple[float, ...] = ()
    """Coin per hour of every worker, for skills = 'list'."""
    pareto_parameter: float = 8.0
    """Of the Lomax law that skills follow."""
    max_skill: float = 190.0
    """Skills are capped here, coin per hour."""
    labor: Literal["grid", "continuous"] = "grid"
    labor_steps: int = 100
    """Positive choices on the grid."""
    max_labor: float = 100.0
    """Most hours (with US wages: full-time years of 2,000 hours) that can be worked."""
    utility: Literal["quasi_linear", "log_net", "isoelastic"] = "quasi_linear"
    labor_cost: float = 0.0005
    """Coefficient of the disutility of labor; with US wages it is calibrated instead."""
    labor_exponent: float = 3.5
    """Power of labor in it; the elasticity of income to the net-of-tax rate is 1 / (labor_exponent - 1)."""
    eta: float = 0.5
    """Curvature of isoelastic utility."""
    year: int = 2024
    """US wages and US law of this year."""
    status: Literal["single", "joint", "separate", "head"] = "single"
    """Filing status of the US workers and of their law."""
    gini: Literal["exact", "foundation"] = "exact"
    seen_incomes: int = 0
    """Order statistics of last period's incomes that everybody sees."""
    planner_sees_citizens: bool = False

    def __post_init__(self):
        _check("economy.workers", self.workers, self.workers >= 1, "at least 1")
        _check("economy.pareto_parameter", self.pareto_parameter, self.pareto_parameter > 0, "above 0")
        _check("economy.max_skill", self.max_skill, self.max_skill > 1, "above 1")
        _check("economy.labor_steps", self.labor_steps, self.labor_steps >= 1, "at least 1")
        _check("economy.max_labor", self.max_labor, self.max_labor > 0, "above 0")
        _check("economy.labor_cost", self.labor_cost, self.labor_cost > 0, "above 0")
        _check("economy.labor_exponent", self.labor_exponent, self.labor_exponent > 1, "above 1")
        _check("economy.eta", self.eta, 0 <= self.eta <= 1, "in [0, 1]")
        _check(
            "economy.seen_incomes",
            self.seen_incomes,
            0 <= self.seen_incomes <= self.workers,
            "from 0 to economy.workers",
        )
        if self.skills == "list":
            good = len(self.skill_list) == self.workers and all(s > 0 for s in self.skill_list)
            _check(
                "economy.skill_list", list(self.skill_list), good, f"{self.workers} positive numbers (economy.workers)"
            )

    @property
    def elasticity(self) -> float:
        """Elasticity of income to the net-of-tax rate."""
        return 1.0 / (self.labor_exponent - 1.0)


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
    saez_bandwidth: float = 0.2
    """Smoothing of the income distribution in the Saez formula, in log income."""
    saez_elasticity: float | Literal["own"] = "own"
    """Elasticity in the Saez formula, or 'own': the economy's for arm saez, the running estimate for saez_estimated."""

    def __post_init__(self):
        _check("taxes.dollars_per_coin", self.dollars_per_coin, self.dollars_per_coin > 0, "above 0")
        _check("taxes.num_brackets", self.num_brackets, self.num_brackets >= 2, "at least 2")
        _check("taxes.top_cutoff", self.top_cutoff, self.top_cutoff > 0, "above 0")
        steps = 1.0 / self.rate_step if self.rate_step > 0 else 0.5
        _check(
            "taxes.rate_step", self.rate_step, abs(steps - round(steps)) < 1e-6, "a fraction that divides 1, like 0.05"
        )
        _check("taxes.saez_bandwidth", self.saez_bandwidth, self.saez_bandwidth > 0, "above 0")
        if self.flat_rate != "best":
            _check("taxes.flat_rate", self.flat_rate, 0 <= self.flat_rate <= 1, "'best' or a fraction in [0, 1]")
        if not isinstance(self.saez_elasticity, str):
            _check("taxes.saez_elasticity", self.saez_elasticity, self.saez_elasticity > 0, "above 0")


@dataclass(frozen=True)
class RoleConfig:
    """How one role learns, and when."""

    hidden: tuple[int, ...] = (64, 64)
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
    clip: float = 0.2
    kl_limit: float = 0.05
    max_gradient_norm: float = 1.0
    per_agent: bool = False
    """Scale returns and advantages agent by agent."""

    def __post_init__(self):
        _check("hidden", list(self.hidden), bool(self.hidden) and min(self.hidden) >= 1, "at least one positive width")
        _check("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        _check("joins_at", self.joins_at, 0 <= self.joins_at < 1, "in [0, 1)")
        good = self.joins_at < self.settles_at <= 1
        _check("settles_at", self.settles_at, good, f"above joins_at ({self.joins_at}), at most 1")
        _check("epochs", self.epochs, self.epochs >= 1, "at least 1")
        _check("minibatches", self.minibatches, self.minibatches >= 1, "at least 1")
        for name in ("discount", "trace"):
            _check(name, getattr(self, name), 0 <= getattr(self, name) <= 1, "in [0, 1]")
        for name in ("final_learning_rate", "entropy", "final_entropy", "clip", "kl_limit", "max_gradient_norm"):
            _check(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")


@dataclass(frozen=True)
class BudgetConfig:
    """How long to train."""

    updates: int = 300
    """Of citizens under a given schedule."""
    planner_updates: int = 1000
    """Of citizens and planner together."""
    block: int = 50
    """Updates between two checkpoints."""

    def __post_init__(self):
        for name in ("updates", "planner_updates", "block"):
            _check(f"budgets.*.{name}", getattr(self, name), getattr(self, name) >= 1, "at least 1")


@dataclass(frozen=True)
class LearningConfig:
    """What learns, and how."""

    citizens: Literal["learn", "best_response"] = "learn"
    """Whether citizens learn, or solve their own problem exactly."""
    environments: int = 64
    """Economies played side by side for every update, at least 2."""
    citizen: RoleConfig = field(default_factory=lambda: RoleConfig(per_agent=True))
    planner: RoleConfig = field(
        default_factory=lambda: RoleConfig(
            hidden=(32,), learning_rate=2e-4, final_learning_rate=0.3, final_entropy=0.005, joins_at=0.2
        )
    )
    """Slower than citizens: a planner that outruns them learns that nobody minds high rates."""
    max_rate_start: float = 1.0
    """Ceiling on rates when the planner joins; it rises to 1 by the time it settles, or the end."""
    labor_cost_start: float = 1.0
    """Weight of the disutility of labor at the start; it rises to 1 by the time the planner joins."""

    def __post_init__(self):
        # What is better than average is judged by comparing environments.
        _check("learning.environments", self.environments, self.environments >= 2, "at least 2")
        for name in ("max_rate_start", "labor_cost_start"):
            _check(f"learning.{name}", getattr(self, name), 0 < getattr(self, name) <= 1, "in (0, 1]")
        for role, other in (("citizen", self.planner), ("planner", self.citizen)):
            settles, joins = getattr(self, role).settles_at, other.joins_at
            allowed = f"above {joins}, when the other role joins"
            _check(f"learning.{role}.settles_at", settles, settles > joins, allowed)
        for role in ("citizen", "planner"):
            count = getattr(self, role).minibatches
            _check(f"learning.{role}.minibatches", count, count <= self.environments, "at most learning.environments")


@dataclass(frozen=True)
class Scenario:
    """One experiment, as plain data."""

    name: str
    title: str
    objective: str
    arms: tuple[str, ...]
    economy: OneStepConfig
    taxes: TaxesConfig
    learning: LearningConfig
    description: str = ""
    caveats: tuple[str, ...] = ()
    budgets: dict[str, BudgetConfig] = field(default_factory=dict)

    def __post_init__(self):
        if self.objective not in OBJECTIVES:
            raise unknown("objective", self.objective, OBJECTIVES)
        for name in self.budgets:
            if name not in BUDGETS:
                raise unknown("budget", name, BUDGETS)
        if self.economy.skills == "us_wages":
            self._check_wages()

    def _check_wages(self) -> None:
        if self.taxes.dollars_per_coin != 1.0:
            raise ConfigError(
                f"taxes.dollars_per_coin is {self.taxes.dollars_per_coin}: with skills from US wages it must be 1, "
                "as wages are in dollars"
            )
        if self.economy.status == "joint":
            raise ConfigError(
                "economy.status is 'joint': that law taxes two spouses' wages together, but workers appear one by one; "
                "choose single, head or separate"
            )

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
    def money(self) -> str:
        """The unit of account."""
        return "dollars" if self.economy.skills == "us_wages" else "coin"


def _check(key: str, value: Any, is_good: bool, allowed: str) -> None:
    """Refuse a value, naming its key and what is allowed."""
    is_number = isinstance(value, (int, float))
    if not is_good or (is_number and not math.isfinite(value)):
        raise ConfigError(f"{key} is {value!r}: it must be {allowed}")


def parse(kind: type, data: Any, path: str = "") -> Any:
    """Read plain data (as TOML gives it) as a value of a type, strictly.

    Args:
        kind: a dataclass, a number, str, bool, Literal, tuple[X, ...], dict[str, X] or a union of these.
        data: the plain data.
        path: dotted key, for messages.

    Raises:
        ConfigError: naming the key, the value and what is allowed.
    """
    if dataclasses.is_dataclass(kind):
        return _parse_dataclass(kind, data, path)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if data in arguments:
            return data
        words = [str(a) for a in arguments]
        raise ConfigError(f"{path} is {data!r}: {str(unknown(path, str(data), words)).split(': ', 1)[1]}")
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            try:
                return parse(option, data, path)
            except ConfigError:
                continue
        raise ConfigError(f"{path} is {data!r}: it must be {' or '.join(_describe(a) for a in arguments)}")
    if origin in (tuple, dict):
        return _parse_container(origin, arguments, data, path)
    is_number = isinstance(data, int | float) and not isinstance(data, bool)
    if kind is float and is_number and not math.isfinite(data):
        raise ConfigError(f"{path} is {data!r}: it must be a finite number")
    if (kind is float and is_number) or (type(data) is kind):
        return kind(data)
    raise ConfigError(f"{path} is {data!r}: it must be {_describe(kind)}")


def _parse_container(origin: type, arguments: tuple, data: Any, path: str) -> Any:
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise ConfigError(f"{path} is {data!r}: it must be a list of {_describe(arguments[0])}")
        return tuple(parse(arguments[0], item, f"{path}[{i}]") for i, item in enumerate(data))
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is {data!r}: it must be a table")
    return {key: parse(arguments[1], item, f"{path}.{key}") for key, item in data.items()}


def _parse_dataclass(kind: type, data: Any, path: str) -> Any:
    if not isinstance(data, dict):
        raise ConfigError(f"{path or 'a scenario'} is {data!r}: it must be a table")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    dotted = f"{path}." if path else ""
    for key in data:
        if key not in fields:
            raise unknown("key", f"{dotted}{key}", [f"{dotted}{name}" for name in fields])
    # A table that is given in part keeps the rest of its default: a planner's differs from a citizen's.
    data = {key: _over_default(fields[key], item) for key, item in data.items()}
    values = {key: parse(hints[key], item, f"{dotted}{key}") for key, item in data.items()}
    missing = [
        name
        for name, f in fields.items()
        if name not in values and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"key '{dotted}{missing[0]}' is missing: it has no default")
    try:
        return kind(**values)
    except ConfigError as error:
        text = str(error)
        is_full = not path or text.startswith(f"{path.split('.')[0]}.")
        raise ConfigError(text if is_full else f"{path}.{text}") from None


def _over_default(given: dataclasses.Field, item: Any) -> Any:
    if given.default_factory is dataclasses.MISSING or not isinstance(item, dict):
        return item
    default = given.default_factory()
    return {**dataclasses.asdict(default), **item} if dataclasses.is_dataclass(default) else item


def _describe(kind: Any) -> str:
    names = {int: "an integer", float: "a number", str: "text", bool: "true or false"}
    if typing.get_origin(kind) is Literal:
        return " or ".join(repr(a) for a in typing.get_args(kind))
    return names.get(kind, str(kind))
