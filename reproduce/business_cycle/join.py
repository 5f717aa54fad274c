"""Put finished comparisons of one scenario together, whose arms were trained apart: python join.py NAME RUN…

NAME is rbc_small, one_network (rbc_small with one network for all firms) or rbc_tiny. Writes NAME.json beside this file
and, where rates were searched, NAME_search.csv, and draws the figures of `FIGURES`. Arms that are stored already and in
none of the runs stay as they are; `earlier_arms` in the file names them.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from fisc.analysis.summary import summarize_frames
from fisc.plots.firms import draw_firms
from fisc.plots.fixed_taxes import draw_fixed_taxes
from fisc.plots.learning import draw_learning
from fisc.plots.search import draw_search
from fisc.records.store import RunFolder
from fisc.scenarios.config import Scenario
from fisc.scenarios.reading import parse

HERE = Path(__file__).parent
FIGURES = {
    "rbc_small": {"fixed_taxes": "fixed_taxes", "search": "search", "learning": "learning", "firms": "firms"},
    "one_network": {},
    "rbc_tiny": {"fixed_taxes": "tiny_fixed_taxes", "learning": "tiny_learning", "firms": "tiny_firms"},
}
"""Which figures are kept of each, and as which file."""
KINDS = {"rbc_small": ("rbc-small", True), "one_network": ("rbc-small", False), "rbc_tiny": ("rbc-tiny", False)}
"""The scenario of each, and whether each firm has a network of its own."""


def rows_of(arm: str, stored: dict) -> pl.DataFrame:
    """Evaluation rows of an arm from its stored values, which are in the order of the seeds."""
    numbers = stored["arms"][arm]
    rows = [
        (arm, seed, metric, value)
        for metric, found in numbers.items()
        if isinstance(found, dict)
        for seed, value in zip(stored["seeds"], found["values"], strict=True)
    ]
    return pl.DataFrame(rows, schema=["arm", "seed", "metric", "value"], orient="row")


def together(name: str, folders: list[RunFolder], stored: dict) -> tuple[dict, pl.DataFrame]:
    """The summary of all arms, and their evaluation rows.

    Raises:
        SystemExit: if two of the runs have an arm in common, or another scenario, budget or other seeds than the rest,
            or if they are not of what NAME says.
    """
    infos = [folder.read_json("provenance.json") for folder in folders]
    same = [{"seeds": info["plan"]["seeds"], **_rules(_complete(info["plan"]["scenario"]), info)} for info in infos]
    if any(one != same[0] for one in same):
        raise SystemExit("the runs differ in scenario, budget or seeds: they cannot be put together")
    learner = _complete(infos[0]["plan"]["scenario"])["learning"]["firm"]
    if (infos[0]["scenario"], learner["own_networks"]) != KINDS[name]:
        raise SystemExit(
            f"the runs are of {infos[0]['scenario']}, own_networks = {learner['own_networks']}: not {name}"
        )
    names = ["arm", "seed", "metric", "value"]
    found = pl.concat([folder.read_table("evaluation").select(names) for folder in folders])
    if found.select("arm", "seed", "metric").is_duplicated().any():
        raise SystemExit("two of the runs have an arm in common: leave one of them out")
    earlier = [arm for arm in stored["arms"] if arm not in set(found["arm"])]
    evaluation = pl.concat([found, *[rows_of(arm, stored) for arm in earlier]])
    schedules, firms = (pl.concat([folder.read_table(name) for folder in folders]) for name in ("schedules", "firms"))
    info = infos[0] | {
        "command": "; ".join(info["command"] for info in infos),
        "env_steps": sum(info["env_steps"] for info in infos),
        "wall_seconds": sum(info["wall_seconds"] for info in infos),
    }
    return summarize_frames(evaluation, schedules, info, firms=firms) | {"earlier_arms": earlier}, evaluation


def _complete(scenario: dict) -> dict:
    """A stored scenario with the keys that scenarios have got since, at their defaults."""
    return asdict(parse(Scenario, scenario))


def _rules(scenario: dict, info: dict) -> dict:
    """What must be the same: everything but which arms a run has, what it keeps and says, and how rates are learned,
    which one arm alone does."""
    length = scenario["budgets"][info["plan"]["budget"]] | {"keep_every": 0}
    learning = {key: value for key, value in scenario["learning"].items() if key != "government"}
    others = ("arms", "budgets", "learning", "laboratories", "caveats")
    rest = {key: value for key, value in scenario.items() if key not in others}
    return rest | {"learning": learning, "length": length}


def draw(kind: str, evaluation: pl.DataFrame, folders: list[RunFolder]) -> Figure:
    """A figure of all runs at once."""
    if kind == "fixed_taxes":
        return draw_fixed_taxes(evaluation, "total_welfare", "dollars")[0]
    name, make = {
        "learning": ("metrics", lambda table: draw_learning(table, "total_welfare", "dollars")),
        "firms": ("firms", lambda table: draw_firms(table, "dollars")),
        "search": ("search", lambda table: draw_search(table, "total_welfare", "dollars")),
    }[kind]
    return make(pl.concat([folder.read_table(name) for folder in folders if folder.has_table(name)]))[0]


def main() -> None:
    """Summarize, store and draw."""
    name, *paths = sys.argv[1:] or [""]
    if name not in FIGURES or not paths:
        raise SystemExit(f"no comparison '{name}' with runs: give {' or '.join(FIGURES)}, and then the runs")
    folders = [RunFolder.open(path) for path in paths]
    path = HERE / f"{name}.json"
    summary, evaluation = together(name, folders, json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    for search in (folder.read_table("search") for folder in folders if folder.has_table("search")):
        search.with_columns(pl.col("value").round_sig_figs(6)).write_csv(HERE / f"{name}_search.csv")
    for kind, file in FIGURES[name].items():
        draw(kind, evaluation, folders).savefig(HERE / f"{file}.png", dpi=200)


if __name__ == "__main__":
    main()
