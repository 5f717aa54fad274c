"""How work stops where a government counts consumers alone: python reproduce/business_cycle/collapse.py SWEEP ...

SWEEP are finished folders of `fisc sweep reproduce/business_cycle/signs_longer.toml` and the like. Of every run with
that objective moments of training are stored in collapse.csv beside this file: the last 400 updates before the
government joins, the 100 in which consumers have most after that, the first 100 from then on in which fewer hours are
worked than a quarter of the most, 260, if there are any, and the last 400.
"""

import json
import sys
from pathlib import Path

import polars as pl
from signs import points_of

HERE = Path(__file__).parent
SHOWN = (
    "labor", "wage", "goods_consumed", "goods_made", "shortages", "savings", "utility", "income_tax_rate",
    "corporate_tax_rate",
)  # fmt: skip
"""What is told of a moment; savings in dollars a consumer."""
WINDOW = 100
"""Updates over which means are taken."""
LONG = 400
"""Updates before the government joins that count as before it, and at the end as the end."""
LITTLE = 260.0
"""Hours below which little is worked: the second entry of the menu."""


def moments_of(folder: Path, scenario: dict, updates: int) -> list[dict]:
    """Before the government, at the consumers' best, when little is worked, and at the end."""
    joins = scenario["learning"]["government"]["joins_at"] * updates
    recorded = pl.read_parquet(folder / "metrics.parquet")
    recorded = recorded.filter(pl.col("metric").is_in(SHOWN), role="economy")
    means = recorded.group_by(pl.col("update") // WINDOW, "metric").agg(pl.col("value").mean())
    course = means.pivot(on="metric", index="update", values="value").select(
        pl.col("update") * WINDOW + WINDOW // 2, *SHOWN
    )
    course = course.sort("update")
    before = course.filter(pl.col("update").is_between(joins - LONG, joins)).mean()
    best = course.filter(pl.col("update") > joins).sort("utility", descending=True).head(1)
    little = course.filter(pl.col("update") >= best["update"].item(), pl.col("labor") < LITTLE).head(1)
    end = course.filter(pl.col("update") > updates - LONG).mean()
    found = {"before taxes": before, "consumers' best": best, "under 260 hours": little, "the end": end}
    return [{"moment": name, **row} for name, rows in found.items() for row in rows.iter_rows(named=True)]


def main() -> None:
    """Collect and store."""
    rows = []
    for folder in (folder for sweep in sys.argv[1:] for folder in points_of(Path(sweep))):
        plan = json.loads((folder / "provenance.json").read_text())["plan"]
        scenario, seeds = plan["scenario"], plan["seeds"]
        if scenario["objective"] != "utilitarian":
            continue
        if len(seeds) > 1:
            raise SystemExit(f"{folder} has {len(seeds)} seeds: their courses would be mixed; give runs of one seed")
        setting = {key: scenario["economy"][key] for key in ("export_floor", "export_quota")} | {"seed": seeds[0]}
        updates = scenario["budgets"][plan["budget"]]["planner_updates"]
        rows += [setting | moment for moment in moments_of(folder, scenario, updates)]
    if not rows:
        raise SystemExit("no runs with objective utilitarian: give folders of sweeps that have some")
    table = pl.DataFrame(rows).sort("export_quota", "export_floor", "seed", maintain_order=True)
    table.with_columns(pl.col(pl.Float64).round_sig_figs(6)).write_csv(HERE / "collapse.csv")
    print(table)


if __name__ == "__main__":
    main()
