"""How outcomes go together over runs: python reproduce/business_cycle/signs.py NAME [SWEEP ...]

SWEEP are finished folders of `fisc sweep reproduce/business_cycle/signs.toml` and the like, which may have other seeds
of the same settings; none: the runs that are stored. In all of them taxes are learned. Stores beside this file the runs
(NAME.csv), the least-squares lines (NAME.json) with 95 % bootstrap intervals over settings, all runs of a setting drawn
together, and the scatter (NAME.png).

Over all runs at once what differs between settings counts too: a low quota leaves more goods at home, whatever prices
are. So every line is also given within settings of exports, both outcomes less their means over the runs with the same
quota and floor, with intervals over these; and within settings, exports and government, where only seeds and learners
differ. Over all runs, over those that did not collapse, with a lower limit of what counts as collapse, and over the
runs whose government counts everybody's welfare.
"""

import json
import sys
from pathlib import Path

import polars as pl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fisc.analysis.outcomes import PAIRS, TAX, relate, tabulate_outcomes
from fisc.plots import style
from fisc.plots.wording import line_claim, line_notes

HERE = Path(__file__).parent
EXPORTS = ("export_floor", "export_quota")
SETTING = (*EXPORTS, "government")
"""What sets the runs apart in their economics; runs of a setting differ in seeds and in how everybody learns."""
LOWER_LIMIT = 40.0
"""Hours: fewer count as collapse, where `collapsed` has 5 % of the longest work, 52 hours."""
LEARNERS = ("clip", "epochs")
"""What runs of a setting may differ in beside their seeds: the consumers' key, which is that of all roles."""
SOLID = {"color": style.INK, "linewidth": 1.4}
DASHED = {"color": style.MUTED, "linewidth": 1.0, "linestyle": "--"}
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


def runs_of(*sweeps: Path) -> pl.DataFrame:
    """A row for each run: its setting, its seed, and what came of it.

    Raises:
        SystemExit: if a point of the sweep is not finished.
    """
    found = []
    for folder in (folder for sweep in sweeps for folder in points_of(sweep)):
        scenario = json.loads((folder / "provenance.json").read_text())["plan"]["scenario"]
        learner = scenario["learning"]["consumer"]
        evaluation = pl.read_parquet(folder / "evaluation.parquet")
        collapsed = evaluation.filter(metric="collapsed").select("arm", "seed", pl.col("value").alias("collapsed"))
        runs = tabulate_outcomes(evaluation, "total_welfare").join(collapsed, on=["arm", "seed"], how="left")
        setting = {key: scenario["economy"][key] for key in EXPORTS} | {"government": scenario["objective"]}
        setting |= {key: learner[key] for key in LEARNERS}
        found.append(runs.with_columns(**{key: pl.lit(value) for key, value in setting.items()}))
    numbered = pl.concat(found).with_columns(setting=pl.struct(SETTING).rank("dense") - 1)
    return numbered.sort("setting", "seed", *LEARNERS)


def points_of(sweep: Path) -> list[Path]:
    """The run folders of a sweep, in order.

    Raises:
        SystemExit: if there is no sweep, or a point of it is not finished.
    """
    if not (sweep / "sweep.json").exists():
        raise SystemExit(f"{sweep} has no sweep.json: give the folder of a sweep, the --out of fisc sweep")
    points = json.loads((sweep / "sweep.json").read_text())["points"]
    for name, state in points.items():
        if state["state"] != "finished":
            raise SystemExit(f"{name} is {state['state']}: go on with fisc sweep --resume first")
    return [sweep / name for name in sorted(points)]


def lines_of(runs: pl.DataFrame, keys: tuple[str, ...] = SETTING) -> list[dict]:
    """The line of every pair; what runs with the same `keys` have in common is drawn together."""
    return [relate(runs.with_columns(seed=pl.struct(keys).rank("dense")), pair) for pair in PAIRS]


def lines_within(runs: pl.DataFrame, keys: tuple[str, ...]) -> list[dict]:
    """The line of every pair through outcomes less their means over runs with the same `keys`."""
    names = sorted({name for pair in PAIRS for name in (pair.x, pair.y)})
    apart = runs.with_columns(pl.col(name) - pl.col(name).mean().over(keys) for name in names)
    return lines_of(apart, keys)


@style.styled()
def draw(runs: pl.DataFrame) -> Figure:
    """A dot for each run, by export quota, hollow where it collapsed; the line through the others, which is what titles
    tell, and through all of them."""
    figure, grid = style.new_figure(6.9, 2, 2)
    styles = style.arm_styles(f"quota {quota:04.0f}" for quota in runs["export_quota"].unique())
    looks = {quota: styles[f"quota {quota:04.0f}"] for quota in sorted(runs["export_quota"].unique())}
    alive = runs.filter(collapsed=0)
    for line, over_all, panel in zip(lines_of(alive), lines_of(runs), grid.flat, strict=True):
        for (quota, collapsed), mine in runs.group_by("export_quota", "collapsed", maintain_order=True):
            look = looks[quota]
            inside, edge = (style.PAPER, look.color) if collapsed else (look.color, style.PAPER)
            panel.scatter(mine[line["x"]], mine[line["y"]], s=30, marker=look.marker, color=inside, edgecolor=edge,
                          alpha=0.85, linewidth=0.8, zorder=3)  # fmt: skip
        for shown, among, look in ((line, alive, SOLID), (over_all, runs, DASHED)):
            ends = (among[line["x"]].min(), among[line["x"]].max())
            panel.plot(ends, [shown["intercept"] + shown["slope"] * x for x in ends], zorder=2, **look)
        claim = line_claim(line)
        panel.set_title(f"{claim[0].upper()}{claim[1:]}\n", fontsize=9.5)
        panel.annotate(line_notes(line), (0, 1), xytext=(0, 5), xycoords="axes fraction", fontsize=8.5,
                       textcoords="offset points", color=style.MUTED)  # fmt: skip
        panel.set_xlabel(LABELS[line["x"]])
        panel.set_ylabel(LABELS[line["y"]])
        style.grid_y(panel)
        style.compact_ticks(panel, "y")
        if line["x"] == TAX:
            style.percent_ticks(panel, "x")
        else:
            style.compact_ticks(panel, "x")
    handles = [
        Line2D([], [], color=look.color, linestyle="", marker=look.marker, markeredgewidth=0, label=f"quota {quota:g}")
        for quota, look in looks.items()
    ]
    hollow = {"marker": "o", "markerfacecolor": style.PAPER, "color": style.MUTED, "linestyle": ""}
    handles += [
        Line2D([], [], label="collapsed", **hollow),
        Line2D([], [], label="not collapsed", **SOLID),
        Line2D([], [], label="all runs", **DASHED),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure


def main() -> None:
    """Collect, relate, draw and store."""
    name, sweeps = sys.argv[1], sys.argv[2:]
    runs = runs_of(*map(Path, sweeps)) if sweeps else pl.read_csv(HERE / f"{name}.csv")
    alive, everybody = runs.filter(collapsed=0), runs.filter(government="total_welfare")
    lines = {
        "all": lines_of(runs),
        "within_exports": lines_within(runs, EXPORTS),
        "not_collapsed": lines_of(alive),
        "not_collapsed_within_exports": lines_within(alive, EXPORTS),
        "not_collapsed_within_settings": lines_within(alive, SETTING),
        "lower_limit": lines_of(runs.filter(pl.col("labor") >= LOWER_LIMIT)),
        "total_welfare": lines_of(everybody),
        "total_welfare_within_exports": lines_within(everybody, EXPORTS),
    }
    for kind, found in lines.items():
        for line in found:
            print(kind, {key: line[key] for key in ("y", "x", "slope", "low", "high", "r2", "runs")})
    runs.with_columns(pl.col(pl.Float64).round_sig_figs(6)).write_csv(HERE / f"{name}.csv")
    (HERE / f"{name}.json").write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    draw(runs).savefig(HERE / f"{name}.png", dpi=200)


if __name__ == "__main__":
    main()
