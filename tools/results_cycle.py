"""Tables of the business cycle, in Markdown: what its stored results and benchmarks say."""

from collections.abc import Callable

from results import interval, stored, table

CYCLE = "reproduce/business_cycle"
"""Where the results of the business cycle are."""


def cycle_arms() -> str:
    """Every tax system of the business cycle, best first."""
    arms = stored(f"{CYCLE}/rbc_small.json")["arms"]
    rows = []
    for arm in sorted(arms, key=lambda arm: -arms[arm]["welfare"]["mean"]):
        found = arms[arm]
        mean = {name: numbers["mean"] for name, numbers in found.items() if isinstance(numbers, dict)}
        rate = f"{mean['income_tax_rate']:.0%}, {mean['corporate_tax_rate']:.0%}"
        rows.append(
            (
                _of_cycle(arm),
                interval(found["welfare"], ",.0f"),
                f"{max(found['welfare']['values']):,.0f}",
                f"{mean['utility']:.2f}",
                f"{mean['profit']:,.0f}",
                f"{mean['price']:,.0f}",
                f"{mean['wage']:.1f}",
                f"{mean['labor']:,.0f}",
                rate,
                f"{sum(found['collapsed']['values']):.0f} of {len(found['collapsed']['values'])}",
            )
        )
    head = (
        "tax system", "total welfare (95 % interval)", "best seed", "utility", "profit", "price", "wage", "hours",
        "tax on income, profit", "collapsed",
    )  # fmt: skip
    return table(head, rows)


def cycle_contrasts() -> str:
    """What learned taxes bring beyond the best rate that is given, by means over seeds and by best seeds."""
    found = stored(f"{CYCLE}/rbc_small.json")
    given = {arm: numbers["welfare"] for arm, numbers in found["arms"].items() if arm != "planner"}
    best, luckiest = (max(given, key=lambda arm: pick(given[arm])) for pick in (_mean, _highest))
    contrast, learned = found["contrasts"][f"planner-{best}"], found["arms"]["planner"]["welfare"]
    size = f"{contrast['mean']:+,.0f} (95 % interval {contrast['low']:+,.0f} to {contrast['high']:+,.0f})"
    return (
        f"Learned taxes less {_of_cycle(best)}, the best by its mean, paired by seed: {size}, "
        f"{contrast['relative']:+.1%}. Best seed against best seed, as in the paper: "
        f"{_highest(learned):,.0f} against {_highest(given[luckiest]):,.0f} ({_of_cycle(luckiest)}), "
        f"{_highest(learned) / _highest(given[luckiest]) - 1:+.1%}.\n"
    )


def cycle_lines() -> str:
    """How outcomes go together over all runs of the business cycle."""
    rows = []
    for line in stored(f"{CYCLE}/rbc_small.json")["outcomes"]:
        slope = f"{line['slope']:.3g} ({line['low']:.3g} to {line['high']:.3g})"
        expected = {None: "–", 1: "rising", -1: "falling"}[line["expected"]]
        rows.append((f"{line['y']} on {line['x']}".replace("_", " "), slope, f"{line['r2']:.2f}", expected))
    return table(("line", "slope (95 % interval)", "r²", "expected"), rows)


def cycle_without() -> str:
    """The learned government with the curriculum and without it."""
    rows = []
    for name, text in (("rbc_small", "with"), ("no_curriculum", "without")):
        found = stored(f"{CYCLE}/{name}.json")["arms"]["planner"]
        collapsed = found["collapsed"]["values"]
        welfare = interval(found["welfare"], ",.0f")
        rates = f"{found['income_tax_rate']['mean']:.0%}, {found['corporate_tax_rate']['mean']:.0%}"
        seeds = ", ".join(f"{value:,.0f}" for value in found["welfare"]["values"])
        rows.append((text, welfare, seeds, rates, f"{sum(collapsed):.0f} of {len(collapsed)}"))
    return table(("curriculum", "total welfare (95 % interval)", "seeds", "tax on income, profit", "collapsed"), rows)


def cycle_best_responses() -> str:
    """What each role of the business cycle could still gain at the end of training."""
    rows = []
    for role, published in (("consumer", "< 3 %"), ("firm", "< 10 %"), ("government", "< 1 %")):
        found = stored(f"{CYCLE}/best_response_{role}.json")
        before, gain, share = found["rewards"]["trained"]["mean"], found["gain"], found["relative"]
        digits = ",.2f" if abs(before) < 100 else ",.0f"
        recipes = "; ".join(sorted(set(found["kept_recipe"])))
        rows.append(
            (
                role,
                format(before, digits),
                f"{gain['mean']:+{digits}} ({gain['low']:+{digits}} to {gain['high']:+{digits}})",
                "–" if share["mean"] is None else f"{share['mean']:+.1%} ({share['low']:+.1%} to {share['high']:+.1%})",
                published,
                f"{found['relative_to_before']['mean']:+.1%}",
                recipes,
            )
        )
    head = (
        "role", "reward of an episode", "gain by retraining alone (all seeds)", "relative to the gain in training",
        "published", "relative to before", "kept",
    )  # fmt: skip
    return table(head, rows)


def cycle_course() -> str:
    """What each role of the business cycle could gain before, amid and after training."""
    rows = []
    for role in ("consumer", "firm", "government"):
        for moment in (0, 750, 1500):
            found = stored(f"{CYCLE}/course/{role}-{moment}.json")
            start = found["rewards"]["untrained" if moment == 0 else "trained"]["mean"]
            gain, share, size = found["gain"]["mean"], found["relative"]["mean"], found["relative_to_before"]["mean"]
            digits = ",.2f" if abs(start) < 100 else ",.0f"
            relative = "–" if share is None else f"{share:+.1%}"
            rows.append(
                (role, f"{moment:,}", format(start, digits), format(gain, f"+{digits}"), relative, f"{size:+.1%}")
            )
    head = ("role", "after updates", "reward", "gain by retraining alone", "of the gain in training", "of the reward")
    return table(head, rows)


def cycle_speed() -> str:
    """Steps a second of the business cycle by its size, and episodes a second while all learn."""
    found = stored("benchmarks/results/business_cycle_speed.json")
    rows = []
    for row in found["step"] + [row for row in found["consumers"] if row["consumers"] > 100]:
        rows.append(("steps, random policies", *_of_speed(row, f"{row['consumers']:,}")))
    for row in found["training"]:
        rows.append(("episodes of 10 steps, all learn", *_of_speed(row, "100")))
    head = ("what", "consumers", "replicas a core", "a second", "a second of processor time", "trace and compile (s)")
    return table(head, rows)


def _of_speed(row: dict, consumers: str) -> tuple[str, ...]:
    speeds = (f"{row[name]:,.0f}" for name in ("per_second", "per_cpu_second"))
    return (consumers, f"{row['replicas']}", *speeds, f"{row['trace_and_compile_seconds']:.1f}")


def _of_cycle(arm: str) -> str:
    names = {"planner": "learned taxes", "free_market": "0 %"}
    return names.get(arm, f"{arm.removeprefix('flat_')} %")


def _mean(numbers: dict) -> float:
    return numbers["mean"]


def _highest(numbers: dict) -> float:
    return max(numbers["values"])


TABLES: dict[str, Callable[..., str]] = {
    "cycle-arms": cycle_arms,
    "cycle-speed": cycle_speed,
    "cycle-contrasts": cycle_contrasts,
    "cycle-lines": cycle_lines,
    "cycle-without": cycle_without,
    "cycle-best-responses": cycle_best_responses,
    "cycle-course": cycle_course,
}
