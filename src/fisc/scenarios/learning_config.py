"""How an economy's roles learn, as plain data: `learning.kind` says by which curriculum. No jax here."""

import abc
from dataclasses import dataclass, field, replace
from typing import Literal

from fisc.core.errors import ConfigError
from fisc.scenarios.reading import check

ALGORITHMS = ("ppo", "policy_gradient")
"""How a role can learn: by the clipped ratio, or by the plain gradient, one step on each batch."""


@dataclass(frozen=True)
class LearnerConfig:
    """One role's networks, and how they learn from a batch of experience."""

    network: Literal["mlp", "patches", "convolution", "lstm", "convolution_lstm"] = "mlp"
    """Dense layers over numbers and flattened maps; over maps seen in squares of 3 by 3 cells side by side; over maps
    seen by layers of filters, 3 by 3 cells and 2 apart; or with a memory (LSTM) behind the dense layers. The last one
    is the published network. Filters tell every citizen's label apart, and need one radius for all maps that are
    read."""
    filters: tuple[int, ...] = ()
    """How many filters each layer over a map has; empty: [16] for patches, else [16, 32]."""
    sequence: int = 25
    """Decisions, one after the other, over which the gradient of a memory goes back: the largest number up to this one
    that divides the decisions of an update."""
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
    acts_on: tuple[str, ...] = ()
    """Blocks of numbers that the choice answers to, without their flags and without maps; empty: everything. Values are
    read from everything all the same. A planner with ["calendar"] announces rates by the year, whatever happens."""
    head: Literal["categorical", "ordinal"] = "ordinal"
    """How one integer is chosen: each by its own logit, or around a location, for choices that are ordered."""
    begins_at: float = 0.5
    """Location of an ordinal choice before anything is learned, as a share of its range."""
    begins_within: float = 0.25
    """Its standard deviation then, as a share of the range, but at least one and a half steps."""
    greedy_choice: Literal["likeliest", "median"] = "likeliest"
    """What is done where nothing is drawn: by a role that has settled, and where evaluation.actions is "greedy". An
    ordinal choice that was drawn widely near the end of its range is worth what its median is worth, not what its
    likeliest number is."""
    learning_rate: float = 3e-3
    discount: float = 1.0
    """Of a reward one decision later."""
    discounts: Literal["every_step", "once"] = "every_step"
    """Whether the discount compounds, or all that follows a decision is discounted alike, which needs trace = 1."""
    trace: float = 1.0
    """Lambda of generalized advantages: 1 waits for what happens, 0 trusts the critic."""
    surrogate: Literal["clipped", "policy_gradient"] = "clipped"
    """What is climbed: PPO's clipped ratio, or log-probabilities, which are right for one epoch of one minibatch."""
    value_loss: Literal["squared", "huber", "huber_of_each"] = "squared"
    """How misses of the critic count. Huber's loss takes the larger of two means of a batch, with the value and with
    the value kept near the old one, or (huber_of_each) the larger for each decision."""
    epochs: int = 2
    minibatches: int = 2
    shuffles: bool = True
    """Whether minibatches are drawn row by row; else they are stretches of time, which copies less. A single one is all
    rows as they come."""
    clip: float = 0.2
    kl_limit: float = 0.05
    max_gradient_norm: float = 1.0
    scales_features: bool = True
    """Read numbers less their running mean and over their running deviation, so that what hardly ever varies is read
    large when it does; false: as they are, for economies that show small ones. More than 10 either way is cut."""
    per_agent: bool = False
    """Scale returns and advantages agent by agent."""
    own_networks: bool = False
    """Give each agent networks of its own in place of one for all, where each is the same kind of person in every
    episode (economy.deals_ranks = false on the map)."""

    def __post_init__(self):
        check("hidden", list(self.hidden), bool(self.hidden) and min(self.hidden) >= 1, "at least one positive width")
        check("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        check("begins_at", self.begins_at, 0 < self.begins_at < 1, "inside (0, 1)")
        check("begins_within", self.begins_within, self.begins_within > 0, "above 0")
        has_order = self.greedy_choice == "likeliest" or self.head == "ordinal"
        check(
            "greedy_choice",
            self.greedy_choice,
            has_order,
            "'likeliest' where head = 'categorical': no order, no median",
        )
        check("filters", list(self.filters), min(self.filters, default=1) >= 1, "positive numbers")
        check(
            "filters",
            list(self.filters),
            self.looks_at_places or not self.filters,
            f"[] where network = '{self.network}'",
        )
        check("sequence", self.sequence, self.sequence >= 1, "at least 1")
        allowed = "'mlp' where acts_on is given: the choice then reads numbers of the present alone"
        check("network", self.network, self.network == "mlp" or not self.acts_on, allowed)
        sees_mask = bool(self.acts_on) and self.actor_sees_mask
        check("acts_on", list(self.acts_on), not sees_mask, "[] where actor_sees_mask is true")
        check("acts_on", list(self.acts_on), len(set(self.acts_on)) == len(self.acts_on), "different names")
        check("epochs", self.epochs, self.epochs >= 1, "at least 1")
        check("minibatches", self.minibatches, self.minibatches >= 1, "at least 1")
        for name in ("discount", "trace"):
            check(name, getattr(self, name), 0 <= getattr(self, name) <= 1, "in [0, 1]")
        for name in ("clip", "kl_limit", "max_gradient_norm"):
            check(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")
        if self.discounts == "once":
            check("trace", self.trace, self.trace == 1, "1 where discounts = 'once'")
        if self.surrogate == "policy_gradient":
            for name in ("epochs", "minibatches"):
                check(name, getattr(self, name), getattr(self, name) == 1, "1 where surrogate = 'policy_gradient'")

    @property
    def looks_at_places(self) -> bool:
        """Whether maps are seen by filters."""
        return self.network in ("patches", "convolution", "convolution_lstm")

    @property
    def remembers(self) -> bool:
        """Whether there is a memory."""
        return self.network in ("lstm", "convolution_lstm")

    @property
    def algorithm(self) -> str:
        """Which of `ALGORITHMS` this is."""
        return "policy_gradient" if self.surrogate == "policy_gradient" else "ppo"

    def by(self, algorithm: str, learning_rate: float) -> "LearnerConfig":
        """The same networks, taught by an algorithm with a learning rate; what both have alike stays."""
        if algorithm == self.algorithm:
            return replace(self, learning_rate=learning_rate)
        if algorithm == "policy_gradient":
            return replace(self, surrogate="policy_gradient", epochs=1, minibatches=1, learning_rate=learning_rate)
        usual = {"epochs": type(self).epochs, "minibatches": type(self).minibatches}
        return replace(self, surrogate="clipped", learning_rate=learning_rate, **usual)


@dataclass(frozen=True)
class RoleConfig(LearnerConfig):
    """How one role learns, and when, in shares of the run."""

    final_learning_rate: float = 0.03
    """As a share of learning_rate, reached at the end."""
    entropy: float = 0.02
    final_entropy: float = 0.0005
    joins_at: float = 0.0
    """Share of the run after which the role learns."""
    settles_at: float = 1.0
    """Share of the run after which it keeps to its greedy_choice, so that the others can answer it; it is judged so
    too. 1: never."""
    starts_fresh: bool = False
    """Begin with new parameters once the other role has settled, as citizens do under a schedule that is given."""

    def __post_init__(self):
        super().__post_init__()
        check("joins_at", self.joins_at, 0 <= self.joins_at < 1, "in [0, 1)")
        good = self.joins_at < self.settles_at <= 1
        check("settles_at", self.settles_at, good, f"above joins_at ({self.joins_at}), at most 1")
        for name in ("final_learning_rate", "entropy", "final_entropy"):
            check(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")


@dataclass(frozen=True)
class BaseLearningConfig(abc.ABC):
    """The table [learning] of a scenario, whatever its curriculum."""

    environments: int = 64
    """Economies played side by side for every update, at least 2."""
    periods_per_update: int = 0
    """Tax periods that each of them plays for an update; 0: whole episodes."""

    def __post_init__(self):
        # What is better than average is judged by comparing environments.
        check("learning.environments", self.environments, self.environments >= 2, "at least 2")
        check("learning.periods_per_update", self.periods_per_update, self.periods_per_update >= 0, "at least 0")
        for name, role in self.roles.items():
            allowed = "at most learning.environments"
            check(f"learning.{name}.minibatches", role.minibatches, role.minibatches <= self.environments, allowed)

    @property
    @abc.abstractmethod
    def roles(self) -> dict[str, LearnerConfig]:
        """How each role learns."""

    @property
    def people_learn(self) -> bool:
        """Whether people learn, or solve their own problem exactly."""
        return True

    def settles(self, role: str) -> bool:
        """Whether a role keeps, before the end, to what it found: to what it finds most likely, without drawing."""
        return getattr(self.roles.get(role), "settles_at", 1.0) < 1.0


@dataclass(frozen=True)
class LearningConfig(BaseLearningConfig):
    """Citizens learn, then a planner with them."""

    kind: Literal["phases"] = "phases"
    citizens: Literal["learn", "best_response"] = "learn"
    """Whether citizens learn, or solve their own problem exactly."""
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

    def __post_init__(self):
        super().__post_init__()
        for name in ("max_rate_start", "max_rate_full_at", "labor_cost_start", "labor_cost_full_at"):
            check(f"learning.{name}", getattr(self, name), 0 <= getattr(self, name) <= 1, "in [0, 1]")
        opens = self.max_rate_full_at
        allowed = f"above learning.planner.joins_at ({self.planner.joins_at}), or 0"
        check("learning.max_rate_full_at", opens, opens == 0 or opens > self.planner.joins_at, allowed)
        for role, other in (("citizen", self.planner), ("planner", self.citizen)):
            settles, joins = getattr(self, role).settles_at, other.joins_at
            allowed = f"above {joins}, when the other role joins"
            check(f"learning.{role}.settles_at", settles, settles > joins, allowed)

    @property
    def roles(self):
        """Citizens and the planner."""
        return {"citizen": self.citizen, "planner": self.planner}

    @property
    def people_learn(self):
        """As `citizens` says."""
        return self.citizens == "learn"


@dataclass(frozen=True)
class ScheduledRoleConfig(LearnerConfig):
    """How one role learns; when is said by the curriculum."""

    head: Literal["categorical", "ordinal"] = "categorical"
    learning_rate: float = 1e-3
    epochs: int = 2
    minibatches: int = 1
    clip: float = 0.1
    max_gradient_norm: float = 2.0
    value_loss: Literal["squared", "huber", "huber_of_each"] = "huber"
    entropy: float = 0.5
    """Weight of the entropy bonus when the role starts to learn; it fades as the schedule says."""
    final_entropy: float = 0.05
    """Least weight."""
    entropy_lasts: float = 0.0
    """Share of the run, with its common start, in which the weight falls to 1/e of itself; 0: as the schedule has it,
    0.06 of the long one and 0.05 of the others. With few episodes it may take more for the others to learn what to
    answer."""
    final_learning_rate: float = 1.0
    """As a share of learning_rate, reached at the end."""
    settles_at: float = 1.0
    """Share of the run after which it keeps to its greedy_choice, so that the others can answer it; it is judged so
    too. 1: never."""

    def __post_init__(self):
        super().__post_init__()
        for name in ("entropy", "final_entropy", "final_learning_rate"):
            check(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")
        check("entropy_lasts", self.entropy_lasts, 0 <= self.entropy_lasts <= 1, "in [0, 1]")
        check("settles_at", self.settles_at, 0 < self.settles_at <= 1, "above 0, at most 1")


@dataclass(frozen=True)
class ScheduledGovernmentConfig(ScheduledRoleConfig):
    """How a government learns, and when it joins."""

    learning_rate: float = 5e-4
    joins_at: float = 0.0
    """Share of the run, with its common start, after which it learns; only the lowest rate is open before. From then on
    the ceiling rises for as long as that takes in the schedule, 0.15 of a run of the short one and 0.2 of the long one:
    let entropy_lasts be about as long, or little is tried of what opens last. From when firms learn (0.15, 0.2) to when
    all rates still open (0.85, 0.8). 0: as the schedule has it, whose ceiling rises over rates drawn at random before
    the government learns (0.3, 0.4)."""

    def __post_init__(self):
        super().__post_init__()
        check("joins_at", self.joins_at, 0 <= self.joins_at < 1, "in [0, 1)")


@dataclass(frozen=True)
class ScheduledLearningConfig(BaseLearningConfig):
    """Consumers learn, then firms with them, then a government: the structured curriculum of the business cycle."""

    kind: Literal["structured"] = "structured"
    environments: int = 8
    schedule: Literal["short", "long", "none"] = "short"
    """Published one (200,000 or 500,000 episodes), stretched or shrunk to the updates of the budget; 'none': everybody
    learns from the start, everything is allowed and labor costs in full."""
    consumer: ScheduledRoleConfig = field(default_factory=ScheduledRoleConfig)
    firm: ScheduledRoleConfig = field(default_factory=ScheduledRoleConfig)
    government: ScheduledGovernmentConfig = field(default_factory=ScheduledGovernmentConfig)

    def __post_init__(self):
        super().__post_init__()
        joins, allowed = self.government.joins_at, "0 where learning.schedule is 'none', as nobody waits for a turn"
        check("learning.government.joins_at", joins, joins == 0 or self.schedule != "none", allowed)

    @property
    def roles(self):
        """In the order in which they join."""
        return {"consumer": self.consumer, "firm": self.firm, "government": self.government}


def refuse_kind(learning: BaseLearningConfig, kind: str, economy: str) -> None:
    """Refuse a curriculum that is not the economy's.

    Raises:
        ConfigError: naming the right one.
    """
    if learning.kind != kind:
        raise ConfigError(f"learning.kind is '{learning.kind}': the economy {economy} is learned with '{kind}'")
