"""Add what a finished comparison found to more.csv: python more.py NAME RUN…, the runs being seeds of one comparison.

A row for each arm, seed and metric, under the name of what was asked. Rows of the same name, arm and seed are replaced.
The schedule that the arm laboratories went by, block by block, is added to search.csv.
"""

import json
import sys
from pathlib import Path

import polars as pl

HERE = Path(__file__).parent
METRICS = (
    "equality_times_productivity", "productivity", "equality", "inverse_income_weighted_utility", "average_tax_rate",
    "houses",
)  # fmt: skip


def add(rows: pl.DataFrame, path: Path, key: list[str]) -> None:
    """Put rows into a table in place of those of the same key, to six digits."""
    rows = rows.with_columns(pl.col(pl.Float64).round_sig_figs(6))
    if path.exists():
        stored = pl.read_csv(path, schema_overrides=rows.schema)
        rows = pl.concat([stored.join(rows.select(key).unique(), on=key, how="anti"), rows.select(stored.columns)])
    rows.sort(rows.columns[:-1]).write_csv(path)


def main(name: str, runs: list[Path], folder: Path = HERE) -> None:
    """Add the runs.

    Raises:
        SystemExit: if one of them is not finished.
    """
    for run in runs:
        if json.loads((run / "status.json").read_text(encoding="utf-8"))["state"] != "finished":
            raise SystemExit(f"{run} is not finished: go on with --resume first")
    for run in runs:
        found = pl.read_parquet(run / "evaluation.parquet").filter(pl.col("metric").is_in(METRICS))
        add(found.select(pl.lit(name).alias("asked"), pl.all()), folder / "more.csv", ["asked", "arm", "seed"])
        if (run / "search.parquet").exists():
            add(pl.read_parquet(run / "search.parquet"), folder / "search.csv", ["seed"])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], [Path(run) for run in sys.argv[2:]])
