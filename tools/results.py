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
        rows.append((NAMES[arm], interval(numbers["welfare"], ".1f"), f"{exact:.1f}", f"{gap:.2f}", published))
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
                "–" if arm == "us_federal" else interval(gain, "+.1%"),
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
    told = lines[-1].removeprefix("total: ").replace(" 0 mismatches", " no mismatch")
    return f"Gather-Trade-Build: {told} at 1e-9.\n"


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


def interval(numbers: dict, form: str) -> str:
    """Mean and interval."""
    return f"{numbers['mean']:{form}} ({numbers['low']:{form}} to {numbers['high']:{form}})"


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
}
