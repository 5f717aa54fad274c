"""Store what a finished comparison found: python collect.py RUN FOLDER."""

import json
import shutil
import sys
from pathlib import Path

import polars as pl

FIGURES = ("learning.png", "welfare.png", "schedules.png", "rates.png")


def collect(run: Path, folder: Path) -> None:
    """Copy the summary and figures of a run, and write who did what, means over seeds, by arm and measure."""
    means = pl.read_parquet(run / "groups.parquet").group_by("arm", "metric", "group").agg(pl.col("value").mean())
    found: dict[str, dict[str, list[float]]] = {}
    for arm, metric, _, value in means.sort("arm", "metric", "group").iter_rows():
        found.setdefault(arm, {}).setdefault(metric, []).append(value)
    (folder / "groups.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name in ("summary.json", *(f"figures/{figure}" for figure in FIGURES)):
        shutil.copy(run / name, folder)


if __name__ == "__main__":
    collect(Path(sys.argv[1]), Path(sys.argv[2]))
