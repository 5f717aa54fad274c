"""Add what a finished comparison found to more.csv: python more.py NAME RUN…, the runs being seeds of one comparison.

A row for each arm, seed and metric, under the name of what was asked; rows of the same name, arm and seed are replaced.
Runs that differ in more than seeds from what is stored under the name are refused: more.json has the scenario, and by
what program each seed was trained. The course of a search goes to search.csv, what a planner does at every weight of
equality to frontier.csv, and both are drawn.
"""

import json
import sys
from pathlib import Path

import polars as pl
from collect import about_seeds, add, read_plan

from fisc.plots.search import draw_search
from fisc.plots.trade_off import draw_trade_off
from fisc.records.store import RunFolder

HERE = Path(__file__).parent
METRICS = (
    "equality_times_productivity", "productivity", "equality", "inverse_income_weighted_utility", "average_tax_rate",
    "houses",
)  # fmt: skip


def main(name: str, runs: list[Path], folder: Path = HERE) -> None:
    """Add the runs.

    Raises:
        SystemExit: if one of them is not finished, or of another comparison than what is stored under the name.
    """
    about = folder / "more.json"
    stored = json.loads(about.read_text(encoding="utf-8")) if about.exists() else {}
    for run in runs:
        made, plan = read_plan(run)
        asked = stored.setdefault(name, {"plan": plan, "seeds": {}})
        if asked["plan"] != plan:
            raise SystemExit(f"{run} is another comparison than what is stored as '{name}': choose another name")
        asked["seeds"] |= about_seeds(made)
    for run in map(RunFolder.open, runs):
        found = run.read_table("evaluation").filter(pl.col("metric").is_in(METRICS))
        add(named(found, name), folder / "more.csv", ("asked", "arm", "seed"))
        if run.has_table("search"):
            add(named(run.read_table("search"), name), folder / "search.csv", ("asked", "seed"))
            course = pl.read_csv(folder / "search.csv").filter(asked=name).drop("asked")
            figure, _ = draw_search(course, made["objective"], made["money"])
            figure.savefig(folder / f"search_{'_'.join(name.split())}.png", dpi=200)
        if run.has_table("frontier"):
            rows = run.read_table("frontier").filter(pl.col("metric").is_in(METRICS))
            add(named(rows, name), folder / "frontier.csv", ("asked", "arm", "seed"))
            figure, _ = draw_trade_off(run.read_table("frontier"), made["money"])
            figure.savefig(folder / "frontier.png", dpi=200)
    about.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def named(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Rows under the name of what was asked."""
    return rows.select(pl.lit(name).alias("asked"), pl.all())


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], [Path(run) for run in sys.argv[2:]])
