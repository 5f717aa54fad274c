"""Print what `run.sh` found beside the published figures, from the stored summaries."""

import json
from pathlib import Path

HERE = Path(__file__).parent
OBJECTIVE = "inverse_income_weighted_utility"
# Zheng et al. (2022), one-step economy, mean over 5 seeds at the end of training.
PUBLISHED = {"free_market": 144.442, "us_federal": 483.537, "saez": 777.794, "planner": 783.256}


def main() -> None:
    """Two tables in Markdown."""
    parts = {name: json.loads((HERE / f"{name}.json").read_text()) for name in "abc"}
    print("| | arm | welfare of its schedule or play, share of the optimum | target |")
    print("|---|---|---|---|")
    for part, arm, metric, text, target in (
        ("a", "planner", "welfare", "planner learns, workers exact", 0.99),
        ("b", "fixed", "welfare", "workers learn at the optimum", 0.98),
        ("c", "planner", "welfare_if_exact", "both learn: schedule, if workers were exact", 0.97),
        ("c", "planner", "welfare", "both learn: as played", 0.97),
    ):
        shares = ratios(parts[part], arm, metric)
        print(f"| {part} | {text} | {mean(shares):.4f} (seeds {min(shares):.4f} to {max(shares):.4f}) | {target} |")
    print("\n| arm | welfare (95 % interval) | if workers were exact | best-response gap (coin) | published |")
    print("|---|---|---|---|---|")
    for arm, numbers in parts["c"]["arms"].items():
        welfare = numbers[OBJECTIVE]
        exact, gap = numbers["welfare_if_exact"]["mean"], numbers["best_response_gap"]["mean"]
        print(
            f"| {arm} | {welfare['mean']:.1f} ({welfare['low']:.1f} to {welfare['high']:.1f}) | {exact:.1f} "
            f"| {gap:.2f} | {PUBLISHED.get(arm, '')} |"
        )


def ratios(summary: dict, arm: str, metric: str) -> list[float]:
    """An arm's metric over the optimum's welfare, seed by seed."""
    values, best = summary["arms"][arm][metric]["values"], summary["arms"]["optimum"]["welfare"]["values"]
    return [value / top for value, top in zip(values, best, strict=True)]


def mean(values: list[float]) -> float:
    """Arithmetic mean."""
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
