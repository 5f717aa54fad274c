"""What happens as one side after the other starts to learn: python reproduce/business_cycle/landmarks.py RUN

RUN is the finished folder of `fisc compare rbc-tiny --budget full --seeds 5`, or of its arm `planner` alone. Stores
beside this file, in landmarks.csv, what was recorded of that arm in every seed over training.
"""

import sys
from pathlib import Path

import polars as pl

HERE = Path(__file__).parent
ARM = "planner"
WANTED = ("price", "wage", "profit", "utility", "labor", "total_welfare", "income_tax_rate", "corporate_tax_rate")


def landmarks(run: Path) -> pl.DataFrame:
    """A row for each record of each seed."""
    rows = pl.read_parquet(run / "metrics.parquet").filter(role="economy", arm=ARM)
    records = rows.pivot(on="metric", index=["seed", "phase", "update"], values="value")
    return records.select("seed", "phase", "update", *WANTED).sort("seed", "update")


if __name__ == "__main__":
    found = landmarks(Path(sys.argv[1]))
    found.with_columns(pl.col(pl.Float64).round_sig_figs(6)).write_csv(HERE / "landmarks.csv")
    print(found.group_by("phase", "update").mean().sort("update"))
