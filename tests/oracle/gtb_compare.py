"""Everything that is compared of an episode of Gather-Trade-Build, kind by kind.

Arrays of fisc have the moments on their leading axis; the reference's snapshots are stacked to match.
"""

from typing import Any

import numpy as np

from fisc.economies.gather_trade_build.economy import GatherTradeBuild

from . import gtb_view
from .gtb_config import Setup
from .gtb_ours import View
from .gtb_series import Series, numbered, stacked
from .one_step_view import StaleRates

TOLERANCE = 1e-9
FLAT_TOLERANCE = 1e-6
"""Flattened observations of the reference are in single precision."""
LEDGER_TOLERANCE = 1e-12
GOODS = gtb_view.GOODS
TABLES = ("builds", "gathers")
"""What snapshots keep as a table whose length varies."""


class Comparison:
    """One episode of both programs."""

    def __init__(self, setup: Setup, economy: GatherTradeBuild, view: View, snapshots: list[dict], series: Series):
        self.setup, self.economy, self.view, self.snapshots = setup, economy, view, snapshots
        self.check, self.series = series.check, series
        wanted = [key for key in snapshots[0] if key not in (*TABLES, "market", "tax", "metrics", "done")]
        self.theirs = stacked([{key: snapshot[key] for key in wanted} for snapshot in snapshots])

    def run(self, sizes, bracket_names: list[str], stale: StaleRates | None) -> None:
        """Compare everything. `sizes`: of a citizen's menus, see `gtb_view.masks`."""
        self._world()
        self._citizens()
        self._rewards()
        if "market" in self.snapshots[0]:
            self._market()
        if "tax" in self.snapshots[0]:
            self._tax(stale)
        if self.setup.is_saez:
            self._saez()
        self._events()
        self._observations(sizes, bracket_names, stale)

    def _world(self) -> None:
        state, maps = self.view.state, self.theirs["maps"]
        for g, good in enumerate(GOODS):
            self.check("map", good, self.view.units[:, g], maps[good])
            self.check("map", f"{good} sources", state.terrain.slots[:, g] >= 0, maps[f"{good}Source"])
        self.check("map", "houses", state.owner >= 0, maps["House"])
        self.check("map", "owners", state.owner, maps["HouseOwner"])
        self.check("map", "water", state.terrain.water, maps["Water"])

    def _citizens(self) -> None:
        view, state, theirs, check = self.view, self.view.state, self.theirs, self.check
        width = state.owner.shape[2]
        check("citizen", "locations", np.stack([state.cell // width, state.cell % width], 2), theirs["locations"])
        check("citizen", "purses", state.coin, theirs["inventory"]["Coin"])
        check("citizen", "coin in escrow", view.coin_in_escrow, theirs["escrow"]["Coin"])
        for g, good in enumerate(GOODS):
            check("citizen", good, state.goods[:, g], theirs["inventory"][good])
            check("citizen", f"{good} in escrow", view.goods_in_escrow[:, g], theirs["escrow"][good])
        check("citizen", "labor", state.labor, theirs["labor"])
        fields = {"build_payment": state.build_payment, "build_skill": state.build_skill}
        for field, mine in (fields | {"bonus_gather_prob": state.gather_bonus}).items():
            if field in theirs:
                check("citizen", field, mine, theirs[field])

    def _rewards(self) -> None:
        view, state, theirs, check = self.view, self.view.state, self.theirs, self.check
        check("utility", "of citizens", state.utility, theirs["utilities"])
        check("utility", "welfare", state.welfare, theirs["welfare"])
        check("utility", "warm-up", state.rewarding_steps, theirs["warmup_integrator"])
        # The reference counts an episode as completed in its last step, fisc when the next one begins.
        done = np.array([snapshot["done"] for snapshot in self.snapshots])
        check("utility", "weight of labor", view.labor_weight[~done], np.asarray(theirs["energy_weight"])[~done])
        completed = state.completed + done
        check("utility", "completed episodes", completed, theirs["completions"])
        check("reward", "of citizens", view.reward, theirs["rewards"])
        check("reward", "of the planner", view.planner_reward, theirs["planner_reward"])
        check("ledger", "residual", view.residual, np.zeros(len(view.residual)), LEDGER_TOLERANCE)

    def _market(self) -> None:
        markets, view, check = [snapshot["market"] for snapshot in self.snapshots], self.view, self.check
        for side, histogram in (("bids", "bid_histogram"), ("asks", "ask_histogram")):
            orders = view.orders[side]
            theirs = np.stack([market[histogram] for market in markets])
            for g, good in enumerate(GOODS):
                when, who, slot = np.nonzero(orders[:, g, :, :, 0] >= 0)
                rows = np.column_stack([when, who, orders[when, g, who, slot]])
                self.series.check_rows("market", f"{side} for {good}", rows, [market[side][g] for market in markets])
            levels = np.arange(theirs.shape[-1])
            counts = (orders[..., 0, None] == levels).sum(axis=3)
            check("market", f"histogram of {side}", counts, theirs)
        open_orders = sum((view.orders[side][..., 0] >= 0).sum(axis=3) for side in ("bids", "asks"))
        check("market", "number of orders", open_orders, np.stack([market["num_orders"] for market in markets]))
        history = np.stack([market["price_history"].sum(axis=1) for market in markets])
        check("market", "price history", view.state.book.history, history)

    def _tax(self, stale: StaleRates | None) -> None:
        taxes, treasury, check = [snapshot["tax"] for snapshot in self.snapshots], self.view.state.treasury, self.check
        names = ("rates", "announced_rates", "position", "tax_base", "incomes", "marginal_rates", "collected")
        theirs = stacked([{name: tax[name] for name in names} for tax in taxes])
        # At reset the reference may still show old rates: see `gtb_view`.
        shown = range(0 if stale is None else 1, len(taxes))
        rates = {"in force": (self.view.rates_in_force, "rates")}
        rates["announced"] = (self.view.citizen["rates"][:, 0], "announced_rates")
        for what, (mine, name) in rates.items():
            check("tax", f"rates {what}", mine[shown], theirs[name][shown], moments=shown)
        check("tax", "position", self.view.state.step % self.setup.period + 1, theirs["position"])
        check("tax", "tax base", treasury.tax_base, theirs["tax_base"])
        check("tax", "incomes", treasury.incomes, theirs["incomes"])
        check("tax", "marginal rates", treasury.marginal_rates, theirs["marginal_rates"])
        check("tax", "collected", self.view.state.journal.taxes.sum(axis=1), theirs["collected"])
        days = [moment for moment, tax in enumerate(taxes) if tax["collection"] is not None]
        if days:
            collections = stacked([taxes[day]["collection"] for day in days])
            check("tax", "schedule", treasury.rates[days], collections["schedule"], moments=days)
            check("tax", "paid", treasury.taxes[days], collections["paid"], moments=days)
            check("tax", "lump sum", treasury.lump_sum[days], collections["lump_sum"], moments=days)

    def _saez(self) -> None:
        memory, check = self.view.state.treasury.memory, self.check
        saez = [snapshot["tax"]["saez"] for snapshot in self.snapshots]
        names = ("elasticity", "computed_rates", "average_rates", "is_ready")
        theirs = stacked([{name: one[name] for name in names} for one in saez])
        counts, size = np.array([len(one["buffer"]) for one in saez]), memory.incomes.shape[1]
        check("saez", "count", memory.count, counts)
        buffers = np.zeros((len(saez), size, 2))
        for rows, one in zip(buffers, saez, strict=True):
            rows[size - len(one["buffer"]) :] = one["buffer"]
        is_filled = np.arange(size)[None, :] >= size - counts[:, None]
        check("saez", "incomes", np.where(is_filled, memory.incomes, 0), buffers[..., 0])
        check("saez", "marginal rates", np.where(is_filled, memory.marginal_rates, 0), buffers[..., 1])
        check("saez", "elasticity", memory.elasticity, theirs["elasticity"])
        check("saez", "computed rates", memory.current, theirs["computed_rates"])
        check("saez", "average rates", memory.average, theirs["average_rates"])
        check("saez", "ready", memory.is_ready, theirs["is_ready"])

    def _events(self) -> None:
        """What happened in each step, from the journal."""
        journal, snapshots = self.view.state.journal, self.snapshots
        if "builds" in snapshots[0]:
            rows = numbered([_none_at_first(t, one["builds"]) for t, one in enumerate(snapshots)])
            self._event("builds", journal.builds, (rows[:, 0], rows[:, 1]), 1)
        if "gathers" in snapshots[0]:
            rows = numbered([_none_at_first(t, one["gathers"]) for t, one in enumerate(snapshots)])
            self._event("gathered", journal.gathered, (rows[:, 0], rows[:, 2], rows[:, 1]), rows[:, 3])
        if "market" in snapshots[0]:
            rows = numbered([_none_at_first(t, one["market"]["trades"]) for t, one in enumerate(snapshots)])
            buyers, sellers = (rows[:, 0], rows[:, 1], rows[:, 2]), (rows[:, 0], rows[:, 1], rows[:, 3])
            self._event("sales", journal.sales, sellers, 1)
            self._event("purchases", journal.purchases, buyers, 1)
            self._event("earnings", journal.earnings, sellers, rows[:, 8])
            self._event("spending", journal.spending, buyers, rows[:, 8])

    def _event(self, what: str, running: np.ndarray, where: tuple[Any, ...], amount: Any) -> None:
        """Compare the changes of a running sum with a list of events."""
        theirs = np.zeros(running.shape, int)
        np.add.at(theirs, where, amount)
        self.check("event", what, np.diff(running, axis=0, prepend=0 * running[:1]), theirs)

    def _observations(self, sizes, bracket_names: list[str], stale: StaleRates | None) -> None:
        layout = self.economy.layout
        mine = gtb_view.observations(self.setup, self.view, layout.own_names(), layout.citizen_names(), stale)
        masks = gtb_view.masks(self.setup, self.view, sizes, bracket_names)
        is_flat = self.setup.environment["flatten_observations"]
        self.check("mask", "of", masks, self.theirs["masks"])
        self.check("observation", "of", mine, self.theirs["observations"], FLAT_TOLERANCE if is_flat else TOLERANCE)


def _none_at_first(moment: int, events: np.ndarray) -> np.ndarray:
    """Nothing happens in a reset, though the reference may still list the events of the last step before it."""
    return events if moment else events[:0]
