"""Presets, arms and references as literal tables, and reading a scenario. No jax here.

A new tax system is a row in `ARMS` here, its label in `ARMS` of `fisc.records.metrics` and its construction in
`fisc.scenarios.build`. Objectives are listed in `fisc.scenarios.config`.
"""

import tomllib
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from fisc.core.errors import ConfigError, unknown
from fisc.records.metrics import flat_percent
from fisc.scenarios.config import Scenario
from fisc.scenarios.reading import from_toml, merge, parse, read_text

LABORATORIES = "laboratories"
"""The arm whose schedule is found on the way of a comparison."""
PRESETS = (
    "one-step", "us-2024", "gtb-open-quadrant", "gtb-open-quadrant-10", "rbc-small", "rbc-tiny", "rbc-taxes",
    "rbc-open", "rbc-closed", "rbc-paper-short", "rbc-release-faithful",
)  # fmt: skip


BASED_ON = "based_on"
"""Key of a scenario file that names the scenario from which it differs."""
KEYS = tuple(field.name for field in fields(Scenario))


@dataclass(frozen=True)
class Arm:
    """One tax system in a comparison."""

    summary: str
    references: tuple[str, ...] = ()


ARMS: dict[str, Arm] = {
    "free_market": Arm("no taxes and no transfers"),
    "us_federal": Arm("US federal income tax of the scenario's year", ("taxcalc",)),
    "flat": Arm("one rate for every income, taxes.flat_rate, by default the best; flat_NN for NN %, such as flat_20"),
    "fixed": Arm("the rates in taxes.fixed_rates"),
    "saez": Arm("the optimal-tax formula, iterated to its fixed point", ("saez2001", "diamond1998", "saez2016")),
    "saez_estimated": Arm(
        "the formula with an elasticity estimated while running, as the AI Economist's baseline",
        ("saez2001", "zheng2022"),
    ),
    LABORATORIES: Arm(
        "a schedule found by trying versions of it side by side, each in an economy of its own",
        ("plackett1946", "box1957"),
    ),
    "planner": Arm("a planner that learns by reinforcement", ("zheng2022", "schulman2017")),
    "optimum": Arm(
        "the exact optimum over the same brackets, on the planner's grid of rates if it has one",
        ("mirrlees1971", "saez2001"),
    ),
}

REFERENCES: dict[str, str] = {
    "curry2022": "Curry, M., Trott, A., Phade, S., Bai, Y. and Zheng, S. (2022). Analyzing micro-founded general "
    "equilibrium models with many agents using deep reinforcement learning. arXiv:2201.01163.",
    "diamond1998": "Diamond, P. (1998). Optimal income taxation: an example with a U-shaped pattern of optimal "
    "marginal tax rates. American Economic Review 88(1), 83-95.",
    "mirrlees1971": "Mirrlees, J. A. (1971). An exploration in the theory of optimum income taxation. "
    "Review of Economic Studies 38(2), 175-208.",
    "box1957": "Box, G. E. P. (1957). Evolutionary operation: a method for increasing industrial productivity. "
    "Applied Statistics 6(2), 81-101.",
    "plackett1946": "Plackett, R. L. and Burman, J. P. (1946). The design of optimum multifactorial experiments. "
    "Biometrika 33(4), 305-325.",
    "saez2001": "Saez, E. (2001). Using elasticities to derive optimal income tax rates. "
    "Review of Economic Studies 68(1), 205-229.",
    "saez2016": "Saez, E. and Stantcheva, S. (2016). Generalized social marginal welfare weights for optimal tax "
    "theory. American Economic Review 106(1), 24-45.",
    "schulman2017": "Schulman, J., Wolski, F., Dhariwal, P., Radford, A. and Klimov, O. (2017). Proximal policy "
    "optimization algorithms. arXiv:1707.06347.",
    "taxcalc": "Policy Simulation Library. Tax-Calculator (taxcalc) 6.8.0: US federal law by year and a sample of tax "
    "units from the Current Population Survey. CC0 1.0.",
    "zheng2020": "Zheng, S., Trott, A., Srinivasa, S., Naik, N., Gruesbeck, M., Parkes, D. C. and Socher, R. (2020). "
    "The AI Economist: improving equality and productivity with AI-driven tax policies. arXiv:2004.13332.",
    "zheng2022": "Zheng, S., Trott, A., Srinivasa, S., Parkes, D. C. and Socher, R. (2022). The AI Economist: taxation "
    "policy design via two-level deep multiagent reinforcement learning. Science Advances 8(18), eabk2607.",
}


def load_scenario(name: str, overrides: dict[str, Any] | None = None) -> Scenario:
    """Read a preset, or a TOML file of the user's own, with dotted keys overridden and the files it names read.

    A file may be `based_on` a preset or another file, and says only what is different.

    Args:
        name: a preset, or a path that ends in .toml.
        overrides: such as {"economy.workers": 500}.

    Raises:
        ConfigError: unknown scenario, unreadable file, unknown key, wrong value.
    """
    data = scenario_data(name)
    for key, value in (overrides or {}).items():
        _put(data, key, value)
    scenario = parse(Scenario, data)
    economy, arms = scenario.economy.self_contained(), tuple(check_arm(arm) for arm in scenario.arms)
    return replace(scenario, economy=economy, arms=arms)


def scenario_data(name: str) -> dict[str, Any]:
    """A scenario as plain data, put on what it is `based_on`; keys and values are not checked yet.

    Args:
        name: a preset, or a path that ends in .toml.

    Raises:
        ConfigError: unknown scenario, unreadable file, a circle.
    """
    return _read(name, ())


def _read(name: str, above: tuple[str, ...]) -> dict[str, Any]:
    """`above`: the places of the files that are based on this one."""
    is_file = name.endswith(".toml")
    place = str(Path(name).resolve()) if is_file else name
    if place in above:
        raise ConfigError("which is based on it in turn: end the circle")
    mend = f"give a .toml file or a preset ({', '.join(PRESETS)})"
    data = from_toml(read_text(name, "scenario file", mend) if is_file else _preset_text(name), name)
    if BASED_ON not in data:
        # Typing errors are noticed here, where this key is known, too.
        if strange := [key for key in data if key not in KEYS]:
            raise unknown("key", strange[0], (*KEYS, BASED_ON))
        return data
    base = data.pop(BASED_ON)
    if not isinstance(base, str):
        raise ConfigError(f"{name}: {BASED_ON} is {base!r}: {mend}")
    if "name" not in data:
        raise ConfigError(f'{name}: a scenario that is based on another needs a name of its own, name = "..."')
    data.setdefault("title", data["name"])
    base = str(Path(name).parent / base) if base.endswith(".toml") else base
    try:
        below = _read(base, (*above, place))
    except ConfigError as error:
        raise ConfigError(f"{name} is based on {base}: {error}") from None
    return merge(Scenario, below, data)


def _preset_text(name: str) -> str:
    if name not in PRESETS:
        raise unknown("scenario", name, PRESETS)
    return (files("fisc.scenarios") / "presets" / f"{name}.toml").read_text(encoding="utf-8")


def check_arm(name: str) -> str:
    """Refuse an arm that is neither in `ARMS` nor flat_NN nor 'FILE.py:FUNCTION'.

    Raises:
        ConfigError: with the nearest spelling.
    """
    path, _, function = name.partition(".py:")
    if function:
        if not Path(f"{path}.py").is_file():
            raise ConfigError(f"arm '{name}': no file {path}.py")
        return name
    if name not in ARMS and flat_percent(name) is None:
        if name.startswith("flat_"):
            raise ConfigError(f"unknown arm '{name}': flat_NN is a flat tax of NN %, a whole number from 0 to 100")
        raise unknown("arm", name, ARMS)
    return name


def parse_overrides(pairs: list[str]) -> dict[str, Any]:
    """Read 'key=value' pairs; values are TOML, and bare words are text.

    >>> parse_overrides(["economy.workers=500", "economy.utility=log_net"])
    {'economy.workers': 500, 'economy.utility': 'log_net'}

    Raises:
        ConfigError: if there is no '='.
    """
    found = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {pair}: expected key=value, such as economy.workers=500")
        try:
            found[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[key.strip()] = text
    return found


def cite(scenario: Scenario) -> list[str]:
    """The references of what a scenario uses, in alphabetical order."""
    keys = set(scenario.economy.references)
    for arm in scenario.arms:
        keys |= set(ARMS[arm].references) if arm in ARMS else set()
    return sorted(REFERENCES[key] for key in keys)


def _put(data: dict[str, Any], dotted: str, value: Any) -> None:
    *tables, last = dotted.split(".")
    for table in tables:
        data = data.setdefault(table, {})
        if not isinstance(data, dict):
            raise ConfigError(f"--set {dotted}: '{table}' is a value, not a table")
    data[last] = value
