"""Play the Gather-Trade-Build economy in fisc and in the reference program side by side, and compare every number.

    python -m tests.oracle.gather_trade_build --config FILE --episodes N --seed S

FILE is a configuration in the reference's own format (YAML or JSON, section `env`). Actions are random, legal and
illegal. What the reference draws is replayed in fisc, which runs in double precision under its convention "foundation".
Exit code 0: everything agreed; 1: a mismatch, which is printed; 2: the comparison cannot be made.
"""

import argparse
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.errors import ConfigError
from fisc.scenarios import foundation

from . import gtb_actions, gtb_books, gtb_config, gtb_reference, gtb_view
from . import gtb_ours as ours
from .compare import Mismatch, Tally
from .gtb_config import Setup
from .one_step_view import StaleRates

TOLERANCE = 1e-9
FLAT_TOLERANCE = 1e-6
"""Flattened observations of the reference are in single precision."""
LEDGER_TOLERANCE = 1e-12
GOODS = gtb_view.GOODS


class Match:
    """One environment of the reference and one economy of fisc, in the same state."""

    def __init__(self, setup: Setup, seed: int, tally: Tally):
        self.setup, self.tally = setup, tally
        self.game = gtb_reference.open_game(setup.raw, seed)
        self.constants = self.game.constants
        self.rng = np.random.default_rng(seed)
        self.bracket_names = foundation.bracket_names(setup.config, ours.CONVENTION)
        self._check_bracket_names()
        self.economy, self.state, self.view = None, None, None
        self.completed = 0

    def _check_bracket_names(self) -> None:
        theirs = self.constants.get("bracket_names", [])
        if self.bracket_names != theirs:
            raise Mismatch(self.tally.where, "names of brackets", self.bracket_names, theirs)

    def play_episode(self) -> None:
        """Reset both, take random actions to the end, compare at every moment.

        Raises:
            Mismatch: at the first difference.
        """
        self.tally.where = f"episode {self.completed}, reset"
        moment = self.game.reset()
        stale = self._reset(moment.draws)
        self._compare(moment.snapshot, stale)
        for step in range(self.setup.environment["episode_length"]):
            self.tally.where = f"episode {self.completed}, step {step + 1}"
            moment = self._step()
            self.tally.steps += 1
        metrics = self.books.metrics(self.view, moment.snapshot)
        # Prices of goods that nobody traded are NaN in the reference, which would agree with nothing.
        theirs = {name: -1.0 if np.isnan(value) else value for name, value in moment.snapshot["metrics"].items()}
        self.tally.check("metric", "", metrics, theirs)
        self.completed += 1

    def _reset(self, draws: dict[str, Any]) -> StaleRates | None:
        """Start an episode in fisc, and say what the reference shows in place of its rates."""
        last = self.state
        if self.economy is None:
            self.economy = ours.build(self.setup, draws)
            self.tally.check("world", "cutoffs", self.economy.tax.cutoffs, self.constants.get("cutoffs", [0.0]))
            self.knobs = ours.knobs_of(self.setup, 0)
        last_knobs, self.knobs = self.knobs, ours.knobs_of(self.setup, self.completed)
        self.state = ours.begin(self.economy, ours.start_of(draws), last)
        self._look(ours.look(self.economy, self.state, self.knobs))
        self.books = gtb_books.Books(self.setup, self.economy, self.bracket_names)
        is_annealed = self.setup.tax["tax_annealing_schedule"] is not None
        if not self.setup.has_taxes or self.setup.has_planner or not (self.setup.is_saez or is_annealed):
            return None
        memory = self.state.treasury.memory
        last_memory = memory if last is None else last.treasury.memory
        return StaleRates(
            np.asarray(self.economy.tax.rates(last_memory, last_knobs)),
            float(self.economy.tax.rates(memory, last_knobs)[0]),
        )

    def _look(self, view: ours.View) -> None:
        """Fetch everything at once."""
        self.view = jax.device_get(view)

    def _step(self) -> gtb_reference.Moment:
        environment, game = self.setup.environment, self.game
        sizes = [size for _, size in game.action_sizes]
        is_multi = environment["multi_action_mode_agents"]
        citizens = gtb_actions.citizens(self.rng, sizes, game.citizen_flags(), is_multi=is_multi)
        actions, planner = {"citizen": jnp.asarray(citizens, jnp.int32)}, None
        if self.setup.has_planner:
            rates = [size for _, size in game.planner_sizes]
            is_multi = environment["multi_action_mode_planner"]
            planner = gtb_actions.planner(self.rng, rates, is_multi=is_multi)
            chosen = planner if is_multi else gtb_actions.one_choice(planner, rates)
            actions["planner"] = jnp.asarray(chosen, jnp.int32)[None]
        moment = game.step(citizens, planner)
        draws = ours.draws_of(self.economy, self.state, moment.draws)
        self.books.note_memory(self.view)
        before = self.view.state.journal
        self.state, view = ours.advance(self.economy, self.state, actions, draws, self.knobs)
        self._look(view)
        self._compare(moment.snapshot, None)
        self._compare_events(moment.snapshot, before)
        return moment

    def _compare(self, theirs: dict[str, Any], stale: StaleRates | None) -> None:
        self._compare_world(theirs)
        self._compare_citizens(theirs)
        if "market" in theirs:
            self._compare_market(theirs["market"])
        if "tax" in theirs:
            self._compare_tax(theirs["tax"], stale)
        self._compare_observations(theirs, stale)

    def _compare_world(self, theirs: dict[str, Any]) -> None:
        state, maps, check = self.view.state, theirs["maps"], self.tally.check
        for g, good in enumerate(GOODS):
            check("map", good, self.view.units[g], maps[good])
            check("map", f"{good} sources", state.terrain.slots[g] >= 0, maps[f"{good}Source"])
        check("map", "houses", state.owner >= 0, maps["House"])
        check("map", "owners", state.owner, maps["HouseOwner"])
        check("map", "water", state.terrain.water, maps["Water"])

    def _compare_citizens(self, theirs: dict[str, Any]) -> None:
        view, state, check = self.view, self.view.state, self.tally.check
        width = state.owner.shape[1]
        check("citizen", "locations", np.stack([state.cell // width, state.cell % width], 1), theirs["locations"])
        check("citizen", "purses", state.coin, theirs["inventory"]["Coin"])
        check("citizen", "coin in escrow", view.coin_in_escrow, theirs["escrow"]["Coin"])
        for g, good in enumerate(GOODS):
            check("citizen", good, state.goods[g], theirs["inventory"][good])
            check("citizen", f"{good} in escrow", view.goods_in_escrow[g], theirs["escrow"][good])
        check("citizen", "labor", state.labor, theirs["labor"])
        fields = {"build_payment": state.build_payment, "build_skill": state.build_skill}
        for field, mine in (fields | {"bonus_gather_prob": state.gather_bonus}).items():
            if field in theirs:
                check("citizen", field, mine, theirs[field])
        check("utility", "of citizens", state.utility, theirs["utilities"])
        check("utility", "welfare", state.welfare, theirs["welfare"])
        check("utility", "weight of labor", view.labor_weight, theirs["energy_weight"])
        check("utility", "warm-up", state.rewarding_steps, theirs["warmup_integrator"])
        check("utility", "completed episodes", state.completed, self.completed)
        check("reward", "of citizens", view.reward, theirs["rewards"])
        check("reward", "of the planner", view.planner_reward, theirs["planner_reward"])
        check("ledger", "residual", view.residual, 0.0, LEDGER_TOLERANCE)

    def _compare_market(self, theirs: dict[str, Any]) -> None:
        view, check = self.view, self.tally.check
        for side, histogram in (("bids", "bid_histogram"), ("asks", "ask_histogram")):
            orders = view.orders[side]
            for g, good in enumerate(GOODS):
                who, slot = np.nonzero(orders[g, :, :, 0] >= 0)
                rows = np.column_stack([who, orders[g, who, slot]])
                check("market", f"{side} for {good}", rows[np.lexsort(rows.T[::-1])], theirs[side][g])
            levels = np.arange(theirs[histogram].shape[-1])
            counts = (orders[..., 0, None] == levels).sum(axis=2)
            check("market", f"histogram of {side}", counts, theirs[histogram])
        open_orders = sum((view.orders[side][..., 0] >= 0).sum(axis=2) for side in ("bids", "asks"))
        check("market", "number of orders", open_orders, theirs["num_orders"])
        check("market", "price history", view.state.book.history, theirs["price_history"].sum(axis=1))

    def _compare_tax(self, theirs: dict[str, Any], stale: StaleRates | None) -> None:
        treasury, check = self.view.state.treasury, self.tally.check
        if stale is None:
            check("tax", "rates in force", self.view.rates_in_force, theirs["rates"])
            check("tax", "announced rates", self.view.citizen["rates"][0], theirs["announced_rates"])
        check("tax", "position", int(self.view.state.step) % self.setup.period + 1, theirs["position"])
        check("tax", "tax base", treasury.tax_base, theirs["tax_base"])
        check("tax", "incomes", treasury.incomes, theirs["incomes"])
        check("tax", "marginal rates", treasury.marginal_rates, theirs["marginal_rates"])
        check("tax", "collected", self.view.state.journal.taxes.sum(), theirs["collected"])
        if theirs["collection"] is not None:
            check("tax", "schedule", treasury.rates, theirs["collection"]["schedule"])
            check("tax", "paid", treasury.taxes, theirs["collection"]["paid"])
            check("tax", "lump sum", treasury.lump_sum, theirs["collection"]["lump_sum"])
        if self.setup.is_saez:
            self._compare_saez(theirs["saez"])

    def _compare_saez(self, theirs: dict[str, Any]) -> None:
        memory, check = self.view.state.treasury.memory, self.tally.check
        count, size = len(theirs["buffer"]), len(memory.incomes)
        check("saez", "count", memory.count, count)
        check("saez", "incomes", memory.incomes[size - count :], theirs["buffer"][:, 0])
        check("saez", "marginal rates", memory.marginal_rates[size - count :], theirs["buffer"][:, 1])
        check("saez", "elasticity", memory.elasticity, theirs["elasticity"])
        check("saez", "computed rates", memory.current, theirs["computed_rates"])
        check("saez", "average rates", memory.average, theirs["average_rates"])
        check("saez", "ready", memory.is_ready, theirs["is_ready"])

    def _compare_events(self, theirs: dict[str, Any], before) -> None:
        """What happened in a step, from the journal."""
        now, check = self.view.state.journal, self.tally.check
        num = len(now.builds)
        if "builds" in theirs:
            check("event", "builds", now.builds - before.builds, np.bincount(theirs["builds"][:, 0], minlength=num))
        if "gathers" in theirs:
            check("event", "gathered", now.gathered - before.gathered, _sum_by(theirs["gathers"], 1, 0, 2, num))
        if "market" in theirs:
            trades = theirs["market"]["trades"]
            ones = np.column_stack([trades, np.ones(len(trades), int)])
            check("event", "sales", now.sales - before.sales, _sum_by(ones, 0, 2, 8, num))
            check("event", "purchases", now.purchases - before.purchases, _sum_by(ones, 0, 1, 8, num))
            check("event", "earnings", now.earnings - before.earnings, _sum_by(ones, 0, 2, 7, num))
            check("event", "spending", now.spending - before.spending, _sum_by(ones, 0, 1, 7, num))

    def _compare_observations(self, theirs: dict[str, Any], stale: StaleRates | None) -> None:
        layout = self.economy.layout
        names = (layout.own_names(), layout.citizen_names())
        mine = gtb_view.observations(self.setup, self.view, *names, stale)
        masks = gtb_view.masks(self.setup, self.view, self.game.action_sizes, self.bracket_names)
        is_flat = self.setup.environment["flatten_observations"]
        self.tally.check("mask", "of", masks, theirs["masks"])
        self.tally.check("observation", "of", mine, theirs["observations"], FLAT_TOLERANCE if is_flat else TOLERANCE)


def _sum_by(rows: np.ndarray, good: int, who: int, what: int, num: int) -> np.ndarray:
    """Sum a column by good and citizen, [2, n]."""
    found = np.zeros((2, num), int)
    np.add.at(found, (rows[:, good], rows[:, who]), rows[:, what])
    return found


def play(setup: Setup, episodes: int, seed: int) -> Tally:
    """Play and compare so many episodes.

    Raises:
        Mismatch: at the first difference.
        ConfigError: if the comparison cannot be made.
    """
    tally = Tally(TOLERANCE)
    with jax.enable_x64(True):
        match = Match(setup, seed, tally)
        for _ in range(episodes):
            match.play_episode()
    return tally


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracle.gather_trade_build", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--config", required=True, help="configuration in the reference's format, YAML or JSON")
    parser.add_argument("--episodes", type=int, default=5, help="episodes to play (default: 5)")
    parser.add_argument("--seed", type=int, default=1, help="of everything drawn, above 0 (default: 1)")
    options = parser.parse_args(arguments)
    try:
        if options.episodes < 1 or options.seed < 1:
            raise ConfigError(f"episodes and seed must be above 0, got {options.episodes} and {options.seed}")
        tally = play(gtb_config.resolve(gtb_reference.read(options.config)), options.episodes, options.seed)
    except Mismatch as mismatch:
        print(f"MISMATCH in {options.config}, {mismatch}")
        return 1
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"agreed: {options.config}: {options.episodes:,} episodes, {tally.summary()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
