"""How often a 95 % interval over few seeds holds the mean: python reproduce/intervals/coverage.py [--samples 3000]

Prints the table of decision 0031, which is stored in coverage.txt: percentiles of resampled means, plain and as wide as
`fisc.analysis.intervals.tail` takes them.
"""

import argparse

import numpy as np

from fisc.analysis.intervals import tail

SEEDS = (3, 4, 5, 6, 8, 10, 20)
RESAMPLES = 4_000
PLAIN = 0.025


def coverage(law: str, num: int, left_out: float, samples: int) -> float:
    """The share of samples of `num` values whose interval holds the mean of the law."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(samples):
        values = rng.normal(size=num) if law == "normal" else rng.exponential(size=num) - 1.0
        means = values[rng.integers(num, size=(RESAMPLES, num))].mean(axis=1)
        low, high = np.quantile(means, [left_out, 1 - left_out])
        held += low <= 0 <= high
    return held / samples


def main() -> None:
    """Print a row for each number of seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=3_000)
    samples = parser.parse_args().samples
    print("| seeds | plain, normal law | expanded, normal law | expanded, exponential law |")
    print("| --- | --- | --- | --- |")
    for num in SEEDS:
        wide = tail(num)
        cells = (("normal", PLAIN), ("normal", wide), ("exponential", wide))
        print(f"| {num} | " + " | ".join(f"{coverage(law, num, out, samples):.2f}" for law, out in cells) + " |")


if __name__ == "__main__":
    main()
