"""The episode's books in fisc, and the reference's metrics computed from them."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from fisc.econ import brackets
from fisc.economies.one_step.economy import OneStep

from .one_step_config import Setup
from .one_step_ours import View


class Books:
    """Every tax period of an episode: schedules, incomes and taxes."""

    def __init__(self, economy: OneStep, bracket_names: list[str]):
        self.economy, self.bracket_names = economy, bracket_names
        self.open()
        self.elasticity = 0.5
        self.coin = None

    def open(self) -> None:
        """Start an episode."""
        self.schedules: list[np.ndarray] = []
        self.incomes: list[np.ndarray] = []
        self.taxes: list[np.ndarray] = []

    def note_memory(self, state) -> None:
        """Remember the elasticity before a decision: the reference reports the estimate before the latest one."""
        if hasattr(state.treasury.memory, "elasticity") and int(state.step) % self.economy.steps_per_period == 0:
            self.elasticity = float(state.treasury.memory.elasticity)

    def close_period(self, state) -> None:
        """Write down a collection."""
        self.schedules.append(np.asarray(state.treasury.rates))
        self.incomes.append(np.asarray(state.treasury.incomes))
        self.taxes.append(np.asarray(state.treasury.taxes))
        self.coin = np.asarray(state.coin)

    def metrics(self, setup: Setup, view: View, their_coin: np.ndarray) -> dict[str, Any]:
        """The reference's metrics of a completed episode. `their_coin` only settles who is the richest of equals."""
        economy_wide = {name: float(value) for name, value in view.metrics.items()}
        metrics = {
            "social/productivity": economy_wide["productivity"] * len(self.coin),
            "social/equality": economy_wide["equality"],
            "social_welfare/coin_eq_times_productivity": economy_wide["equality_times_productivity"],
            "social_welfare/inv_income_weighted_utility": economy_wide["inverse_income_weighted_utility"],
            "endow/avg_agent/Coin": economy_wide["productivity"],
            "endogenous/avg_agent/Labor": economy_wide["labor"],
            "util/avg_agent": economy_wide["utilitarian"],
            "endow/p/Coin": 0.0,
            "util/p": economy_wide["welfare"],
        }
        return {
            **metrics,
            **{f"PeriodicTax/{name}": value for name, value in self._tax_metrics(setup, their_coin).items()},
        }

    def _tax_metrics(self, setup: Setup, their_coin: np.ndarray) -> dict[str, float]:
        incomes, taxes, schedules = np.array(self.incomes), np.array(self.taxes), np.array(self.schedules)
        index = np.asarray(brackets.bracket_index(jnp.asarray(incomes), self.economy.tax.cutoffs))
        metrics = {}
        for b, name in enumerate(self.bracket_names):
            metrics[f"avg_bracket_rate/{name}"] = schedules[:, b].mean()
            metrics[f"bracket_occupancy/{name}"] = (index == b).mean()
        if setup.tax["disable_taxes"]:
            return metrics
        metrics["avg_effective_tax_rate"] = (taxes / np.maximum(incomes, brackets.SMALLEST_INCOME)).mean()
        metrics["total_collected_taxes"] = taxes.sum()
        for tag, sign in (("poorest", -1.0), ("richest", 1.0)):
            i = _first_of_the_most(sign * self.coin, sign * their_coin)
            metrics[f"avg_tax_rate/{tag}"] = taxes[:, i].sum() / max(0.001, incomes[:, i].sum())
        if setup.is_saez:
            metrics["saez/estimated_elasticity"] = self.elasticity
        return metrics


def _first_of_the_most(ours: np.ndarray, theirs: np.ndarray) -> int:
    """Index of the largest number; among numbers that are equal up to rounding, the one that is largest in theirs.

    A tax of 100 % leaves everybody with the lump sum, and then rounding would decide who is called the richest.
    """
    is_equal = ours >= ours.max() - 1e-9 * max(1.0, abs(ours.max()))
    return int(np.argmax(np.where(is_equal, theirs, -np.inf)))
