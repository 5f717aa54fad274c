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
import numpy as np

from fisc.core.errors import ConfigError
from fisc.scenarios import foundation
from fisc.taxes.saez import WINDOW

from . import gtb_actions, gtb_books, gtb_config, gtb_reference
from . import gtb_ours as ours
from .compare import Mismatch, Tally
from .gtb_compare import TOLERANCE, Comparison
from .gtb_config import Setup
from .gtb_series import Series
from .one_step_view import StaleRates


class Match:
    """One environment of the reference and one economy of fisc, in the same state."""

    def __init__(self, setup: Setup, seed: int, tally: Tally):
        self.setup, self.tally = setup, tally
        self.game = gtb_reference.open_game(setup.raw, seed)
        self.constants = self.game.constants
        self.rng = np.random.default_rng(seed)
        self.bracket_names = foundation.bracket_names(setup.config, ours.CONVENTION)
        self._check_bracket_names()
        self.economy, self.last, self.knobs = None, None, ours.knobs_of(setup, 0)
        self.completed = 0

    def _check_bracket_names(self) -> None:
        theirs = self.constants.get("bracket_names", [])
        if self.bracket_names != theirs:
            raise Mismatch(self.tally.where, "names of brackets", self.bracket_names, theirs)

    def play_episode(self) -> None:
        """Play an episode in the reference with random actions, replay it in fisc, compare at every moment.

        Raises:
            Mismatch: the earliest difference.
        """
        moments, actions = [self.game.reset()], []
        if self.economy is None:
            self.economy = ours.build(self.setup, moments[0].draws)
            if self.setup.has_taxes:
                self.tally.check("world", "cutoffs", self.economy.tax.cutoffs, self.constants["cutoffs"])
        for _ in range(self.setup.environment["episode_length"]):
            taken, moment = self._step()
            actions.append(taken)
            moments.append(moment)
        last_knobs, self.knobs = self.knobs, ours.knobs_of(self.setup, self.completed)
        stale, snapshots = self._stale(last_knobs), [moment.snapshot for moment in moments]
        view = ours.play(
            self.economy,
            ours.start_of(moments[0].draws),
            self.last,
            {role: np.stack([action[role] for action in actions]) for role in actions[0]},
            ours.draws_of(self.economy, [moment.draws for moment in moments[1:]]),
            ours.amounts_of(self.setup, snapshots, WINDOW),
            self.knobs,
        )
        self._compare(view, snapshots, stale)
        self.last = ours.at(view, -1).state
        self.tally.steps += len(actions)
        self.completed += 1

    def _step(self) -> tuple[dict[str, np.ndarray], gtb_reference.Moment]:
        """Draw actions and take them in the reference; the same actions as fisc takes them."""
        environment, game = self.setup.environment, self.game
        sizes = [size for _, size in game.action_sizes]
        is_multi = environment["multi_action_mode_agents"]
        citizens = gtb_actions.citizens(self.rng, sizes, game.citizen_flags(), is_multi=is_multi)
        actions, planner = {"citizen": citizens}, None
        if self.setup.has_planner:
            rates = [size for _, size in game.planner_sizes]
            is_multi = environment["multi_action_mode_planner"]
            planner = gtb_actions.planner(self.rng, rates, is_multi=is_multi)
            actions["planner"] = np.asarray(planner if is_multi else gtb_actions.one_choice(planner, rates))[None]
        return actions, game.step(citizens, planner)

    def _stale(self, last_knobs) -> StaleRates | None:
        """What the reference shows at reset in place of its rates."""
        is_annealed = self.setup.tax["tax_annealing_schedule"] is not None
        if not self.setup.has_taxes or self.setup.has_planner or not (self.setup.is_saez or is_annealed):
            return None
        tax, memory = self.economy.tax, ours.carried(self.economy, self.last).memory
        last_memory = memory if self.last is None else self.last.treasury.memory
        return StaleRates(np.asarray(tax.rates(last_memory, last_knobs)), float(tax.rates(memory, last_knobs)[0]))

    def _compare(self, view: ours.View, snapshots: list[dict[str, Any]], stale: StaleRates | None) -> None:
        series = Series(self.tally, self._where)
        Comparison(self.setup, self.economy, view, snapshots, series).run(
            self.game.action_sizes, self.bracket_names, stale
        )
        series.finish()
        self.tally.where = f"episode {self.completed}, end"
        metrics = gtb_books.Books(self.setup, self.bracket_names, view).metrics(snapshots[-1])
        # Prices of goods that nobody traded are NaN in the reference, which would agree with nothing.
        theirs = {name: -1.0 if np.isnan(value) else value for name, value in snapshots[-1]["metrics"].items()}
        self.tally.check("metric", "", metrics, theirs)

    def _where(self, moment: int) -> str:
        return f"episode {self.completed}, {f'step {moment}' if moment else 'reset'}"


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
