"""The reference's metrics of an episode, computed from the journal of fisc."""

from typing import Any

import numpy as np

from .gtb_config import Setup
from .gtb_ours import View, at
from .one_step_books import _first_of_the_most

GOODS = ("Stone", "Wood")


class Books:
    """An episode's metrics."""

    def __init__(self, setup: Setup, bracket_names: list[str], episode: View):
        self.setup, self.bracket_names, self.view = setup, bracket_names, at(episode, -1)
        if setup.is_saez:
            # The reference reports the estimate before the latest decision, which was at the start of the last period.
            self.elasticity = float(episode.state.treasury.memory.elasticity[-1 - setup.period])

    def metrics(self, theirs: dict[str, Any]) -> dict[str, Any]:
        """The reference's metrics of a completed episode. `theirs` only settles who is the richest of equals."""
        view = self.view
        state, n = view.state, len(view.coin)
        economy_wide = {name: float(value) for name, value in view.metrics.items()}
        coin, goods = view.coin, state.goods + view.goods_in_escrow
        held = {"Coin": coin, **dict(zip(GOODS, goods, strict=True))}
        found = {
            "social/productivity": economy_wide["productivity"] * n,
            "social/equality": economy_wide["equality"],
            "social_welfare/coin_eq_times_productivity": economy_wide["equality_times_productivity"],
            "social_welfare/inv_income_weighted_coin_endow": economy_wide["inverse_income_weighted_coin"],
            "social_welfare/inv_income_weighted_utility": economy_wide["inverse_income_weighted_utility"],
            "util/p": float(state.welfare),
            "labor/weighted_cost": float(view.labor_weight) * self.setup.environment["energy_cost"],
            "labor/warmup_integrator": int(state.rewarding_steps),
            **{f"endow/p/{good}": 0.0 for good in held},
        }
        for i in range(n):
            found |= {f"endow/{i}/{good}": amount[i] for good, amount in held.items()}
            found |= {f"endogenous/{i}/Labor": state.labor[i], f"util/{i}": state.utility[i]}
        if "Build" in self.setup.listed:
            found |= {f"Build/{i}/n_builds": state.journal.builds[i] for i in range(n)}
            found["Build/total_builds"] = state.journal.builds.sum()
        if "ContinuousDoubleAuction" in self.setup.listed:
            found |= {f"Trade/{name}": value for name, value in _trade(state.journal, n).items()}
        if self.setup.has_taxes:
            their_coin = theirs["inventory"]["Coin"] + theirs["escrow"]["Coin"]
            found |= {
                f"PeriodicTax/{name}": value for name, value in self._tax(state.journal, coin, their_coin).items()
            }
        return found

    def _tax(self, journal, coin: np.ndarray, their_coin: np.ndarray) -> dict[str, float]:
        periods, found = int(journal.periods), {}
        for b, name in enumerate(self.bracket_names):
            found[f"avg_bracket_rate/{name}"] = journal.rates[b] / periods
            found[f"bracket_occupancy/{name}"] = journal.occupancy[b] / max(1, journal.occupancy.sum())
        if self.setup.tax["disable_taxes"]:
            return found
        found["avg_effective_tax_rate"] = journal.effective_rates / periods
        found["total_collected_taxes"] = journal.taxes.sum()
        for tag, sign in (("poorest", -1.0), ("richest", 1.0)):
            i = _first_of_the_most(sign * coin, sign * their_coin)
            found[f"avg_tax_rate/{tag}"] = journal.taxes[i] / max(0.001, journal.incomes[i])
        if self.setup.is_saez:
            found["saez/estimated_elasticity"] = self.elasticity
        return found


def _trade(journal, n: int) -> dict[str, float]:
    """Means over a citizen's sales and purchases; -1 in place of the reference's NaN where there were none."""
    found: dict[str, float] = {"n_trades": journal.sales.sum()}
    for i in range(n):
        for g, good in enumerate(GOODS):
            for verb, units, money in (
                ("Sell", journal.sales[g, i], journal.earnings[g, i]),
                ("Buy", journal.purchases[g, i], journal.spending[g, i]),
            ):
                mean = money / units if units else -1.0
                found |= {f"{i}/{verb}{good}/{key}": mean for key in ("price", "cost", "income")}
                found[f"{i}/{verb}{good}/n_sales"] = units
    return found
