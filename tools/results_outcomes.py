"""Tables of how outcomes of the business cycle go together over runs, in Markdown."""

from collections.abc import Callable

import polars as pl
from results_cycle import CYCLE, rates_of

from fisc.analysis.firms import PAIRS, describe_lines
from results import ROOT, stored, table

SETTING_NAMES = {
    "government": "welfare of", "export_floor": "floor", "export_quota": "quota", "clip": "clip", "seed": "seed",
}  # fmt: skip
"""What sets runs apart, and how it is called in the head of a table."""
SETTING = tuple(SETTING_NAMES)
OUTCOMES = (
    "price", "goods_consumed", "wage", "labor", "utility", "profit", "objective", "income_tax_rate",
    "corporate_tax_rate",
)  # fmt: skip
COUNTED = {"total_welfare": "all", "utilitarian": "consumers"}
"""Whose welfare a government counts."""


HELD, QUARTERLY = (pl.col("scenario") == name for name in ("rbc-small", "rbc-quarterly"))
GROUPS = {
    "`rbc-small`, no taxes": HELD & (pl.col("arm") == "free_market"),
    "`rbc-small`, 20 %": HELD & (pl.col("arm") == "flat_20"),
    "`rbc-small`, learned taxes": HELD & (pl.col("arm") == "planner"),
    "`rbc-small`, found by trying": HELD & (pl.col("arm") == "laboratories"),
    "`rbc-small`, 40 %": HELD & (pl.col("arm") == "flat_40"),
    "`rbc-small`, 60 %": HELD & (pl.col("arm") == "flat_60"),
    "`rbc-tiny`, learned taxes": pl.col("scenario") == "rbc-tiny",
    "`rbc-quarterly`, quota 10": QUARTERLY & (pl.col("export_quota") == 10),
    "`rbc-quarterly`, quota 50": QUARTERLY & (pl.col("export_quota") == 50),
    "`rbc-quarterly`, quota 100": QUARTERLY & (pl.col("export_quota") == 100),
    "`rbc-quarterly`, quota 1,000": QUARTERLY & (pl.col("export_quota") == 1000),
}
"""Economies whose firms are compared, and how they are called."""


def cycle_lines() -> str:
    """How outcomes go together over runs that differ as the paper's do."""
    rows = []
    for line in stored(f"{CYCLE}/signs.json")["all"]:
        rows.append((_of_line(line), _slope(line), f"{line['r2']:.2f}", SIGNS[line["expected"]]))
    return table(("line", "slope (95 % interval)", "r²", "expected"), rows)


def cycle_signs() -> str:
    """The two lines of which theory expects a sign, over several kinds of runs."""
    rows = []
    for name, kind, text in (
        ("signs", "within_exports", "300 updates, within exports"),
        ("signs", "not_collapsed", "300 updates, not collapsed"),
        ("signs", "not_collapsed_within_exports", "300 updates, not collapsed, within exports"),
        ("signs_full", "all", "1,500 updates"),
        ("signs_full", "within_exports", "1,500 updates, within exports"),
        ("signs_full", "not_collapsed", "1,500 updates, not collapsed"),
        ("signs_full", "not_collapsed_within_exports", "1,500 updates, not collapsed, within exports"),
        ("signs_longer", "all", "`rbc-quarterly`"),
        ("signs_longer", "within_exports", "`rbc-quarterly`, within exports"),
        ("signs_longer", "not_collapsed", "`rbc-quarterly`, not collapsed"),
        ("signs_longer", "lower_limit", "`rbc-quarterly`, at least 40 hours"),
        ("signs_longer", "not_collapsed_within_exports", "`rbc-quarterly`, not collapsed, within exports"),
        ("signs_longer", "not_collapsed_within_settings", "`rbc-quarterly`, not collapsed, within settings"),
        ("signs_longer", "total_welfare", "`rbc-quarterly`, total welfare"),
        ("signs_longer", "total_welfare_within_exports", "`rbc-quarterly`, total welfare, within exports"),
        ("prices", "caps", "prices capped, no taxes"),
        ("prices", "caps_where_none_collapsed", "prices capped at 2,000 or more, no taxes"),
    ):
        found = {line["x"]: line for line in stored(f"{CYCLE}/{name}.json")[kind]}
        price, wage = (found[x] for x in ("price", "wage"))
        slopes = (f"{_slope(line)}, {line['r2']:.2f}" for line in (price, wage))
        rows.append((text, f"{price['runs']}", *slopes))
    head = ("runs", "number", "goods consumed on price (95 % interval), r²", "hours on wage (95 % interval), r²")
    return table(head, rows)


def cycle_firms() -> str:
    """What firms sell on what they ask, whom they hire on what they pay: lines within economies, and their means."""
    lines = pl.read_csv(ROOT / CYCLE / "firms.csv").filter(collapsed=0)
    rows = []
    for text, which in GROUPS.items():
        cells = [text]
        for pair in PAIRS:
            found = describe_lines(lines.filter(which, x=pair.x), pair)
            cells.append(f"{found['as_expected']} of {found['economies'] - found['alike']}")
            cells += ["–"] if found["slope"] is None else [_mean_slope(found, 2 if pair.x == "price" else 0)]
        rows.append(tuple(cells))
    head = (
        "economies in which people work", "a dearer good sells less", "units on dollars (95 % interval), r²",
        "who pays more hires more", "hours on dollars an hour (95 % interval), r²",
    )  # fmt: skip
    return table(head, rows)


def _mean_slope(found: dict, decimals: int) -> str:
    mean, low, high = (f"{found[name]:,.{decimals}f}" for name in ("slope", "low", "high"))
    return f"{mean} ({low} to {high}), {found['r2']:.2f}"


def cycle_demand(of: str = "") -> str:
    """What a firm would sell at home at other prices, its elasticity, and the mean price; run by run, or means."""
    prices = ("2500", "2000", "1500", "1000", "500")
    found = stored(f"{CYCLE}/demand.json")["runs"]
    runs = pl.DataFrame([{**run, **run["demand"], "runs": 1} for run in found]).sort(
        "scenario", "government", "export_quota", "export_floor", "seed", descending=[True, *4 * [False]]
    )
    apart = ("scenario", "government", "export_quota") if of == "means" else ("scenario", *SETTING)
    numbers = ("elasticity", "mean_price", *prices)
    together = runs.group_by(*apart, maintain_order=True).agg(
        *(pl.col(name).mean() for name in numbers), pl.col("elasticity").min().alias("low"),
        pl.col("elasticity").max().alias("high"), pl.len().alias("runs"),
    )  # fmt: skip
    rows = []
    for run in together.iter_rows(named=True):
        name = (f"`{run['scenario']}`", *_setting(run))
        elasticity = f"{run['elasticity']:.2f}"
        if of == "means":
            elasticity += f" ({run['low']:.2f} to {run['high']:.2f})"
            name += (f"{run['runs']}",)
        units = (f"{run[price]:,.0f}" for price in prices)
        rows.append((*name, *units, elasticity, f"{run['mean_price']:,.0f}"))
    head = [SETTING_NAMES[key] for key in apart[1:]] + (["runs"] if of == "means" else [])
    return table(("scenario", *head, *(f"at {int(price):,}" for price in prices), "elasticity", "mean price"), rows)


def cycle_longer(of: str = "") -> str:
    """What came of the runs whose firms tried prices for longer: run by run, or means by government and quota."""
    runs = pl.read_csv(ROOT / CYCLE / "signs_longer.csv").sort("government", "export_quota", "export_floor", "seed")
    apart = ("government", "export_quota") if of == "means" else SETTING
    counts = [pl.col("collapsed").sum().cast(int).alias("stopped"), pl.len().alias("runs")]
    rows = []
    together = runs.group_by(*apart, maintain_order=True).agg(*counts, *(pl.col(name).mean() for name in OUTCOMES))
    for run in together.iter_rows(named=True):
        collapsed = f"{run['stopped']} of {run['runs']}" if of == "means" else "yes" if run["stopped"] else "no"
        rows.append(
            (
                *_setting(run),
                collapsed,
                f"{run['price']:,.0f}",
                f"{run['goods_consumed']:.0f}",
                f"{run['wage']:.1f}",
                f"{run['labor']:,.0f}",
                f"{run['utility']:.1f}",
                f"{run['profit']:,.0f}",
                f"{run['objective']:,.0f}",
                rates_of(run),
            )
        )
    head = (
        *(SETTING_NAMES[key] for key in apart), "collapsed", "mean price", "units of each good consumed", "wage",
        "hours", "utility", "profit", "total welfare", "tax on income, profit",
    )  # fmt: skip
    return table(head, rows)


def cycle_collapse() -> str:
    """How work stops where a government counts consumers alone: means over runs with the same quota, and extremes."""
    rows = []
    moments = pl.read_csv(ROOT / CYCLE / "collapse.csv")
    for (quota, moment), runs in moments.group_by("export_quota", "moment", maintain_order=True):
        mean = runs.mean().row(0, named=True)
        low, high = runs["update"].min(), runs["update"].max()
        update = f"{mean['update']:,.0f}" if low == high else f"{mean['update']:,.0f} ({low:,.0f} to {high:,.0f})"
        rows.append(
            (
                f"{quota:,.0f}",
                moment,
                update,
                f"{mean['labor']:,.0f} ({runs['labor'].min():,.0f} to {runs['labor'].max():,.0f})",
                f"{mean['wage']:.1f}",
                f"{mean['goods_consumed']:.0f}",
                f"{mean['shortages']:.0%}",
                f"{mean['savings']:,.0f}",
                f"{mean['utility']:.1f} ({runs['utility'].min():.1f} to {runs['utility'].max():.1f})",
                rates_of(mean),
            )
        )
    head = (
        "quota", "moment", "update", "hours", "wage", "units of each good consumed", "goods that run short",
        "savings", "utility", "tax on income, profit",
    )  # fmt: skip
    return table(head, rows)


def cycle_firms_learn() -> str:
    """What consumption and hours do within runs while firms learn and nothing is taxed."""
    rows = []
    for kind, text in (
        ("firms_learn", "all, less the mean of the run"),
        ("without_the_first_record", "all but the first"),
        ("same_update", "all, less what all runs do at the update too"),
    ):
        for line in stored(f"{CYCLE}/prices.json")[kind]:
            cells = [
                f"{_slope(line[name])}; {line[name]['rising']} of {line['runs']}" for name in ("alone", "with_given")
            ]
            rows.append((_of_line(line), text, *cells))
    head = ("line", "records", "slope (95 % interval); runs that rise", "with wage or price in the regression")
    return table(head, rows)


def cycle_caps() -> str:
    """What comes of a cap on prices without taxes, by cap: means over runs that did not collapse, if any."""
    rows = []
    for (cap,), runs in pl.read_csv(ROOT / CYCLE / "prices.csv").group_by("cap", maintain_order=True):
        alive = runs.filter(collapsed=0) if runs["collapsed"].min() == 0 else runs
        mean = alive.mean().row(0, named=True)
        rows.append(
            (
                f"{cap:,.0f}",
                f"{runs['collapsed'].sum():.0f} of {len(runs)}",
                f"{mean['price']:,.0f}",
                f"{mean['goods_consumed']:.1f} ({', '.join(f'{units:.1f}' for units in runs['goods_consumed'])})",
                f"{mean['goods_exported']:,.0f}",
                f"{mean['wage']:.1f}",
                f"{mean['labor']:,.0f}",
                f"{mean['shortages']:.0%}",
                f"{mean['profit']:,.0f}",
                f"{mean['total_welfare']:,.0f}",
            )
        )
    head = (
        "highest price", "collapsed", "mean price", "units of each good consumed (all seeds)", "exported by a firm",
        "wage", "hours", "goods that run short", "profit", "total welfare",
    )  # fmt: skip
    return table(head, rows)


SIGNS = {None: "–", 1: "rising", -1: "falling"}
"""What theory expects of a line."""


def _setting(run: dict) -> tuple[str, ...]:
    """Cells of what sets a run apart, as far as the row has it."""
    forms = {"government": COUNTED.__getitem__, "clip": "{:g}".format}
    return tuple(forms.get(key, "{:,.0f}".format)(run[key]) for key in SETTING_NAMES if key in run)


def _of_line(line: dict) -> str:
    return f"{line['y']} on {line['x']}".replace("_", " ")


def _slope(line: dict) -> str:
    return f"{line['slope']:.3g} ({line['low']:.3g} to {line['high']:.3g})"


TABLES: dict[str, Callable[..., str]] = {
    "cycle-lines": cycle_lines,
    "cycle-signs": cycle_signs,
    "cycle-firms-learn": cycle_firms_learn,
    "cycle-caps": cycle_caps,
    "cycle-demand": cycle_demand,
    "cycle-firms": cycle_firms,
    "cycle-longer": cycle_longer,
    "cycle-collapse": cycle_collapse,
}
