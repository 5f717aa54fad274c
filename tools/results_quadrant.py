"""Tables of the main comparison of Gather-Trade-Build, in Markdown, beside the published figures."""

from collections.abc import Callable

import polars as pl

from fisc.analysis.intervals import bootstrap_interval
from results import NAMES, ROOT, stored, table

# Zheng et al. (2022), four citizens on Open-Quadrant: equality × productivity, equality, coin per citizen; and per
# citizen by skill, income before tax, effort, coin for houses, and coin from trade.
PUBLISHED_GTB = {
    "free_market": (308.0, 0.378, 818.4),
    "us_federal": (317.1, 0.478, 664.2),
    "saez_estimated": (352.3, 0.503, 703.5),
    "planner": (395.6, 0.550, 721.2),
}
PUBLISHED_ROLES = {
    "free_market": ((204, 289, 646, 2119), (186, 244, 540, 1668), (0.5, 2, 290, 2965), (203, 286, 356, -846)),
    "us_federal": ((130, 203, 459, 1875), (160, 217, 445, 1324), (0.3, 11, 271, 2385), (130, 192, 188, -510)),
    "saez_estimated": ((144, 222, 414, 1989), (147, 205, 344, 1493), (0.2, 0.6, 103, 2666), (144, 221, 311, -676)),
    "planner": ((157, 242, 354, 2105), (163, 223, 299, 1588), (0.2, 0.9, 46, 2812), (157, 241, 308, -707)),
}
PUBLISHED_INVERSE = {"free_market": 47.7, "us_federal": 62.1, "saez_estimated": 74.2, "planner": 80.2}
"""Inverse-income-weighted utility, the learned planner's being one that is rewarded by it."""
PUBLISHED_TEN = {"free_market": 411, "us_federal": 432, "saez_estimated": 412, "planner": 448}
"""Equality × productivity with ten citizens, on a map that is not named."""
QUADRANT = "reproduce/gtb_open_quadrant"
"""Where the results of Gather-Trade-Build are."""


def gtb_arms() -> str:
    """Every arm of Gather-Trade-Build beside the published figures."""
    found, rows = pl.read_csv(ROOT / QUADRANT / "evaluation.csv"), []
    for arm, published in PUBLISHED_GTB.items():
        cells = []
        metrics = (("equality_times_productivity", ".0f"), ("equality", ".3f"), ("productivity", ".0f"))
        for (metric, form), theirs in zip(metrics, published, strict=True):
            values = found.filter(pl.col("arm") == arm, pl.col("metric") == metric)["value"].to_list()
            cells += [_over_seeds(values, form), format(theirs, form)]
            if metric == "equality_times_productivity":
                share = f"{sum(values) / len(values) / theirs:.2f}"
        rows.append((NAMES[arm], *cells, share))
    head = ("tax system", "equality × productivity", "published", "equality", "published", "coin each", "published")
    return table((*head, "ours / published"), rows)


def gtb_ten(folder: str) -> str:
    """Every arm with ten citizens beside the published figures."""
    found = pl.read_csv(ROOT / "reproduce" / folder / "evaluation.csv")
    rows = []
    for arm, published in PUBLISHED_TEN.items():
        mine = found.filter(arm=arm)
        seeds = ", ".join(map(str, mine["seed"].unique().sort()))
        cells = [_over_seeds(_values(mine, metric), form) for metric, form in TEN]
        share = _mean(mine, TEN[0][0]) / published
        rows.append((NAMES[arm], seeds, cells[0], str(published), f"{share:.2f}", *cells[1:]))
    head = ("tax system", "seeds", "equality × productivity", "published", "ours / published", "equality", "coin each")
    return table((*head, "houses", "stone gathered", "wood gathered", "labor each"), rows)


def gtb_inverse() -> str:
    """Inverse-income-weighted utility of every arm beside the published figures; a planner that is rewarded by it."""
    arms, more = (pl.read_csv(ROOT / QUADRANT / name) for name in ("evaluation.csv", "more.csv"))
    found = pl.concat([arms.filter(pl.col("arm") != "planner"), more.filter(asked="inverse income").drop("asked")])
    rows = []
    for arm, published in PUBLISHED_INVERSE.items():
        mine = found.filter(arm=arm).sort("seed")
        utility = mine.filter(metric="inverse_income_weighted_utility")
        product = mine.filter(metric="equality_times_productivity")["value"].to_list()
        mean = utility["value"].mean()
        seeds = ", ".join(map(str, utility["seed"]))
        cells = (_over_seeds(utility["value"].to_list(), ".1f"), f"{published}", f"{mean / published:.2f}")
        rows.append((NAMES[arm], seeds, *cells, _over_seeds(product, ".0f")))
    head = ("tax system", "seeds", "inverse-income-weighted utility", "published", "ours / published")
    return table((*head, "equality × productivity"), rows)


def gtb_more() -> str:
    """What else was asked, beside the stored arms in the same seeds."""
    arms, more = (pl.read_csv(ROOT / QUADRANT / name) for name in ("evaluation.csv", "more.csv"))
    rows = []
    for asked, arm in more.select("asked", "arm").unique(maintain_order=True).iter_rows():
        mine = more.filter(asked=asked, arm=arm)
        seeds = mine["seed"].unique().sort()
        cells = [_over_seeds(_values(mine, metric), form) for metric, form in MORE]
        same = [arms.filter(pl.col("seed").is_in(seeds.to_list()), arm=arm) for arm in PUBLISHED_GTB]
        beside = ", ".join(f"{_mean(rows_of, MORE[0][0]):.0f}" for rows_of in same)
        rows.append((f"{asked} ({NAMES.get(arm, arm)})", ", ".join(map(str, seeds)), *cells, beside))
    head = ("what", "seeds", "equality × productivity", "equality", "coin each", "average tax rate")
    return table((*head, "free market, US, Saez, planner in these seeds"), rows)


def _values(rows: pl.DataFrame, metric: str) -> list[float]:
    return rows.filter(metric=metric).sort("seed")["value"].to_list()


def _mean(rows: pl.DataFrame, metric: str) -> float:
    values = _values(rows, metric)
    return sum(values) / len(values)


TEN = (
    ("equality_times_productivity", ".0f"),
    ("equality", ".3f"),
    ("productivity", ".0f"),
    ("houses", ".0f"),
    ("gathered_stone", ".0f"),
    ("gathered_wood", ".0f"),
    ("labor", ".0f"),
)
"""What is told of each arm with ten citizens, and how it is printed."""
MORE = (
    ("equality_times_productivity", ".0f"),
    ("equality", ".3f"),
    ("productivity", ".0f"),
    ("average_tax_rate", ".0%"),
)
"""What is told of each further question, and how it is printed."""


def gtb_roles() -> str:
    """Who does what in Gather-Trade-Build, from the least to the most skilled builder, beside the published figures."""
    means = pl.read_csv(ROOT / QUADRANT / "groups.csv").group_by("arm", "metric", "group").agg(pl.col("value").mean())
    line = lambda numbers: ", ".join(f"{number:,.0f}" for number in numbers)  # noqa: E731
    rows = []
    for arm, published in PUBLISHED_ROLES.items():
        for measure, theirs in zip(("income", "labor", "build_income", "trade_income"), published, strict=True):
            ours = means.filter(pl.col("arm") == arm, pl.col("metric") == measure).sort("group")["value"]
            rows.append((NAMES[arm], measure.replace("_", " "), line(ours), line(theirs)))
    return table(("tax system", "per citizen, by skill", "ours", "published"), rows)


def gtb_schedules() -> str:
    """Marginal rates by bracket of the arms that choose them, means over seeds."""
    found = (
        pl.read_csv(ROOT / QUADRANT / "schedules.csv").group_by("arm", "bracket").agg(pl.col("rate", "cutoff").mean())
    )
    rows = []
    for arm in ("us_federal", "saez_estimated", "planner"):
        rates = found.filter(pl.col("arm") == arm).sort("bracket")
        rows.append((NAMES[arm], *(f"{rate:.0%}" for rate in rates["rate"])))
    return table(("tax system", *(f"from {cutoff:g}" for cutoff in rates["cutoff"])), rows)


def gtb_builder() -> str:
    """What the best builder does under each arm, and what would pay him most: published means and ours."""
    rows = []
    for row in pl.read_csv(ROOT / QUADRANT / "best_builder.csv").iter_rows(named=True):
        cells = [f"{row[name]:.0f}" for name in ("houses", "tax", "utility")]
        for most in (16, 25):
            houses, years, tax = (row[f"{name}_{most}"] for name in ("houses", "years", "tax"))
            gain = row[f"utility_{most}"] - row["utility"]
            cells.append(f"{houses:.0f}{f' in {years:.0f} years' if tax else ''}: {gain:+.0f}")
        rows.append((row["citizens"], NAMES[row["arm"]], *cells))
    head = (
        "citizens",
        "tax system",
        "houses",
        "tax",
        "utility",
        "best plan, 16 a year at most: gain",
        "25 a year: gain",
    )
    return table(head, rows)


def gtb_best_responses() -> str:
    """What each side could still gain at the end of training by learning on alone, and which seeds were asked."""
    rows = []
    for name, (who, arm) in ASKED.items():
        found = stored(f"{QUADRANT}/best_response_{name}.json")
        before, gain, share = found["rewards"]["trained"]["mean"], found["gain"], found["relative"]
        seeds = ", ".join(f"{seed}: {value:+.1f}" for seed, value in zip(found["seeds"], gain["values"], strict=True))
        rows.append((who, NAMES[arm], f"{before:.1f}", f"{gain['mean']:+.1f}", seeds, f"{share['mean']:+.1%}"))
    head = ("who learns on", "tax system", "reward of an episode", "gain", "by seed", "of the gain in training")
    return table(head, rows)


def gtb_training() -> str:
    """How fast citizens and planner train, by network and passes over each batch."""
    found, rows = stored("benchmarks/results/training_speed.json"), []
    for network, by_epochs in found["networks"].items():
        for epochs, row in by_epochs.items():
            speed, compiling = f"{row['steps_per_second']:,.0f}", f"{row['compile_seconds']:.0f}"
            rows.append((NETWORKS.get(network, network), epochs, speed, compiling, f"{row['share_of_floor']:.0%}"))
    head = ("network", "epochs", "environment steps a second", "compile (seconds)", "of what the products alone allow")
    return table(head, rows)


def gtb_for_time() -> str:
    """What citizens learn in the free market in the same time, by network, seeds side by side."""
    found, rows = stored("benchmarks/results/learning_for_time.json"), []
    for network, row in found["networks"].items():
        values = row["equality_times_productivity"]
        seeds = ", ".join(f"{value:.0f}" for value in values)
        means = (sum(row[name]) / len(row[name]) for name in ("equality", "productivity"))
        shown = [format(mean, form) for mean, form in zip(means, (".3f", ".0f"), strict=True)]
        learned = f"{sum(values) / len(values):.0f} ({seeds})"
        steps = f"{row['environment_steps'] / 1e6:.1f} million"
        rows.append((NETWORKS.get(network, network), f"{row['updates']:,}", steps, learned, *shown))
    head = ("network", "updates", "steps of each seed", "equality × productivity (seeds)", "equality", "coin each")
    return table(head, rows)


def _over_seeds(values: list[float], form: str) -> str:
    """The mean over seeds, with its interval if there is more than one."""
    mean, low, high = bootstrap_interval(values)
    return format(mean, form) if low is None else f"{mean:{form}} ({low:{form}} to {high:{form}})"


NETWORKS = {
    "default": "the preset's",
    "one for all": "the preset's, one for all citizens",
    "patches": "patches, one for all",
    "convolution": "convolution, one for all",
    "convolution_lstm": "convolution + LSTM, as published",
}
"""What the benchmark's networks are called."""
ASKED = {
    "planner": ("planner", "planner"),
    "citizens": ("all citizens", "planner"),
    "best_builder": ("the best builder alone", "planner"),
    "free_market_citizens": ("all citizens", "free_market"),
}
"""Who was asked for a best response, by the name of the answer."""

TABLES: dict[str, Callable[..., str]] = {
    "gtb-arms": gtb_arms,
    "gtb-best-responses": gtb_best_responses,
    "gtb-builder": gtb_builder,
    "gtb-for-time": gtb_for_time,
    "gtb-inverse": gtb_inverse,
    "gtb-more": gtb_more,
    "gtb-roles": gtb_roles,
    "gtb-schedules": gtb_schedules,
    "gtb-ten": gtb_ten,
    "gtb-training": gtb_training,
}
