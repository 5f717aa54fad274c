"""Trained policies in one small file, and what they reach."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fisc.core.errors import ConfigError
from fisc.records.policies import read_policies, write_policies
from fisc.records.schema import INCOME
from fisc.records.store import RunFolder
from fisc.scenarios import build
from fisc.scenarios.config import Scenario
from fisc.scenarios.evaluation import Played, World, play_policies
from fisc.scenarios.reading import parse
from fisc.scenarios.settings import learned_arrays, load_setting, what_is_observed
from fisc.scenarios.worlds import RATES


def pack(path: str | os.PathLike, arm: str, seed: int, out: str | os.PathLike) -> Path:
    """Write the policies of one arm and seed of a finished run into one file, with a card.

    Args:
        path: the run folder.
        arm, seed: which of its tax systems and seeds.
        out: the file, replaced if it exists.

    Raises:
        ConfigError: if the run has no such arm or seed, nobody learned in it, or it is in a file of the user's own.
        RecordError: if it is not a run folder, or `out` does not end in .policies.
        RunError: if its training is not finished, or a checkpoint is damaged.
    """
    if ".py:" in arm:
        raise ConfigError(
            f"arm '{arm}' is in a file of your own, which is not packed: keep the run folder and that file"
        )
    setting = load_setting(path, arm, seed, greedy=False)
    if setting.earlier is None:
        raise ConfigError(f"nobody learned in arm '{arm}' of {path}: there are no policies to pack")
    card = make_card(RunFolder.open(path), arm, seed) | {"observed": what_is_observed(setting.economy)}
    return write_policies(Path(out), card, learned_arrays(setting))


def evaluate_packed(path: str | os.PathLike) -> tuple[dict[str, Any], Played]:
    """Play the scenario's episodes by the policies in a file, on the people and luck of the run they are from.

    Returns:
        The card of the file, and what happened.

    Raises:
        RecordError: if it is no file of policies.
        RunError: if its policies do not fit this version of fisc.
    """
    card, _ = read_policies(Path(path))
    scenario, arm, seed = parse(Scenario, card["scenario"]), card["arm"], card["seed"]
    setting = load_setting(path, arm, seed, greedy=None)
    given = card["rates_given"]
    world = World(arm, seed, build.population(scenario, seed), None if given is None else np.asarray(given))
    return card, play_policies(scenario, world, setting.policies, setting.earlier)


def make_card(folder: RunFolder, arm: str, seed: int) -> dict[str, Any]:
    """What there is to know about the policies of an arm and seed: scenario, training, scores, versions."""
    made = folder.read_json("provenance.json")
    scores = folder.read_table("evaluation").filter(pl.col("arm") == arm, pl.col("seed") == seed)
    schedule = folder.read_table("schedules").filter(arm=arm, seed=seed).sort("bracket")
    told = folder.read_table("metrics").filter(pl.col("arm") == arm, pl.col("seed") == seed)
    return {
        "title": made["title"],
        "arm": arm,
        "seed": seed,
        "money": made["money"],
        "objective": made["objective"],
        "rates_given": folder.read_json(RATES)[f"{arm}/{seed}"],
        "scores": {
            name: value
            for name, value in scores.select("metric", "value").sort("metric").iter_rows()
            if math.isfinite(value)
        },
        "rates": [round(rate, 4) for rate in schedule.filter(base=INCOME)["rate"]],
        "other_rates": {
            base: round(rate, 4) for base, rate in schedule.filter(pl.col("base") != INCOME)["base", "rate"].iter_rows()
        },
        "budget": made["plan"]["budget"],
        "env_steps": told["env_steps"].max(),
        "commit": made["commit"],
        "versions": made["versions"],
        "caveats": made["caveats"],
        "scenario": made["plan"]["scenario"],
    }
