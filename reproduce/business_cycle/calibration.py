"""Random policies in the published economy, held against the calibration table of its definition.

    python reproduce/business_cycle/calibration.py --replicas 2048 --seed 0

Consumers choose uniformly; firms uniformly among the named prices and wages; tax rates are constant from the second
quarter on. A row prints our mean with its standard error over replicas, the expected one, and the distance in standard
errors of the difference: that of both estimates, and half a unit of the last printed digit. The errors printed in the
table are smaller than those of 2,048 independent replicas, so that the distances are rather too large than too small.
"""

import argparse
import math
from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.knobs import Knobs, full_knobs
from fisc.economies.business_cycle.economy import BusinessCycle
from fisc.economies.business_cycle.setting import Setting, make_economy

NAMES = ("utility", "profit", "goods_made", "goods_consumed", "goods_exported", "welfare")
CHUNK = 128
"""Replicas at a time: what fits a processor's cache."""


@dataclass(frozen=True)
class Row:
    """One setting and what is expected of it: mean, last digit, and standard error of utility and profit."""

    title: str
    expected: tuple[float, ...]
    digits: tuple[int, ...]
    errors: tuple[float, float]
    """Of 2,048 replicas, as printed in the table."""
    labor: float = 1.0
    tax: float = 0.0
    chooses: bool = False
    """Whether firms choose among all prices and wages, and not only 1,000 dollars and 22 an hour."""
    setting: tuple[tuple[str, float], ...] = ()


FIXED_DIGITS, FREE_DIGITS = (3, 0, 2, 2, 2, 0), (3, 0, 1, 2, 2, 0)
CLOSED = (("export_quota", 0.0),)
ROWS = (
    Row("open, 1000, 22, labor costs nothing", (5.314, -43801, 67.20, 55.41, 4.20, -564), FIXED_DIGITS, (0.003, 35), 0),
    Row("labor at full cost", (3.222, -43801, 67.20, 55.41, 4.20, -773), FIXED_DIGITS, (0.002, 35)),
    Row("both taxes 0.4", (3.236, -45119, 67.20, 55.41, 4.20, -804), FIXED_DIGITS, (0.002, 30), tax=0.4),
    Row(
        "interest 0.1", (3.246, -43801, 67.20, 55.61, 4.00, -770), FIXED_DIGITS, (0.002, 35),
        setting=(("interest", 0.1),),
    ),
    Row(
        "initial wage 22", (3.627, -55252, 67.20, 59.60, 0.00, -1019), FIXED_DIGITS, (0.002, 41),
        setting=(("wage", 22.0),),
    ),
    Row("closed", (3.830, -41490, 70.49, 62.12, 0.00, -654), FIXED_DIGITS, (0.003, 39), setting=CLOSED),
    Row("open, all prices and wages", (4.736, 3469, 122.1, 72.84, 15.20, 560), FREE_DIGITS, (0.015, 298), chooses=True),
    Row(
        "all, both taxes 0.4", (5.623, -14405, 123.8, 81.87, 10.86, 202), FREE_DIGITS, (0.011, 281), tax=0.4,
        chooses=True,
    ),
    Row(
        "all, closed", (4.803, -17892, 106.4, 73.70, 0.00, 33), FREE_DIGITS, (0.015, 80), chooses=True, setting=CLOSED,
    ),
)  # fmt: skip

BY_QUARTER = (0, 1.97, 5.89, 6.04, 6.16, 6.29, 6.42, 6.56, 6.76, 6.96)
"""Mean utility in each quarter of the first row, from 128 replicas: to ± 0.02."""


def world(row: Row) -> tuple[BusinessCycle, Knobs]:
    """The economy of a row and what is open to its firms. A quota of 0 closes it, without another compilation."""
    economy = make_economy(Setting(fixed_taxes=(row.tax, row.tax), **dict(row.setting)))
    prices, wages, _ = economy.menus.firm_entries()
    is_open = jnp.ones(30, bool) if row.chooses else (prices == 1000) & (wages == 22)
    knobs = replace(full_knobs(("consumer", "firm")), labor_cost=jnp.asarray(row.labor, float), menu={"firm": is_open})
    return economy, knobs


@eqx.filter_jit
def play(economy: BusinessCycle, knobs: Knobs, key):
    """Metrics [replica] and utility by quarter [replica, t] of one chunk of replicas. `key`: consumed."""
    sizes = jnp.asarray(economy.spec.roles["consumer"].actions.sizes, jnp.int32)
    shape = (economy.num_consumers, sizes.shape[0])
    open_entries = economy.open_entries("firm", knobs)

    def step(state, key):
        key_consumer, key_firm = jax.random.split(key)
        wishes = jax.random.randint(key_consumer, shape, 0, sizes[None, :], jnp.int32)
        mask = jnp.broadcast_to(open_entries[None, :], (economy.num_firms, open_entries.shape[0]))
        offers = economy.spec.roles["firm"].actions.sample(key_firm, mask)
        after = economy.transition(state, {"consumer": wishes, "firm": offers}, economy.draw(None, state), knobs)
        return after.state, jnp.mean(after.rewards["consumer"])

    def episode(key):
        final, utility = jax.lax.scan(step, economy.init(key), jax.random.split(key, economy.steps))
        shown = economy.metrics(final)
        return {name: shown[name] for name in NAMES}, utility

    return jax.vmap(episode)(jax.random.split(key, CHUNK))


def sample(row: Row, replicas: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Metrics and utility by quarter of so many replicas."""
    economy, knobs = world(row)
    keys = jax.random.split(jax.random.key(seed), replicas // CHUNK)
    chunks = [jax.tree.map(np.asarray, play(economy, knobs, key)) for key in keys]
    return {n: np.concatenate([c[0][n] for c in chunks]) for n in NAMES}, np.concatenate([c[1] for c in chunks])


def distances(row: Row, found: dict[str, np.ndarray]) -> dict[str, tuple[float, float, float]]:
    """Mean, its standard error, and the distance from what is expected in standard errors of the difference."""
    result = {}
    for k, name in enumerate(NAMES):
        values = found[name].astype(float)
        error = values.std(ddof=1) / math.sqrt(len(values))
        theirs = row.errors[k] if k < 2 else values.std(ddof=1) / math.sqrt(2048)
        rounding = 0.5 * 10.0 ** -row.digits[k]
        gap = max(0.0, abs(values.mean() - row.expected[k]) - rounding)
        result[name] = (values.mean(), error, gap / max(math.hypot(error, theirs), 1e-12))
    return result


def main() -> None:
    """Play every row and print the table; fails if anything is more than three standard errors off."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicas", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    worst = 0.0
    print(f"{given.replicas} replicas, seed {given.seed}; each cell: ours (standard error) | expected | distance")
    for number, row in enumerate(ROWS):
        found, by_quarter = sample(row, given.replicas, given.seed + number)
        print(f"\n{row.title}")
        for (name, (mean, error, far)), value in zip(distances(row, found).items(), row.expected, strict=True):
            print(f"  {name:15} {mean:12.3f} ({error:8.3f}) | {value:10.2f} | {far:5.2f}")
            worst = max(worst, far)
        if number == 0:
            means = by_quarter.mean(axis=0)
            print("  by quarter     ", " ".join(f"{x:.2f}" for x in means))
            print("  expected ± 0.02", " ".join(f"{x:.2f}" for x in BY_QUARTER))
            assert np.abs(means - BY_QUARTER).max() < 0.03, "utility by quarter is off"
    print(f"\nlargest distance: {worst:.2f} standard errors in {len(ROWS) * len(NAMES)} numbers")
    assert worst <= 3.0, "more than three standard errors off"


if __name__ == "__main__":
    main()
