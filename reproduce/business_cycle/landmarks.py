"""What happens as one side after the other starts to learn: python reproduce/business_cycle/landmarks.py NAME RUN

NAME is rbc_small or rbc_tiny, and RUN a finished folder of `fisc compare` with that scenario, or of its arm `planner`
alone. Stores beside this file, in NAME_landmarks.csv, what was recorded of that arm in every seed over training, and of
the common start before it, which is recorded as the free market's.
"""

import sys
from pathlib import Path

import polars as pl

HERE = Path(__file__).parent
ARM, START = "planner", "free_market"
WANTED = ("price", "wage", "profit", "utility", "labor", "total_welfare", "income_tax_rate", "corporate_tax_rate")


def landmarks(run: Path) -> pl.DataFrame:
    """A row for each record of each seed."""
    found = pl.read_parquet(run / "metrics.parquet").filter(role="economy")
    own = found.filter(arm=ARM)
    rows = pl.concat([found.filter(pl.col("update") < own["update"].min(), arm=START), own])
    records = rows.pivot(on="metric", index=["seed", "phase", "update"], values="value")
    return records.select("seed", "phase", "update", *WANTED).sort("seed", "update")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("rbc_small", "rbc_tiny"):
        raise SystemExit("give rbc_small or rbc_tiny, and the folder of a finished run of it")
    name, run = sys.argv[1:]
    found = landmarks(Path(run))
    found.with_columns(pl.col(pl.Float64).round_sig_figs(6)).write_csv(HERE / f"{name}_landmarks.csv")
    print(found.group_by("phase", "update").mean().sort("update"))
