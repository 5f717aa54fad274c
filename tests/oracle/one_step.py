"""Play the one-step economy in fisc and in the reference program side by side, and compare every number.

    python -m tests.oracle.one_step --config FILE --episodes N --seed S

FILE is a configuration in the reference's own format (YAML or JSON, section `env`). Actions are random, legal and
illegal. What the reference draws (skills, exploratory tax rates) is replayed in fisc. Exit code 0: everything agreed;
1: a mismatch, which is printed; 2: the comparison cannot be made.

One difference is deliberate: fisc treats an illegal action as doing nothing, whereas the reference only advertises
legality and executes hours that are masked or rates above the ceiling. Where it would, it gets the null action.
"""

import argparse
import sys

import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.errors import ConfigError

from . import one_step_ours as ours
from . import reference
from .compare import Mismatch, Tally
from .one_step_books import Books
from .one_step_config import Setup, read
from .one_step_view import StaleRates, observations

TOLERANCE = 1e-9
FLAT_TOLERANCE = 1e-6
"""Flattened observations of the reference are in single precision."""
OUT_OF_RANGE = (-3, -1, 101, 250)
"""Numbers that are no action of a citizen; the planner's brackets have fewer actions still."""


class Match:
    """One environment of the reference and one economy of fisc, in the same state."""

    def __init__(self, setup: Setup, seed: int, tally: Tally):
        self.setup, self.tally = setup, tally
        self.env = reference.make(setup.raw, seed)
        self.rng = np.random.default_rng(seed)
        self.tax = self.env.get_component("PeriodicBracketTax")
        self.bracket_names = [f"{int(cutoff):03d}" for cutoff in self.tax.bracket_cutoffs]
        if len(set(self.bracket_names)) < len(self.bracket_names):
            raise ConfigError(f"brackets {self.bracket_names} share a name in the reference: space them a coin apart")
        self.economy = ours.build(setup, self.env.get_component("SimpleLabor").skills)
        self.state = None
        self.books = Books(self.economy, self.bracket_names)
        self.completed = 0
        self.knobs = ours.knobs_of(setup, self.economy, 0)
        tally.check("world", "cutoffs", self.economy.tax.cutoffs, self.tax.bracket_cutoffs)

    def play_episode(self) -> None:
        """Reset both, take random actions to the end, compare at every moment.

        Raises:
            Mismatch: at the first difference.
        """
        self.tally.where = f"episode {self.completed}, reset"
        theirs = self.env.reset()
        stale = self._reset()
        self._compare_state()
        self._compare_observations(theirs, stale)
        for step in range(self.setup.environment["episode_length"]):
            self.tally.where = f"episode {self.completed}, step {step + 1}"
            self._step()
            self.tally.steps += 1
        their_coin = np.array([agent.total_endowment("Coin") for agent in self.env.world.agents])
        metrics = self.books.metrics(self.setup, self.view, their_coin)
        self.tally.check("metric", "", metrics, self.env.previous_episode_metrics)
        self.completed += 1

    def _reset(self) -> StaleRates | None:
        """Start an episode in fisc, and say what the reference shows in place of its rates."""
        last_knobs, last_state = self.knobs, self.state
        self.knobs = ours.knobs_of(self.setup, self.economy, self.completed)
        self.state = ours.first(self.economy) if last_state is None else ours.again(self.economy, last_state)
        self.view = ours.look(self.economy, self.state, self.knobs)
        self.books.open()
        is_annealed = self.setup.tax["tax_annealing_schedule"] is not None
        if self.setup.has_planner or not (self.setup.is_saez or is_annealed):
            return None
        memory = self.state.treasury.memory
        last_memory = memory if last_state is None else last_state.treasury.memory
        return StaleRates(
            np.asarray(self.economy.tax.rates(last_memory, last_knobs)),
            float(self.economy.tax.rates(memory, last_knobs)[0]),
        )

    def _step(self) -> None:
        mask = np.array(self.view.citizen.mask)
        hours = self._draw_hours(len(mask))
        in_range = (hours >= 0) & (hours < mask.shape[1])
        is_legal = in_range & mask[np.arange(len(mask)), np.where(in_range, hours, 0)]
        lawful = np.where(is_legal, hours, 0)
        is_multi = self.setup.environment["multi_action_mode_agents"]
        theirs = {str(i): [int(h)] if is_multi else int(h) for i, h in enumerate(lawful)}
        actions = {"citizen": jnp.asarray(hours, jnp.int32)}
        if self.setup.has_planner:
            chosen, theirs["p"] = self._draw_rates()
            actions["planner"] = jnp.asarray(chosen, jnp.int32)[None, :]

        with reference.recorded_uniform_draws() as shares:
            seen, rewards, _, _ = self.env.step(theirs)
        shares = shares[0] if shares else np.zeros(len(self.bracket_names))
        self.books.note_memory(self.state)
        transition = ours.advance(self.economy, self.state, actions, jnp.asarray(shares, float), self.knobs)
        welfare_gain = float(transition.state.welfare - self.state.welfare)
        self.state = transition.state
        self.view = ours.look(self.economy, self.state, self.knobs)
        if int(self.state.step) % self.economy.steps_per_period == 0:
            self.books.close_period(self.state)
            self._compare_collection()
        self._compare_state()
        self._compare_rewards(transition, welfare_gain, rewards)
        self._compare_observations(seen, None)

    def _draw_hours(self, num: int) -> np.ndarray:
        """Hours without regard to masks: any, none for a fifth of the citizens, no action at all for a tenth."""
        hours = self.rng.integers(0, 101, num)
        kind = self.rng.random(num)
        hours = np.where(kind < 0.2, 0, hours)
        return np.where(kind > 0.9, self.rng.choice(OUT_OF_RANGE, num), hours)

    def _draw_rates(self):
        """The planner's action for fisc, at any time and not always legal, and what the reference gets instead."""
        num_brackets, size = len(self.bracket_names), self.economy.tax.num_rates + 1
        chosen = self.rng.integers(0, size, num_brackets)
        chosen = np.where(self.rng.random(num_brackets) > 0.9, self.rng.choice(OUT_OF_RANGE, num_brackets), chosen)
        is_single = not self.setup.environment["multi_action_mode_planner"]
        if is_single:
            chosen = np.where(np.arange(num_brackets) == self.rng.integers(num_brackets), chosen, 0)
        in_range = (chosen >= 0) & (chosen < size)
        if int(self.state.step) % self.economy.steps_per_period == 0:
            flags = np.asarray(self.view.planner_mask).reshape(num_brackets, size)
            in_range &= flags[np.arange(num_brackets), np.where(in_range, chosen, 0)]
        lawful = np.where(in_range, chosen, 0)
        if not is_single:
            return chosen, lawful.tolist()
        # In one list of all rates of all brackets, bracket b's rates follow the (size - 1)·b before them.
        acting = np.flatnonzero(lawful)
        return chosen, int((size - 1) * acting[0] + lawful[acting[0]]) if len(acting) else 0

    def _compare_state(self) -> None:
        agents, check, state = self.env.world.agents, self.tally.check, self.state
        check("state", "coin", state.coin, [agent.total_endowment("Coin") for agent in agents])
        check("state", "labor", state.labor, [agent.state["endogenous"]["Labor"] for agent in agents])
        check("state", "production", state.production, [agent.state["production"] for agent in agents])
        check("state", "skill", self.economy.skills, [agent.state["skill"] for agent in agents])
        utilities = self.env.curr_optimization_metrics
        check("state", "utility", state.utility, [utilities[agent.idx] for agent in agents])
        check("state", "welfare", state.welfare, utilities["p"])
        check("tax", "rates in force", self.view.rates_in_force, self.tax.curr_marginal_rates)
        check("tax", "tax base", state.treasury.tax_base, self.tax.last_coin)
        if self.setup.is_saez:
            self._compare_saez()

    def _compare_saez(self) -> None:
        memory, check = self.state.treasury.memory, self.tally.check
        count = len(self.tax.get_local_saez_buffer())
        window = np.array(self.tax.get_local_saez_buffer()).reshape(count, 2)
        check("saez", "count", memory.count, count)
        check("saez", "incomes", np.asarray(memory.incomes)[len(memory.incomes) - count :], window[:, 0])
        check("saez", "marginal rates", np.asarray(memory.marginal_rates)[len(memory.incomes) - count :], window[:, 1])
        check("saez", "elasticity", memory.elasticity, self.tax.elas_t)
        check("saez", "computed rates", memory.current, self.tax.curr_bracket_tax_rates)
        check("saez", "average rates", memory.average, self.tax.running_avg_tax_rates)
        check("saez", "ready", memory.is_ready, self.tax._reached_min_samples)

    def _compare_collection(self) -> None:
        collected, treasury, check = self.tax.taxes[-1], self.state.treasury, self.tally.check
        citizens = [collected[str(agent.idx)] for agent in self.env.world.agents]
        check("tax", "schedule", treasury.rates, collected["schedule"])
        check("tax", "income", treasury.incomes, [citizen["income"] for citizen in citizens])
        check("tax", "paid", treasury.taxes, [citizen["tax_paid"] for citizen in citizens])
        check("tax", "marginal rate", treasury.marginal_rates, [citizen["marginal_rate"] for citizen in citizens])
        check("tax", "lump sum", treasury.lump_sum, citizens[0]["lump_sum"])

    def _compare_rewards(self, transition, welfare_gain: float, theirs) -> None:
        rewards = {str(i): reward for i, reward in enumerate(np.asarray(transition.rewards["citizen"]))}
        rewards["p"] = float(transition.rewards["planner"][0]) if self.setup.has_planner else welfare_gain
        self.tally.check("reward", "", rewards, theirs)

    def _compare_observations(self, theirs, stale: StaleRates | None) -> None:
        mine = observations(self.setup, self.view, self.bracket_names, stale)
        is_flat = self.setup.environment["flatten_observations"]
        masks = [{agent: features.pop("action_mask") for agent, features in seen.items()} for seen in (mine, theirs)]
        self.tally.check("mask", "of", *masks)
        self.tally.check("observation", "of", mine, theirs, FLAT_TOLERANCE if is_flat else TOLERANCE)


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
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.one_step", description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="configuration in the reference's format, YAML or JSON")
    parser.add_argument("--episodes", type=int, default=20, help="episodes to play (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="of skills and actions, above 0 (default: 1)")
    options = parser.parse_args(arguments)
    try:
        if options.episodes < 1 or options.seed < 1:
            raise ConfigError(f"episodes and seed must be above 0, got {options.episodes} and {options.seed}")
        tally = play(read(options.config), options.episodes, options.seed)
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
