"""The planner's exact problem: the schedule of highest welfare when every citizen responds exactly.

Two solvers over bracket rates: coordinate ascent on a grid, and gradients from several starts finished by a search.
Run them in float64 (`fisc solve` does): the welfare landscape is flat near its top. Axis `b`: brackets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize

from fisc.econ.welfare import marginal_welfare_weights
from fisc.economies.one_step.best_response import outcome, require_exact
from fisc.economies.one_step.economy import OneStep

CHUNK = 4_000_000
"""Citizens × schedules evaluated at once: bounds the memory of a search over 100,000 citizens."""

STARTS = 8
"""Starting points of a search: welfare has local optima, most of all with few citizens or labor on a grid."""

MANY = 5000
"""Citizens from which welfare is smooth enough that gradients find the optimum and the search only polishes it."""


@dataclass(frozen=True)
class Solution:
    """A schedule and what it achieves."""

    rates: np.ndarray
    welfare: float
    starts: tuple[float, ...]
    """Welfare reached from each starting point: how much the search depends on where it begins."""


def welfare_of(economy: OneStep) -> Callable[[Float[Array, "k b"]], np.ndarray]:
    """Make a function from k schedules to their k welfares under exact best responses.

    Raises:
        ConfigError: if the preferences have an income effect.
    """
    require_exact(economy)
    num = economy.skills.shape[0]

    @eqx.filter_jit
    def evaluate(economy, batch):
        """As many schedules at once as memory allows."""
        size = max(1, min(batch.shape[0], CHUNK // num))
        return jax.lax.map(lambda rates: outcome(economy, rates).welfare, batch, batch_size=size)

    return lambda batch: np.asarray(evaluate(economy, jnp.asarray(batch, economy.skills.dtype)))


def solve_on_grid(economy: OneStep, step: float = 0.05, num_starts: int = STARTS, seed: int = 0) -> Solution:
    """Search {0, step, …, 1}^b until no change of one bracket, nor of two or three by a step each, is an improvement.

    Starts from the flat half and from `num_starts - 1` random schedules.

    Raises:
        ConfigError: if the preferences have an income effect.
    """
    welfare = welfare_of(economy)
    grid = np.arange(round(1 / step) + 1) * step
    num_brackets = economy.tax.cutoffs.shape[0]
    rng = np.random.default_rng(seed)
    starts = [np.full(num_brackets, grid[len(grid) // 2])]
    starts += [rng.choice(grid, num_brackets) for _ in range(num_starts - 1)]
    results = [_ascend(welfare, start, lambda rate: grid) for start in starts]
    finished: dict[tuple[float, ...], tuple[np.ndarray, float]] = {}
    for rates, value in results:
        if (key := tuple(rates.round(6))) not in finished:
            finished[key] = _ascend_jointly(welfare, rates, value, step)
    return _best([finished[tuple(rates.round(6))] for rates, _ in results])


def solve(economy: OneStep, num_starts: int = STARTS, seed: int = 0, tolerance: float = 2e-4) -> Solution:
    """Continuous optimum of the bracket rates: gradients from several starts, then a search along each bracket.

    The gradient of exact best responses misses citizens who jump between brackets, so a shrinking search around the
    gradient's optimum has the last word. With labor on a grid there is no gradient, and the search alone has to do; one
    of its starting points is then the optimum on a grid of rates.

    Args:
        economy: with preferences that have no income effect.
        num_starts: starting points; the first is the flat half.
        seed: of the random starting points.
        tolerance: rates are searched down to this step.

    Raises:
        ConfigError: if the preferences have an income effect.
    """
    welfare = welfare_of(economy)
    num_brackets = economy.tax.cutoffs.shape[0]
    rng = np.random.default_rng(seed)
    starts = [np.full(num_brackets, 0.5), *rng.uniform(0.1, 0.9, (num_starts - 1, num_brackets))]
    is_smooth = hasattr(economy.labor, "high") and economy.skills.shape[0] >= MANY
    if hasattr(economy.labor, "high"):
        starts = [_climb(economy, start) for start in starts]
    else:
        starts[-1] = solve_on_grid(economy, num_starts=num_starts, seed=seed).rates
    if is_smooth:
        reached = welfare(np.stack(starts))
        rates, value = _refine(welfare, starts[int(np.argmax(reached))], tolerance, first_step=0.02)
        return Solution(rates, value, tuple(float(w) for w in reached))
    found = _best([_refine(welfare, start, tolerance, first_step=0.1) for start in starts])
    rates, value, step = found.rates, found.welfare, 0.02
    while step > tolerance:
        rates, value = _ascend_jointly(welfare, rates, value, step)
        step /= 4
    return Solution(rates, value, found.starts)


def solve_flat(economy: OneStep, tolerance: float = 1e-3) -> Solution:
    """The best single rate for all incomes.

    Raises:
        ConfigError: if the preferences have an income effect.
    """
    welfare = welfare_of(economy)
    num_brackets = economy.tax.cutoffs.shape[0]
    low, high, count = 0.0, 1.0, 21
    while True:
        rates = np.linspace(low, high, count)
        values = welfare(np.repeat(rates[:, None], num_brackets, axis=1))
        best, step = int(np.argmax(values)), rates[1] - rates[0]
        if step <= tolerance:
            return Solution(np.full(num_brackets, rates[best]), float(values[best]), (float(values[best]),))
        low, high = max(0.0, rates[best] - step), min(1.0, rates[best] + step)


def weights_of(economy: OneStep, rates: Float[Array, " b"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Incomes under a schedule, and the marginal welfare weights of the economy's own objective."""
    reached = outcome(economy, rates)

    def utility(consumption):
        """Utility at the hours that were chosen."""
        return economy.preferences.utility(consumption, reached.hours, jnp.ones((), rates.dtype))

    return reached.income, marginal_welfare_weights(economy.objective, utility, reached.consumption, reached.income)


def _climb(economy: OneStep, start: np.ndarray) -> np.ndarray:
    """Quasi-Newton ascent within [0, 1]^b."""
    scale = max(1e-9, abs(float(outcome(economy, jnp.asarray(start, economy.skills.dtype)).welfare)))

    @eqx.filter_jit
    def loss(economy, rates):
        """What is minimized, with its gradient."""
        return eqx.filter_value_and_grad(lambda r: -outcome(economy, r).welfare / scale)(rates)

    def both(rates):
        """The same for scipy, in its types."""
        value, gradient = loss(economy, jnp.asarray(rates, economy.skills.dtype))
        return float(value), np.nan_to_num(np.asarray(gradient, float))

    found = minimize(both, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 0.999)] * len(start))
    return np.clip(found.x, 0.0, 1.0)


def _ascend(welfare, start: np.ndarray, choices: Callable[[float], Sequence[float]]) -> tuple[np.ndarray, float]:
    """Improve one bracket after the other by the best of its choices until a whole round changes nothing."""
    rates, value = start.copy(), float(welfare(start[None])[0])
    improved = True
    while improved:
        improved = False
        for b in range(len(rates)):
            options = np.asarray(choices(rates[b]))
            batch = np.repeat(rates[None], len(options), axis=0)
            batch[:, b] = options
            values = welfare(batch)
            best = int(np.argmax(values))
            if values[best] > value + 1e-9 * abs(value):
                rates, value, improved = batch[best], float(values[best]), True
    return rates, value


def _ascend_jointly(welfare, rates: np.ndarray, value: float, step: float) -> tuple[np.ndarray, float]:
    """Move up to three brackets by one step each, as long as that improves on what one bracket after another found."""
    moves = [
        np.bincount(which, np.array(signs) * step, len(rates))
        for size in (1, 2, 3)
        for which in combinations(range(len(rates)), min(size, len(rates)))
        for signs in product((-1.0, 1.0), repeat=min(size, len(rates)))
    ]
    while True:
        batch = np.clip(rates + np.stack(moves), 0.0, 1.0)
        values = welfare(batch)
        best = int(np.argmax(values))
        if values[best] <= value + 1e-9 * abs(value):
            return rates, value
        rates, value = batch[best], float(values[best])


def _refine(welfare, start: np.ndarray, tolerance: float, first_step: float) -> tuple[np.ndarray, float]:
    """Coordinate ascent on ever finer neighborhoods, down to a step of `tolerance`."""
    rates, step = start, first_step
    value = -np.inf
    while step > tolerance:
        offsets = step * np.arange(-5, 6) / 5
        rates, value = _ascend(welfare, rates, lambda rate, offsets=offsets: np.clip(rate + offsets, 0.0, 1.0))
        step /= 4
    return rates, value


def _best(results: Sequence[tuple[np.ndarray, float]]) -> Solution:
    rates, welfare = max(results, key=lambda result: result[1])
    return Solution(rates, welfare, tuple(value for _, value in results))
