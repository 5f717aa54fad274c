"""What firms sell and whom they hire by what they offer: python reproduce/business_cycle/firms.py RUN [RUN ...]

Each RUN is a finished comparison, or a folder of `fisc sweep`. One episode is kept of every arm and seed, in
firms.parquet. The line of sales on the price and that of hours on the wage, through the offers of all firms in all
quarters in which there is something to buy, are stored for each economy in firms.csv, beside this file.
"""

import argparse
import json
from pathlib import Path

import polars as pl
from signs import points_of

from fisc.analysis.firms import PAIRS, fit_lines

HERE = Path(__file__).parent


def runs_in(path: Path) -> list[Path]:
    """A comparison itself, or all those of a sweep."""
    return [path] if (path / "firms.parquet").exists() else points_of(path)


def lines_of(run: Path) -> pl.DataFrame:
    """A row for every arm, seed and line, with what sets the run apart and whether the economy collapsed."""
    kept = run / "firms.parquet"
    if not kept.exists():
        raise SystemExit(f"{run} has no firms.parquet: give a finished comparison of the business cycle, or a sweep")
    scenario = json.loads((run / "provenance.json").read_text())["plan"]["scenario"]
    setting = {"scenario": scenario["name"], "government": scenario["objective"]}
    setting |= {key: scenario["economy"][key] for key in ("export_floor", "export_quota")}
    setting |= {"clip": scenario["learning"]["consumer"]["clip"]}
    evaluation = pl.read_parquet(run / "evaluation.parquet").filter(pl.col("metric") == "collapsed")
    collapsed = evaluation.select("arm", "seed", collapsed=pl.col("value").cast(int))
    firms = pl.read_parquet(kept)
    lines = pl.concat(fit_lines(firms, pair).with_columns(x=pl.lit(pair.x), y=pl.lit(pair.y)) for pair in PAIRS)
    found = lines.join(collapsed, on=["arm", "seed"])
    about = (pl.lit(value).alias(key) for key, value in setting.items())
    return found.select(*about, "arm", "seed", "collapsed", "x", "y", "spread", "slope", "r2")


def main() -> None:
    """Collect and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="run")
    given = parser.parse_args()
    rows = pl.concat([lines_of(run) for path in given.runs for run in runs_in(path)])
    keys = ["scenario", "government", "export_floor", "export_quota", "clip", "arm", "seed", "x"]
    if rows.select(keys).is_duplicated().any():
        twice = rows.filter(rows.select(keys).is_duplicated())["scenario", "arm", "seed"].unique().rows()
        raise SystemExit(f"the same arm and seed comes twice: {twice}; give each run once")
    found = rows.sort(keys).with_columns(pl.col("spread", "slope", "r2").round_sig_figs(4))
    found.write_csv(HERE / "firms.csv")


if __name__ == "__main__":
    main()
