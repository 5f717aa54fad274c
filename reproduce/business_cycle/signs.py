"""How outcomes go together over runs: python reproduce/business_cycle/signs.py SWEEP [NAME]

SWEEP is the finished folder of a sweep over `rbc-small` in whose runs taxes are learned, such as `fisc sweep
reproduce/business_cycle/signs.toml`, whose settings differ as the paper's do. Stores beside this file the runs
(NAME.csv; by default NAME is signs), the least-squares lines with 95 % bootstrap intervals over settings, all seeds of
a setting drawn together (NAME.json), and, unless all have the same quota of exports, the scatter (NAME.png) and what
happened while firms learned (NAME_course.png).

Over all runs at once what differs between settings counts too: a low quota leaves more goods at home, whatever prices
are. So every line is also given within settings of exports: both outcomes less their means over the runs with the same
quota and floor, and over the runs that did not collapse. In these nearly all firms end at the highest price that they
may set, so that lines are given, too, for the phase in which firms learn and the government does not yet: each record
of a run less the mean of the run.
"""

import json
import sys
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fisc.analysis.outcomes import PAIRS, TAX, relate, tabulate_outcomes
from fisc.plots import style
from fisc.plots.wording import line_claim, line_notes

HERE = Path(__file__).parent
EXPORTS = ("export_floor", "export_quota")
FIRMS_LEARN = "phase 2"
COURSE = tuple(pair for pair in PAIRS if pair.expected)
"""What is followed while firms learn: consumption with prices, hours with wages."""
HIGHEST = (2500.0,)
"""The last entry of the published menu of prices."""
LABELS = {
    "price": "Mean price (dollars)",
    "goods_consumed": "Units of each good consumed per quarter",
    "wage": "Mean wage (dollars per hour)",
    "labor": "Hours worked per consumer and quarter",
    "utility": "Consumers' utility per quarter",
    "profit": "Profit per firm and quarter (dollars)",
    TAX: "Tax rate, mean of income and profit tax",
    "objective": "Total welfare per quarter",
}


def runs_of(sweep: Path) -> pl.DataFrame:
    """A row for each run: its setting, its seed, and what came of it.

    Raises:
        SystemExit: if a point of the sweep is not finished.
    """
    found = []
    for number, folder in enumerate(points_of(sweep)):
        scenario = json.loads((folder / "provenance.json").read_text())["plan"]["scenario"]
        learner, prices = scenario["learning"]["consumer"], scenario["economy"]["menus"].get("prices", HIGHEST)
        evaluation = pl.read_parquet(folder / "evaluation.parquet")
        collapsed = evaluation.filter(metric="collapsed").select("arm", "seed", pl.col("value").alias("collapsed"))
        runs = tabulate_outcomes(evaluation, "total_welfare").join(collapsed, on=["arm", "seed"], how="left")
        setting = {"setting": number, **{key: scenario["economy"][key] for key in EXPORTS}, "cap": max(prices)}
        setting |= {"government": scenario["objective"], "clip": learner["clip"], "epochs": learner["epochs"]}
        found.append(runs.with_columns(**{key: pl.lit(value) for key, value in setting.items()}))
    return pl.concat(found).sort("setting", "seed")


def points_of(sweep: Path) -> list[Path]:
    """The run folders of a sweep, in order.

    Raises:
        SystemExit: if a point of the sweep is not finished.
    """
    points = json.loads((sweep / "sweep.json").read_text())["points"]
    for name, state in points.items():
        if state["state"] != "finished":
            raise SystemExit(f"{name} is {state['state']}: go on with fisc sweep --resume first")
    return [sweep / name for name in sorted(points)]


def course_of(sweep: Path) -> pl.DataFrame:
    """A row for each record of each run while firms learn: its setting, its seed, and the outcomes of the time."""
    wanted = [name for pair in COURSE for name in (pair.x, pair.y)]
    found = []
    for number, folder in enumerate(points_of(sweep)):
        rows = pl.scan_parquet(folder / "metrics.parquet").filter(
            pl.col("role") == "economy", pl.col("phase") == FIRMS_LEARN, pl.col("metric").is_in(wanted)
        )
        records = rows.collect().pivot(on="metric", index=["seed", "update"], values="value")
        found.append(records.select("seed", "update", *wanted).with_columns(setting=pl.lit(number)))
    return pl.concat(found).sort("setting", "seed", "update")


def lines_of_course(course: pl.DataFrame) -> list[dict]:
    """The line of every pair over all records, each less its run's mean, and in how many runs it is as expected."""
    names = [name for pair in COURSE for name in (pair.x, pair.y)]
    away = course.with_columns(pl.col(name) - pl.col(name).mean().over("setting", "seed") for name in names)
    lines = []
    for pair in COURSE:
        alone = [relate(run, pair) for _, run in course.group_by("setting", "seed")]
        expected = sum(line["slope"] is not None and line["slope"] * pair.expected > 0 for line in alone)
        found = {"runs": len(alone), "records": len(away), "runs_as_expected": expected}
        lines.append(relate(away.with_columns(seed="setting"), pair) | found)
    return lines


def lines_of(runs: pl.DataFrame) -> list[dict]:
    """The line of every pair; settings take the place of seeds, so that intervals are over settings."""
    return [relate(runs.with_columns(seed="setting"), pair) for pair in PAIRS]


def within(runs: pl.DataFrame) -> pl.DataFrame:
    """Outcomes less their means over runs with the same exports."""
    names = sorted({name for pair in PAIRS for name in (pair.x, pair.y)})
    return runs.with_columns(pl.col(name) - pl.col(name).mean().over(EXPORTS) for name in names)


def looks_of(quotas: pl.Series) -> dict[float, style.ArmStyle]:
    """A look for each export quota."""
    styles = style.arm_styles(f"quota {quota:04.0f}" for quota in quotas.unique())
    return {quota: styles[f"quota {quota:04.0f}"] for quota in sorted(quotas.unique())}


@style.styled()
def draw(runs: pl.DataFrame) -> Figure:
    """A dot for each run, by export quota, with the line through all of them."""
    figure, grid = style.new_figure(6.9, 2, 2)
    looks = looks_of(runs["export_quota"])
    for line, panel in zip(lines_of(runs), grid.flat, strict=True):
        for quota, look in looks.items():
            mine = runs.filter(export_quota=quota)
            panel.scatter(mine[line["x"]], mine[line["y"]], s=30, color=look.color, marker=look.marker, alpha=0.85,
                          edgecolor=style.PAPER, linewidth=0.6, zorder=3)  # fmt: skip
        ends = (runs[line["x"]].min(), runs[line["x"]].max())
        heights = [line["intercept"] + line["slope"] * x for x in ends]
        panel.plot(ends, heights, color=style.INK, linewidth=1.4, zorder=2)
        entitle(panel, line)
        if line["x"] == TAX:
            style.percent_ticks(panel, "x")
    handles = [
        Line2D([], [], color=look.color, linestyle="", marker=look.marker, markeredgewidth=0, label=f"quota {quota:g}")
        for quota, look in looks.items()
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure


@style.styled()
def draw_course(course: pl.DataFrame, runs: pl.DataFrame) -> Figure:
    """A path for each run while firms learn, by export quota, from a ring to a dot."""
    figure, grid = style.new_figure(3.7, 1, 2)
    looks = looks_of(runs["export_quota"])
    quota_of = dict(runs.select("setting", "export_quota").unique().iter_rows())
    for line, panel in zip(lines_of_course(course), grid.flat, strict=True):
        for (setting, _), run in course.group_by("setting", "seed", maintain_order=True):
            color, x, y = looks[quota_of[setting]].color, run[line["x"]], run[line["y"]]
            panel.plot(x, y, color=color, linewidth=0.7, alpha=0.6, zorder=2)
            panel.scatter(x[0], y[0], s=14, facecolor=style.PAPER, edgecolor=color, linewidth=0.8, zorder=3)
            panel.scatter(x[-1], y[-1], s=14, color=color, linewidth=0, zorder=4)
        entitle(panel, line)
    handles = [Line2D([], [], color=look.color, label=f"quota {quota:g}") for quota, look in looks.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure


def entitle(panel: Axes, line: dict) -> None:
    """What a panel shows, over it and at its axes."""
    claim = line_claim(line)
    panel.set_title(f"{claim[0].upper()}{claim[1:]}\n", fontsize=9.5)
    panel.annotate(line_notes(line), (0, 1), xytext=(0, 5), xycoords="axes fraction", fontsize=8.5,
                   textcoords="offset points", color=style.MUTED)  # fmt: skip
    panel.set_xlabel(LABELS[line["x"]])
    panel.set_ylabel(LABELS[line["y"]])
    style.grid_y(panel)
    style.compact_ticks(panel, "y")
    style.compact_ticks(panel, "x")


def main() -> None:
    """Collect, relate, draw and store."""
    sweep, name = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "signs"
    runs, course = runs_of(sweep), course_of(sweep)
    lines = {
        "all": lines_of(runs),
        "within_exports": lines_of(within(runs)),
        "not_collapsed": lines_of(runs.filter(collapsed=0)),
        "firms_learn": lines_of_course(course),
    }
    for kind, found in lines.items():
        for line in found:
            print(kind, {key: line[key] for key in ("y", "x", "slope", "low", "high", "r2", "runs")})
    runs.with_columns(pl.col(pl.Float64).round_sig_figs(6)).write_csv(HERE / f"{name}.csv")
    text = json.dumps(lines | {"settings": runs["setting"].n_unique()}, indent=1)
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    if runs["export_quota"].n_unique() > 1:
        draw(runs).savefig(HERE / f"{name}.png", dpi=200)
        draw_course(course, runs).savefig(HERE / f"{name}_course.png", dpi=200)


if __name__ == "__main__":
    main()
