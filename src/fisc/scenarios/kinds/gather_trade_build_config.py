"""The Gather-Trade-Build economy as plain data. No jax here.

Defaults are those of the papers' economy of four citizens; labor is in units of effort, prices in coin.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from fisc.core.errors import ConfigError
from fisc.economies.gather_trade_build import maps
from fisc.scenarios.kinds.base_config import EconomyConfig
from fisc.scenarios.reading import check

EVENTS = ("build", "trade", "gather", "tax", "redistribute")
DRAWN_MAPS = ("scattered", "zones", "quadrants")
"""Maps that are drawn anew in every episode; any other name is a fixed map."""
ORIGIN_OF_MAPS = maps.ORIGIN
SkillLaw = Literal["none", "pareto", "lognormal"]


def shipped_maps() -> list[maps.MapText]:
    """The fixed maps that come with fisc."""
    return [maps.read_map(name) for name in maps.map_names()]


@dataclass(frozen=True)
class MapConfig:
    """Where water and sources are."""

    layout: str = "quadrant_25x25_20each_30clump"
    """A fixed map by name (`fisc list maps`), a text file of one's own, or a map drawn in every episode: 'scattered',
    'zones' or 'quadrants'. In a run folder or episode, the text of one's own map, with a semicolon after each row."""
    rows: int = 0
    columns: int = 0
    """Size of the world; 0: that of the fixed map. A world larger than its map is empty below and to the right."""
    water_row: int = 0
    """A row of water that parts the map in two, for placement = 'split'; 0: the middle row."""
    is_checkered: bool = False
    """On drawn maps, whether sources of wood and stone lie on alternate cells."""
    gradient: float = 8.0
    """On scattered and quadrant maps, how steeply sources become rarer away from their side, at least 1."""
    zone_rows: int = 8
    zone_columns: int = 8
    wood_zones: int = 6
    stone_zones: int = 6
    mixed_zones: int = 4

    def __post_init__(self):
        for name in ("zone_rows", "zone_columns"):
            check(f"economy.map.{name}", getattr(self, name), getattr(self, name) >= 1, "at least 1")
        is_drawn = self.layout in DRAWN_MAPS
        for name in ("rows", "columns"):
            allowed = "at least 1 on a map that is drawn" if is_drawn else "at least 0"
            check(f"economy.map.{name}", getattr(self, name), getattr(self, name) >= is_drawn, allowed)
        if (self.rows == 0) != (self.columns == 0):
            raise ConfigError(f"economy.map has {self.rows} rows and {self.columns} columns: give both, or neither")
        for name in ("water_row", "wood_zones", "stone_zones", "mixed_zones"):
            check(f"economy.map.{name}", getattr(self, name), getattr(self, name) >= 0, "at least 0")
        check("economy.map.gradient", self.gradient, self.gradient >= 1, "at least 1")


@dataclass(frozen=True)
class GoodConfig:
    """How one good grows. Coverage and clumpiness are for drawn maps."""

    coverage: float = 0.025
    """Share of all cells that are sources, or their number if it is 1 or more."""
    clumpiness: float = 0.35
    """How close together they lie, in [0, 1]."""
    regrowth: float = 0.01
    """Weight of the neighborhood in the probability that a unit appears on an empty source; alone on its cell, the
    probability itself."""
    regrowth_reach: int = 0
    """Cells in each direction that count as neighborhood, 0 to 3."""
    most_units: int = 1
    """Units that can lie on one source."""

    def __post_init__(self):
        check("coverage", self.coverage, self.coverage > 0, "above 0")
        for name in ("clumpiness", "regrowth"):
            check(name, getattr(self, name), 0 <= getattr(self, name) <= 1, "in [0, 1]")
        check("regrowth_reach", self.regrowth_reach, 0 <= self.regrowth_reach <= 3, "from 0 to 3")
        check("most_units", self.most_units, 1 <= self.most_units <= 127, "from 1 to 127")


@dataclass(frozen=True)
class BuildingConfig:
    """A house costs a unit of each good and pays its builder coin."""

    payment: float = 10.0
    """Coin for a house without skill."""
    max_multiplier: float = 3.0
    """What the best builder gets, in payments."""
    skills: SkillLaw = "pareto"
    labor: float = 10.0

    def __post_init__(self):
        check("payment", self.payment, self.payment > 0, "above 0")
        check("max_multiplier", self.max_multiplier, self.max_multiplier >= 1, "at least 1")
        check("labor", self.labor, self.labor >= 0, "at least 0")


@dataclass(frozen=True)
class MarketConfig:
    """The double auction of each good."""

    max_price: int = 10
    order_labor: float = 0.25
    order_duration: int = 50
    """Steps after the one in which an order is placed until it expires."""
    max_orders: int = 5
    """Open bids and asks of one citizen for one good."""

    def __post_init__(self):
        for name in ("max_price", "order_duration", "max_orders"):
            check(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        check("order_labor", self.order_labor, self.order_labor >= 0, "at least 0")


@dataclass(frozen=True)
class GatheringConfig:
    """Walking and collecting."""

    move_labor: float = 1.0
    collect_labor: float = 1.0
    skills: SkillLaw = "pareto"
    """Law of the probability of a second unit."""

    def __post_init__(self):
        for name in ("move_labor", "collect_labor"):
            check(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")


@dataclass(frozen=True)
class SightConfig:
    """Who sees what."""

    halfwidth: int = 5
    """Cells that a citizen sees in each direction."""
    whole_map: bool = False
    """Citizens see the whole map instead."""
    planner_sees_map: bool = False
    is_scaled: bool = True
    """Purses, goods and histories come times 0.01, as published."""

    def __post_init__(self):
        check("halfwidth", self.halfwidth, self.halfwidth >= 0, "at least 0")


@dataclass(frozen=True)
class GatherTradeBuildConfig(EconomyConfig):
    """The Gather-Trade-Build economy: a map, the people on it, the rules, and what people want."""

    kind: Literal["gather_trade_build"] = "gather_trade_build"
    citizens: int = 4
    map: MapConfig = field(default_factory=MapConfig)
    wood: GoodConfig = field(default_factory=GoodConfig)
    stone: GoodConfig = field(default_factory=lambda: GoodConfig(clumpiness=0.5))
    placement: Literal["corners", "anywhere", "split"] = "corners"
    """In the corners by rank of building skill, as in the papers; anywhere at random; or on two sides of a row of
    water. In corners and split, skills are those of the average citizen of each rank."""
    deals_ranks: bool = True
    """Whether who has which rank is drawn in every episode, as published; else the first citizen always builds worst
    and the last one best. With placement = 'anywhere' nobody has a rank, and skills are always drawn."""
    north_ranks: tuple[int, ...] = (0,)
    """Who starts north of the water with placement = 'split'; 0 is the highest skill."""
    building: BuildingConfig = field(default_factory=BuildingConfig)
    market: MarketConfig = field(default_factory=MarketConfig)
    gathering: GatheringConfig = field(default_factory=GatheringConfig)
    events: tuple[Literal["build", "trade", "gather", "tax", "redistribute"], ...] = ("build", "trade", "gather", "tax")
    """What happens in a step, in this order; sources grow last."""
    periods: int = 10
    """Tax years in an episode."""
    steps_per_period: int = 100
    choices: Literal["one", "one_of_each"] = "one"
    """Whether a citizen does one thing a step, or one of each kind."""
    sight: SightConfig = field(default_factory=SightConfig)
    bids_shelter_coin: bool = True
    """Whether taxes leave coin in open bids alone, as published; else bids of whoever cannot pay are withdrawn."""
    accrues_taxes: bool = False
    """Citizens are rewarded as if taxes were collected at every step, not on tax day: the same over a tax year, but a
    coin earned counts at once for what will be left of it."""
    starting_coin: float = 0.0
    eta: float = 0.23
    """Curvature of utility in coin; 1 is the logarithm."""
    labor_cost: float = 0.21
    """Utils per unit of effort."""
    labor_warmup: float = 0.0
    """Constant of the warm-up of labor costs; 0: full cost from the start."""
    warmup_counts: Literal["episodes", "rewarding steps"] = "rewarding steps"
    """What warms up: completed episodes, or steps in which citizens gained on average."""
    equality_weight: float = 1.0
    """Weight of equality in the objective equality_times_productivity; 0 is productivity alone."""
    convention: Literal["exact", "foundation"] = "exact"
    """'foundation' keeps the known errors of the reference program, for exact comparisons with it."""

    def __post_init__(self):
        check("economy.citizens", self.citizens, self.citizens >= 2, "at least 2")
        for name in ("periods", "steps_per_period"):
            check(f"economy.{name}", getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("eta", "equality_weight"):
            check(f"economy.{name}", getattr(self, name), 0 <= getattr(self, name) <= 1, "in [0, 1]")
        for name in ("starting_coin", "labor_cost", "labor_warmup"):
            check(f"economy.{name}", getattr(self, name), getattr(self, name) >= 0, "at least 0")
        once = len(set(self.events)) == len(self.events)
        allowed = f"some of {', '.join(EVENTS)}, each once, build or gather among them"
        check("economy.events", list(self.events), once and bool({"build", "gather"} & set(self.events)), allowed)
        self._check_placement()

    def _check_placement(self) -> None:
        is_ranked, is_split = self.placement != "anywhere", self.placement == "split"
        if is_ranked and self.building.skills != "pareto":
            raise ConfigError(
                f"economy.placement is '{self.placement}', which ranks citizens by building skill: "
                "set economy.building.skills to 'pareto', or economy.placement to 'anywhere'"
            )
        if is_ranked and self.map.layout in DRAWN_MAPS:
            raise ConfigError(
                f"economy.placement is '{self.placement}', which needs a fixed map: "
                f"map.layout is '{self.map.layout}'; set economy.placement to 'anywhere'"
            )
        if self.map.water_row and not is_split:
            raise ConfigError(
                f"economy.map.water_row is {self.map.water_row}: only placement = 'split' has a row of water"
            )

    @property
    def num_people(self):
        """The citizens."""
        return self.citizens

    @property
    def num_periods(self):
        """The tax years."""
        return self.periods

    @property
    def references(self):
        """The papers that describe the economy."""
        return ("zheng2020", "zheng2022")

    @property
    def convention_of_taxes(self):
        """One convention for everything."""
        return self.convention

    @property
    def flag_keys(self):
        """People are citizens here."""
        return {"workers": "economy.citizens"}

    def inexact(self, what):
        """Nothing is known exactly here."""
        return ConfigError(
            f"{what} needs exact best responses, which nobody knows in the economy gather_trade_build: let citizens "
            "learn, give taxes.flat_rate a number, and use the arm saez_estimated for the Saez formula"
        )

    def self_contained(self):
        """With the map itself if it is a file of one's own."""
        layout = self.map.layout
        if layout in DRAWN_MAPS or not maps.is_own_file(layout):
            return self
        return replace(self, map=replace(self.map, layout=maps.read_map(layout).line))

    def check_scenario(self, scenario):
        """Without taxes there is nothing to compare; a warm-up of labor begins anew with every world."""
        for name, budget in scenario.budgets.items():
            if self.labor_warmup and budget.common_updates:
                raise ConfigError(
                    f"economy.labor_warmup is {self.labor_warmup}, and budgets.{name} goes on from a common start, "
                    "where it would begin anew: use learning.labor_cost_start in its place, or set common_updates to 0"
                )
        if "tax" not in self.events and set(scenario.arms) != {"free_market"}:
            raise ConfigError(
                f"arms are {', '.join(scenario.arms)}, but economy.events has no 'tax': add it, or compare nothing but "
                "free_market"
            )
