"""Tables of stored results, in Markdown: what `reproduce/` and `benchmarks/results/` hold, and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Zheng et al. (2022), one-step economy, mean over 5 seeds at the end of training.
PUBLISHED = {"free_market": 144.442, "us_federal": 483.537, "saez": 777.794, "planner": 783.256}
NAMES = {
    "saez_estimated": "Saez, estimated",
    "planner": "learned planner",
    "optimum": "exact optimum",
    "saez": "Saez formula",
    "flat": "best flat tax",
    "us_federal": "US federal law",
    "free_market": "free market",
}


def stored(path: str) -> Any:
    """A stored JSON file, by its path in the repository."""
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines) + "\n"


def one_step_shares() -> str:
    """How near learning comes to the exact optimum of the one-step economy."""
    parts = {name: stored(f"reproduce/one_step/{name}.json") for name in "abc"}
    rows = []
    for part, arm, metric, text, target in (
        ("a", "planner", "welfare", "planner learns, workers exact", 0.99),
        ("b", "fixed", "welfare", "workers learn at the optimum", 0.98),
        ("c", "planner", "welfare_if_exact", "both learn: schedule, if workers were exact", 0.97),
        ("c", "planner", "welfare", "both learn: as played", 0.97),
    ):
        shares = _shares(parts[part], arm, metric)
        mean = sum(shares) / len(shares)
        rows.append((part, text, f"{mean:.4f} (seeds {min(shares):.4f} to {max(shares):.4f})", f"{target}"))
    return table(("", "arm", "share of the exact optimum's welfare", "goal"), rows)


def one_step_arms() -> str:
    """Every arm of the one-step comparison, beside the published figures."""
    rows = []
    for arm, numbers in stored("reproduce/one_step/c.json")["arms"].items():
        exact, gap = numbers["welfare_if_exact"]["mean"], numbers["best_response_gap"]["mean"]
        published = f"{PUBLISHED[arm]:.1f}" if arm in PUBLISHED else "–"
        rows.append((NAMES[arm], _interval(numbers["welfare"], ".1f"), f"{exact:.1f}", f"{gap:.2f}", published))
    head = ("tax system", "welfare (95 % interval)", "if workers were exact", "best-response gap (coin)", "published")
    return table(head, rows)


def frontier() -> str:
    """How near one planner comes to the exact frontier of the one-step economy, weight by weight."""
    found = stored("reproduce/frontier/summary.json")["frontier"]
    learned, exact = found["arms"]["planner"], found["arms"]["optimum"]
    others = {arm: numbers for arm, numbers in found["arms"].items() if arm not in ("planner", "optimum")}
    rows = []
    for k, weight in enumerate(found["weights"]):
        ratio = learned["fraction_of_optimum"][k]
        best = max(others, key=lambda arm: others[arm]["fraction_of_optimum"][k]["mean"])
        points = (
            f"{side['productivity'][k]['mean']:,.0f}, {side['equality'][k]['mean']:.3f}" for side in (learned, exact)
        )
        share = f"{ratio['mean']:.4f} ({min(ratio['values']):.4f} to {max(ratio['values']):.4f})"
        hindsight = f"{others[best]['fraction_of_optimum'][k]['mean']:.3f} ({NAMES[best]})"
        rows.append((f"{weight:g}", *points, share, hindsight))
    head = ("weight", "learned: productivity, equality", "exact", "learned / exact", "best other arm / exact")
    return table(head, rows)


def one_step_contrast(first: str, second: str) -> str:
    """A difference of two arms as played, paired by seed, as a sentence."""
    found = stored("reproduce/one_step/c.json")["contrasts"][f"{first}-{second}"]
    size = f"{found['mean']:+.2f} (95 % interval {found['low']:+.2f} to {found['high']:+.2f})"
    return f"As played, the {NAMES[first]} less the {NAMES[second]}, paired by seed: {size}.\n"


def us_arms() -> str:
    """Every arm of the comparison on US wages and law, best first."""
    arms = stored("reproduce/us_2024/summary.json")["arms"]
    order = sorted(arms, key=lambda arm: -arms[arm]["welfare"]["mean"])
    rows = []
    for arm in order:
        mean = {name: numbers["mean"] for name, numbers in arms[arm].items() if isinstance(numbers, dict)}
        gain = arms[arm]["consumption_equivalent"]
        rows.append(
            (
                NAMES[arm],
                "–" if arm == "us_federal" else _interval(gain, "+.1%"),
                f"{mean['welfare']:.3f}",
                f"{mean['equality']:.3f}",
                f"${mean['productivity']:,.0f}",
                f"{mean['labor']:,.0f}",
                f"{mean['average_tax_rate']:.1%}",
            )
        )
    head = ("tax system", "gain over law (95 % interval)", "welfare", "equality", "income", "hours", "average tax")
    return table(head, rows)


def one_step_speed() -> str:
    """Steps per second beside the reference program."""
    found = stored("benchmarks/results/one_step_speed.json")
    compiled = found["training_block_compile_seconds"]["workers and planner"]
    return (
        f"{found['ours']['steps_per_second']:,.0f} against {found['reference']['steps_per_second']:,.0f} environment "
        f"steps a second, observations of {found['workers']} workers and a planner included: "
        f"**{found['ratio']:,.0f} times** the reference program, both on {found['machine']['cores']} cores in one run. "
        f"A training block of workers and planner takes {compiled['trace']:.1f} s to trace and "
        f"{compiled['compile']:.1f} s to compile.\n"
    )


def us_scaling() -> str:
    """Seconds and memory by number of workers."""
    rows = [
        (
            f"{row['workers']:,}",
            f"{row['seconds']:.0f}",
            f"{row['seconds_per_update']:.3f}",
            f"{row['peak_memory_mib']:,.0f}",
        )
        for row in stored("benchmarks/results/us_2024_scaling.json")["rows"]
    ]
    return table(("workers", "whole run (s)", "one update (s)", "peak memory (MiB)"), rows)


def parity() -> str:
    """How much of the one-step economy was compared with the reference program."""
    lines = (ROOT / "reproduce/parity/one_step.txt").read_text(encoding="utf-8").splitlines()
    agreed = [line.split(": ", 3)[-1] for line in lines if ": agreed: " in line]
    counts = [[int(part.split()[0].replace(",", "")) for part in text.split("(")[0].split(", ")[:3]] for text in agreed]
    episodes, steps, values = (sum(column) for column in zip(*counts, strict=True))
    return (
        f"{len(agreed)} of {len(lines)} configurations agree in full: {episodes:,} episodes, {steps:,} steps, "
        f"{values:,} values, no mismatch at 1e-9.\n"
    )


def gtb_parity() -> str:
    """How much of Gather-Trade-Build was compared with the reference program."""
    lines = (ROOT / "reproduce/parity/gather_trade_build.txt").read_text(encoding="utf-8").splitlines()
    told = lines[-1].removeprefix("total: ")
    return f"Gather-Trade-Build: {told.replace('1 mismatches', '1 mismatch')} at 1e-9.\n"


def gtb_speed() -> str:
    """Steps per second beside the reference program, by number of citizens."""
    found = stored("benchmarks/results/gather_trade_build_speed.json")
    rows = []
    for agents, one in found["agents"].items():
        step, observe, policy = (one[mode] for mode in ("step", "observe", "policy"))
        speed = lambda mode, side: f"{mode[side]['steps_per_second']:,.0f}"  # noqa: E731
        rows.append(
            (
                agents,
                *[
                    f"{speed(mode, 'ours')} ({mode['ratio']['steps_per_second']:,.0f}×)"
                    for mode in (step, observe, policy)
                ],
                speed(observe, "reference"),
                f"{one['memory_per_environment']['state_bytes'] / 1024:,.0f}",
                f"{observe['ours']['trace_and_compile_seconds']:.0f}",
            )
        )
    head = (
        "citizens",
        "step",
        "+ observations",
        "+ small policy",
        "reference, observing",
        "KiB a world",
        "compile (s)",
    )
    return table(head, rows) + "\nEnvironment steps a second on all cores; in brackets times the reference program.\n"


def gtb_soak() -> str:
    """The long run in which every promise is checked at every step."""
    found = stored("benchmarks/results/gather_trade_build_soak.json")
    return (
        f"{found['steps']:,} steps in {found['configurations']:,} random worlds, {found['checks']:,} checks, "
        f"{found['violations']:,} broken promises, in {found['seconds'] / 60:.1f} minutes on two cores.\n"
    )


def _shares(summary: dict, arm: str, metric: str) -> list[float]:
    """An arm's metric over the optimum's welfare, seed by seed."""
    values, best = summary["arms"][arm][metric]["values"], summary["arms"]["optimum"]["welfare"]["values"]
    return [value / top for value, top in zip(values, best, strict=True)]


def _interval(numbers: dict, form: str) -> str:
    """Mean and interval."""
    return f"{numbers['mean']:{form}} ({numbers['low']:{form}} to {numbers['high']:{form}})"


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
                _interval(found["welfare"], ",.0f"),
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
        welfare = _interval(found["welfare"], ",.0f")
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
    "frontier": frontier,
    "one-step-shares": one_step_shares,
    "one-step-arms": one_step_arms,
    "one-step-contrast": one_step_contrast,
    "one-step-speed": one_step_speed,
    "us-arms": us_arms,
    "us-scaling": us_scaling,
    "parity": parity,
    "gtb-parity": gtb_parity,
    "gtb-speed": gtb_speed,
    "gtb-soak": gtb_soak,
    "cycle-arms": cycle_arms,
    "cycle-speed": cycle_speed,
    "cycle-contrasts": cycle_contrasts,
    "cycle-lines": cycle_lines,
    "cycle-without": cycle_without,
    "cycle-best-responses": cycle_best_responses,
    "cycle-course": cycle_course,
}
