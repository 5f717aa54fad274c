"""Add what finished comparisons found to the tables beside this file: python collect.py RUN… [--into FOLDER]

Rows of the same arm and seed are replaced and others stay, so that seeds may be trained one by one. Runs of another
scenario or budget than the stored ones are refused.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from fisc.records.store import RunFolder
from fisc.scenarios.provenance import with_new_keys

HERE = Path(__file__).parent
CURVES = (
    "equality_times_productivity", "productivity", "equality", "average_tax_rate", "tax_rate_poorest",
    "tax_rate_richest", "price_wood", "price_stone", "houses", "trades",
)  # fmt: skip


def collect(run: Path, folder: Path = HERE) -> None:
    """Add a run's outcomes, schedules and learning curves, and who did what, to the tables in `folder`.

    Raises:
        SystemExit: if the run is not finished, or has another plan than what is stored.
    """
    made, plan = read_plan(run)
    path = folder / "plan.json"
    if path.exists() and what_counts(json.loads(path.read_text())) != plan:
        raise SystemExit(f"{run} has another plan than {path}: delete what is stored, or leave it alone")
    tables = RunFolder.open(run)
    for name in ("evaluation", "schedules", "groups"):
        add(tables.read_table(name), folder / f"{name}.csv")
    add(curves(tables.read_table("metrics")), folder / "curves.csv")
    path.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
    about = folder / "runs.json"
    runs = json.loads(about.read_text()) if about.exists() else {}
    runs |= about_seeds(made)
    about.write_text(json.dumps(dict(sorted(runs.items())), indent=1) + "\n", encoding="utf-8")


def read_plan(run: Path) -> tuple[dict, dict]:
    """What a run says of itself, and what of its plan has to be the same in all runs of a table.

    Raises:
        SystemExit: if it is not finished.
    """
    if json.loads((run / "status.json").read_text(encoding="utf-8"))["state"] != "finished":
        raise SystemExit(f"{run} is not finished: go on with --resume first")
    made = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    plan = {name: made["plan"][name] for name in ("budget", "scenario")} | {"arms": made["plan"]["scenario"]["arms"]}
    return made, what_counts(plan)


def about_seeds(made: dict) -> dict[str, dict]:
    """By what program and on what the seeds of a run were trained."""
    of_run = {key: made[key] for key in ("commit", "device", "versions", "wall_seconds", "env_steps")}
    return {str(seed): of_run for seed in made["plan"]["seeds"]}


def what_counts(plan: dict) -> dict:
    """A plan with the keys that scenarios have got since, at their defaults, and without words."""
    scenario = with_new_keys(plan)["scenario"]
    return plan | {"scenario": {key: scenario[key] for key in scenario if key not in ("caveats", "description")}}


def curves(metrics: pl.DataFrame) -> pl.DataFrame:
    """What was recorded of the whole economy while everybody learned, a row for each recorded update."""
    rows = metrics.filter(pl.col("metric").is_in(CURVES), pl.col("role") == "economy")
    return rows.pivot("metric", index=["phase", "arm", "seed", "update", "env_steps"], values="value")


def add(rows: pl.DataFrame, path: Path, key: Sequence[str] = ("arm", "seed")) -> None:
    """Put rows into a table in place of those with the same key, to six digits."""
    rows = rows.with_columns(pl.col(pl.Float64).round_sig_figs(6))
    if path.exists():
        stored = pl.read_csv(path, schema_overrides=rows.schema)
        stored = stored.join(rows.select(key).unique(), on=list(key), how="anti")
        rows = pl.concat([stored, rows.select(stored.columns)])
    order = [
        name
        for name in ("asked", "phase", "arm", "seed", "update", "metric", "group", "base", "bracket")
        if name in rows.columns
    ]
    rows.sort(order).write_csv(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--into", type=Path, default=HERE, help="folder of the tables, by default that of this file")
    options = parser.parse_args()
    for given in options.runs:
        collect(given, options.into)
