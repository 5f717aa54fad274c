"""Prices and sales firm by firm, within trained economies: python reproduce/business_cycle/firms.py RUN [RUN ...]

Each RUN is a finished comparison, or a folder of `fisc sweep`. One episode is kept of every arm and seed, in
firms.parquet. Of every firm in it the means of the quarters in which there is something to buy are stored in firms.csv,
beside this file.
"""

import argparse
import json
from pathlib import Path

import polars as pl
from signs import points_of

from fisc.analysis.firms import average_firms

HERE = Path(__file__).parent
SHOWN = ("price", "wage", "hired", "goods_consumed", "goods_exported")
"""Means of a quarter: dollars, dollars an hour, hours, units, units."""


def runs_in(path: Path) -> list[Path]:
    """A comparison itself, or all those of a sweep."""
    return [path] if (path / "firms.parquet").exists() else points_of(path)


def firms_of(run: Path) -> pl.DataFrame:
    """A row for every arm, seed and firm, with what sets the run apart."""
    kept = run / "firms.parquet"
    if not kept.exists():
        raise SystemExit(f"{run} has no firms.parquet: give a finished comparison of the business cycle, or a sweep")
    scenario = json.loads((run / "provenance.json").read_text())["plan"]["scenario"]
    setting = {"scenario": scenario["name"], "government": scenario["objective"]}
    setting |= {key: scenario["economy"][key] for key in ("export_floor", "export_quota")}
    setting |= {"clip": scenario["learning"]["consumer"]["clip"]}
    means = average_firms(pl.read_parquet(kept), SHOWN)
    return means.select(*(pl.lit(value).alias(key) for key, value in setting.items()), "arm", "seed", "firm", *SHOWN)


def main() -> None:
    """Collect and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="run")
    given = parser.parse_args()
    rows = pl.concat([firms_of(run) for path in given.runs for run in runs_in(path)])
    keys = [name for name in rows.columns if name not in SHOWN]
    if rows.select(keys).is_duplicated().any():
        twice = rows.filter(rows.select(keys).is_duplicated())["scenario", "arm", "seed"].unique().rows()
        raise SystemExit(f"the same arm and seed comes twice: {twice}; give each run once")
    rows.sort(keys).write_csv(HERE / "firms.csv", float_precision=2)


if __name__ == "__main__":
    main()
