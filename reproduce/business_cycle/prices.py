"""What consumption does as prices change: python reproduce/business_cycle/prices.py [SWEEP RUN ...]

No taxes are levied in any of this. SWEEP is the finished folder of `fisc sweep
reproduce/business_cycle/price_caps.toml`, in which firms may not set more than a given price; RUN are runs of
`rbc-taxes`, each with other seeds, in whose common start consumers learn first, and then firms as well. With neither,
what is stored. Stores beside this file

* prices.csv: what came of every cap in every seed, and in prices.json least-squares lines on the mean price and on the
  cap, with 95 % bootstrap intervals over seeds: over all runs, and from the cap on from which none collapsed,
* prices_course.csv: the outcomes recorded while firms learned,
* in prices.json slopes over these records, each less the mean of its run, alone and with the other of price and wage in
  the regression; 95 % bootstrap intervals over runs, and in how many runs the slope rises; and the same without the
  first record of every run, and with the mean of all runs at the same update taken out as well,
* prices.png: both.
"""

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from signs import points_of

from fisc.analysis import outcomes
from fisc.analysis.intervals import tail
from fisc.plots import style

HERE = Path(__file__).parent
ARM = "free_market"
FIRMS_LEARN = "phase 2"
"""Consumers learn in the first phase; in the third, firms and consumers go on under what an arm taxes."""
PAIRS = (("goods_consumed", "price", "wage"), ("labor", "wage", "price"))
"""An outcome, what it is drawn against, and what else is in the regression."""
OF_CAPS = ("price", "goods_consumed", "goods_exported", "shortages", "wage", "labor", "utility", "profit",
           "total_welfare", "collapsed")  # fmt: skip
OF_LINES = (*(pair for pair in outcomes.PAIRS if pair.expected), outcomes.Pair("cap", "goods_consumed", -1))
RESAMPLES = 2_000


def caps_of(sweep: Path) -> pl.DataFrame:
    """A row for each cap and seed: what came of it.

    Raises:
        SystemExit: if a point of the sweep is not finished.
    """
    found = []
    for folder in points_of(sweep):
        menu = json.loads((folder / "provenance.json").read_text())["plan"]["scenario"]["economy"]["menus"]["prices"]
        rows = pl.read_parquet(folder / "evaluation.parquet").filter(pl.col("metric").is_in(OF_CAPS))
        runs = rows.pivot(on="metric", index="seed", values="value")
        found.append(runs.select(pl.lit(max(menu)).alias("cap"), "seed", *OF_CAPS))
    return pl.concat(found).sort("cap", "seed")


def course_of(runs: list[Path]) -> pl.DataFrame:
    """A row for each record of each run while firms learn without taxes: its seed, and the outcomes of the time."""
    wanted = [name for y, x, _ in PAIRS for name in (y, x)]
    found = []
    for folder in runs:
        rows = pl.read_parquet(folder / "metrics.parquet").filter(role="economy", arm=ARM, phase=FIRMS_LEARN)
        records = rows.pivot(on="metric", index=["seed", "update"], values="value")
        found.append(records.select("seed", "update", *wanted))
    course = pl.concat(found).sort("seed", "update")
    # The end of a block of updates and the beginning of the next one are a single moment.
    return course.filter((pl.col("update").diff() != 1).over("seed").fill_null(True))


def slopes_of(course: pl.DataFrame) -> list[dict]:
    """The slopes of every pair within runs."""
    names = [name for y, x, _ in PAIRS for name in (y, x)]
    away = course.with_columns(pl.col(name) - pl.col(name).mean().over("seed") for name in names)
    found = []
    for y, x, other in PAIRS:
        runs = [run.select(y, x, other).to_numpy() for _, run in away.group_by("seed", maintain_order=True)]
        correlations = np.corrcoef(np.concatenate(runs).T)
        line = {"y": y, "x": x, "given": other, "runs": len(runs), "records": len(away)}
        line |= {"r2": correlations[0, 1] ** 2, "correlation_with_given": correlations[1, 2]}
        for name, parts in (("alone", [run[:, :2] for run in runs]), ("with_given", runs)):
            line[name] = _estimate(parts) | {"rising": sum(_slope(run) > 0 for run in parts)}
        found.append(line)
    return found


def at_the_same_update(course: pl.DataFrame) -> pl.DataFrame:
    """Outcomes less what they are in all runs at the same update, so that no trend in time is left."""
    names = [name for y, x, _ in PAIRS for name in (y, x)]
    return course.with_columns(pl.col(name) - pl.col(name).mean().over("update") for name in names)


def _estimate(runs: list[np.ndarray]) -> dict[str, float]:
    """The slope over all runs, and its interval."""
    drawn = np.random.default_rng(0).integers(len(runs), size=(RESAMPLES, len(runs)))
    left_out, slopes = tail(len(runs)), [_slope(np.concatenate([runs[i] for i in chosen])) for chosen in drawn]
    low, high = np.quantile(slopes, [left_out, 1 - left_out])
    return {"slope": _slope(np.concatenate(runs)), "low": low, "high": high}


def _slope(rows: np.ndarray) -> float:
    """Of the first column on the second by least squares, with the others in the regression; all have mean 0."""
    return float(np.linalg.lstsq(rows[:, 1:], rows[:, 0], rcond=None)[0][0])


@style.styled()
def draw(course: pl.DataFrame, caps: pl.DataFrame) -> Figure:
    """Left a path for each run while firms learn, from a ring to a dot; right a dot for each run under a cap."""
    figure, grid = style.new_figure(3.4, 1, 2)
    left, right = grid.flat
    for _, run in course.group_by("seed", maintain_order=True):
        x, y = run["price"], run["goods_consumed"]
        left.plot(x, y, color=style.MUTED, linewidth=0.8, alpha=0.7, zorder=2)
        first = left.scatter(x[0], y[0], s=16, facecolor=style.PAPER, edgecolor=style.INK, linewidth=0.8, zorder=3)
        last = left.scatter(x[-1], y[-1], s=16, color=style.INK, linewidth=0, zorder=4)
    left.legend([first, last], ["first record", "last, before there are taxes"], loc="upper right")
    left.set_title("While firms learn to set prices", fontsize=9.5)
    left.set_xlabel("Mean price (dollars)")
    right.scatter(caps["cap"], caps["goods_consumed"], s=24, color=style.INK, alpha=0.8, linewidth=0, zorder=3)
    right.set_title("Where prices are capped", fontsize=9.5)
    right.set_xlabel("Highest price that firms may set (dollars)")
    for panel in (left, right):
        panel.set_ylabel("Units of each good consumed per quarter")
        panel.set_ylim(bottom=0)
        style.grid_y(panel)
        style.compact_ticks(panel, "x")
        style.compact_ticks(panel, "y")
    return figure


def main() -> None:
    """Collect, relate, draw and store."""
    if runs := [Path(run) for run in sys.argv[1:]]:
        caps, course = caps_of(runs[0]), course_of(runs[1:])
    else:
        caps, course = (pl.read_csv(HERE / f"{name}.csv") for name in ("prices", "prices_course"))
    least = caps.filter(collapsed=1)["cap"].max()
    alive = caps if least is None else caps.filter(pl.col("cap") > least)
    later = course.filter(pl.col("update") > pl.col("update").min().over("seed"))
    lines = {
        "caps": [outcomes.relate(caps, pair) for pair in OF_LINES],
        "caps_where_none_collapsed": [outcomes.relate(alive, pair) for pair in OF_LINES],
        "firms_learn": slopes_of(course),
        "without_the_first_record": slopes_of(later),
        "same_update": slopes_of(at_the_same_update(course)),
    }
    print(json.dumps(lines, indent=1))
    print(caps.group_by("cap", maintain_order=True).mean())
    for name, table in (("prices", caps), ("prices_course", course)):
        table.with_columns(pl.col(pl.Float64).round_sig_figs(6)).write_csv(HERE / f"{name}.csv")
    (HERE / "prices.json").write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    draw(course, caps).savefig(HERE / "prices.png", dpi=200)


if __name__ == "__main__":
    main()
