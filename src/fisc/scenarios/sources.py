"""Where an economy to watch comes from: a run folder, a scenario, or a configuration of the reference program."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fisc.core.economy import Economy
from fisc.core.errors import ConfigError, RunError
from fisc.records.metrics import arm_label
from fisc.records.policies import SUFFIX, read_policies
from fisc.scenarios import build, foundation_config
from fisc.scenarios.compare import open_finished
from fisc.scenarios.config import Scenario
from fisc.scenarios.episodes import Stage, cast
from fisc.scenarios.foundation_scenario import scenario_of
from fisc.scenarios.reading import parse
from fisc.scenarios.registry import PRESETS, check_arm, load_scenario
from fisc.scenarios.settings import Setting, load_setting, make_setting
from fisc.scenarios.trained import shipped

CONFIGURATIONS = (".yaml", ".yml", ".json")


def stage(
    source: str,
    arm: str | None = None,
    seed: int = 0,
    players: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Stage:
    """Make the economy that a source names, with everybody who plays in it.

    Args:
        source: a run folder or a file of policies (what was trained plays), a preset or .toml file, or a reference
            configuration.
        arm: the tax system; by default "planner" if the scenario or run has it, else its first one. A reference
            configuration says it itself.
        seed: which people are drawn, and for a run which of its seeds; policies in a file play for the people they were
            trained with, and the seed says what happens to them.
        players: see `fisc.scenarios.episodes.PLAYERS`, or "trained" for the policies that come with fisc for a preset;
            these by default where there are some and no key is changed, else "thumb". Those of a run are its own.
        overrides: dotted keys of a scenario and their values.

    Raises:
        ConfigError: no such source, an arm that it does not have, or keys that cannot be changed.
    """
    path = Path(source)
    is_trained = path.is_dir() or path.suffix == SUFFIX
    if overrides and (is_trained or path.suffix in CONFIGURATIONS):
        mend = "watch a scenario" if is_trained else "import it first (fisc import-foundation)"
        raise ConfigError(f"--set {next(iter(overrides))}=…: {source} is no scenario whose keys can change; {mend}")
    if is_trained and players is not None:
        raise ConfigError(f"--players {players}: the trained policies of {source} play; leave --players out")
    if path.suffix == SUFFIX:
        return _from_file(path, arm, seed)
    if source in PRESETS and not path.is_dir() and (found := _shipped(source, arm, players, overrides)) is not None:
        return _from_file(found, None, seed)
    if players == "trained":
        raise ConfigError(f"--players trained: only presets come with policies; watch a run or its {SUFFIX}")
    players = players or "thumb"
    if path.suffix in CONFIGURATIONS:
        if arm is not None:
            raise ConfigError(f"--arm {arm}: the configuration {source} sets its taxes itself; leave --arm out")
        return _from_configuration(path, players)
    if path.is_dir():
        return _from_run(path, arm, seed)
    if path.suffix != ".toml" and source not in PRESETS:
        raise ConfigError(
            f"nothing to watch in '{source}': give an episode (.npz), a run folder, a file of policies ({SUFFIX}), a "
            f"scenario ({', '.join(PRESETS)}, or a .toml file), or a configuration of the reference program (.yaml, "
            ".json)"
        )
    scenario = load_scenario(source, dict(overrides or {}))
    arm = _default_arm(scenario) if arm is None else check_arm(arm)
    return _from_scenario(scenario, arm, seed, players)


def rebuild(source: Mapping[str, Any]) -> Economy:
    """Make the economy of a recorded episode again, from what its header says.

    Raises:
        ConfigError: if the description no longer makes an economy.
        RunError: if there is none.
    """
    if source.get("kind") == "scenario":
        scenario = parse(Scenario, source["scenario"])
        return _as_judged(scenario, make_setting(scenario, source["arm"], source["seed"])).economy
    raise RunError("the episode does not say from what its economy was made: replay it with an economy of your own")


def _from_configuration(path: Path, players: str) -> Stage:
    scenario = scenario_of(foundation_config.read(path), path.stem)
    scenario = replace(scenario, title=path.stem, economy=scenario.economy.self_contained())
    return _from_scenario(scenario, scenario.arms[0], 0, players)


def _default_arm(scenario: Scenario) -> str:
    return "planner" if "planner" in scenario.arms else scenario.arms[0]


def _from_scenario(scenario: Scenario, arm: str, seed: int, players: str) -> Stage:
    taxes = "rates drawn at random" if arm == "planner" else arm_label(arm)
    told = {"kind": "scenario", "scenario": _plain(scenario), "arm": arm, "seed": seed}
    return cast(_as_judged(scenario, make_setting(scenario, arm, seed)), f"{scenario.title}, {taxes}", told, players)


def _as_judged(scenario: Scenario, setting: Setting) -> Setting:
    """The setting with an economy as results are given for it."""
    return replace(setting, economy=build.kind_of(scenario).at_full_cost(setting.economy))


def _from_run(path: Path, arm: str | None, seed: int) -> Stage:
    _, planned = open_finished(path)
    scenario = planned.scenario
    arm = arm or _default_arm(scenario)
    setting = load_setting(path, arm, seed, greedy=None)
    told = {"kind": "scenario", "scenario": _plain(scenario), "arm": arm, "seed": seed, "run": path.resolve().name}
    return cast(_as_judged(scenario, setting), f"{scenario.title}, {arm_label(arm)}", told)


def _shipped(preset: str, arm: str | None, players: str | None, overrides: Mapping[str, Any] | None) -> Path | None:
    """The policies that come with fisc, if they are to play."""
    there = shipped(preset)
    found = there.get(_default_arm(load_scenario(preset)) if arm is None else arm)
    if players == "trained" and overrides:
        raise ConfigError("--players trained: they were trained without --set; leave one of the two out")
    if players == "trained" and found is None:
        has = f"policies for {', '.join(there)}" if there else "no policies"
        raise ConfigError(f"--players trained: {preset} comes with {has}; train some (fisc compare {preset})")
    return None if players in ("thumb", "random") or overrides else found


def _from_file(path: Path, arm: str | None, seed: int) -> Stage:
    """By the policies in a file; the seed says what happens to them, as the people are those they were trained as."""
    card, _ = read_policies(path)
    setting, scenario = load_setting(path, arm, greedy=None), parse(Scenario, card["scenario"])
    told = {"kind": "scenario", "scenario": card["scenario"], "arm": card["arm"], "seed": card["seed"]}
    title = f"{scenario.title}, {arm_label(card['arm'])}"
    return cast(_as_judged(scenario, setting), title, told | {"policies": path.name})


def _plain(scenario: Scenario) -> dict[str, Any]:
    """The whole scenario as JSON has it."""
    return json.loads(json.dumps(asdict(scenario)))
