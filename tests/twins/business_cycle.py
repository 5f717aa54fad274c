"""Play random quarters of random business-cycle economies in the program and in its slow twin, and compare everything.

    python -m tests.twins.business_cycle --steps 100000 --seed 1

Worlds differ in sizes, rules, menus and tastes; each plays episodes from random states, with random actions of which
some are outside the menus and some not offered. The twin carries its own state through an episode, in double precision.
"""

import argparse
from collections import Counter
from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.knobs import Knobs, full_knobs
from fisc.economies.business_cycle.choices import PUBLISHED_MENUS
from fisc.economies.business_cycle.economy import BusinessCycle
from fisc.economies.business_cycle.setting import Setting, make_economy
from tests.twins import business_cycle_twin as twin

TOLERANCE = 1e-8
"""Relative to the size of a number, and never below 1: an episode's rounding in double precision is far less."""
EPISODES = 50
"""Episodes that a world plays side by side."""


@dataclass(frozen=True)
class Trial:
    """One world, and what is offered to whom in it."""

    setting: Setting
    menus: dict
    economy: BusinessCycle
    knobs: Knobs
    masks: dict


def random_setting(rng: np.random.Generator, number: int) -> Setting:
    """A world of any kind; the first is the published one."""
    if number == 0:
        return Setting()
    firms = int(rng.integers(1, 6))
    pick = lambda *options: options[rng.integers(len(options))]  # noqa: E731
    taxes = (float(rng.uniform()), float(rng.uniform()))
    return Setting(
        consumers=int(rng.integers(1, 13)),
        firms=firms,
        quarters=int(rng.integers(2, 8)),
        is_open=bool(rng.uniform() < 0.8),
        menus=_random_menus(rng) if rng.uniform() < 0.7 else {},
        labor_exponent=pick("proportional", tuple(map(float, rng.uniform(0, 1, firms)))),
        disutility=float(rng.uniform(0.001, 0.02)),
        disutility_shape=pick(4.0, 2.5, None),
        utility=pick("crra", "crra", "cara", "hybrid"),
        eta=pick(0.1, 0.0, 1.0, float(rng.uniform(0, 2))),
        aversion=float(rng.uniform(0.1, 2.0)),
        power=pick(0.9, 1.0, float(rng.uniform(0.3, 1.0))),
        welfare=pick("total", "consumers"),
        productivity=float(rng.uniform(0.002, 0.05)),
        labor_floor=pick(0.0, 300.0),
        export_floor=pick(500.0, 1000.0, float(rng.uniform(0, 2500))),
        export_quota=pick(0.0, 10.0, 100.0, 1000.0),
        exports_at_floor=pick(True, True, False),
        exports_pay_floor=pick(False, False, True),
        investment_of=pick("income", "income", "budget"),
        corporate_tax_on=pick("profit", "profit", "sales"),
        shortage_of=pick("affordable", "affordable", "wanted"),
        interest=pick(0.0, 0.1, float(rng.uniform(0, 0.5))),
        top_up=pick(0.01, 1.0),
        activity_bonus=pick(0.0, 0.0, 1.0),
        debt_price=pick({}, {"consumer": 0.5, "firm": 2.0}),
        fixed_taxes=pick(None, None, None, taxes),
    )  # fmt: skip


def _random_menus(rng: np.random.Generator) -> dict:
    amounts = {"quantities": 11.0, "hours": 1040.0, "prices": 2500.0, "wages": 44.0}
    shares = dict.fromkeys(("shares", "income_rates", "corporate_rates"), 1.0)
    draw = lambda most: tuple(map(float, np.sort(rng.uniform(0, most, rng.integers(1, 6)))))  # noqa: E731
    return {name: draw(most) for name, most in {**amounts, **shares}.items()}


def make_trial(rng: np.random.Generator, number: int) -> Trial:
    """A world with half of the entries of each menu withdrawn, in three worlds of four."""
    setting = random_setting(rng, number)
    economy = make_economy(setting)
    narrows = number > 0 and rng.uniform() < 0.75
    sizes = {role: spec.actions.mask_size for role, spec in economy.spec.roles.items()}
    offered = {role: rng.uniform(size=size) < 0.5 if narrows else np.ones(size, bool) for role, size in sizes.items()}
    ceiling = float(rng.uniform()) if narrows else 1.0
    knobs = replace(
        full_knobs(tuple(sizes)),
        labor_cost=jnp.asarray(rng.uniform(), float),
        max_rate=jnp.asarray(ceiling, float),
        menu={role: jnp.asarray(flags) for role, flags in offered.items()},
    )
    menus = {**PUBLISHED_MENUS, **setting.menus}
    if "government" in offered:
        offered["government"] = twin.government_mask(menus, offered["government"], ceiling)
    return Trial(setting, menus, economy, knobs, offered)


def random_worlds(rng: np.random.Generator, setting: Setting, num: int) -> list[twin.World]:
    """States that need not be reachable: stocks, debts, any prices; some of everything is zero."""

    def some(size, most):
        return (rng.uniform(0, most, size) * (rng.uniform(size=size) < 0.85)).tolist()

    n, f = setting.consumers, setting.firms
    level = [5000.0 if i < f / 2 else 10000.0 for i in range(f)]
    return [
        twin.World(
            p=some(f, 2500), w=some(f, 44), y=some(f, 40), flag=(rng.uniform(size=f) < 0.5).tolist(),
            tau=some(1, 1)[0], sigma=some(1, 1)[0], t=0, B=some(n, rng.choice([50.0, 20000.0])),
            M=(rng.normal(size=f) * 50000).tolist(), K=[x * rng.uniform(0, 3) for x in level],
            price_of_debt={role: setting.debt_price.get(role, 0.0) for role in ("consumer", "firm")},
        )
        for _ in range(num)
    ]  # fmt: skip


def as_states(trial: Trial, worlds: list[twin.World]):
    """The same states for the program."""
    stack = lambda name: jnp.asarray([getattr(world, name) for world in worlds])  # noqa: E731
    states = jax.vmap(lambda key: trial.economy.init(key))(jax.random.split(jax.random.key(0), len(worlds)))
    posted = [stack(name) for name in ("p", "w", "tau", "sigma", "flag")]
    return eqx.tree_at(
        lambda s: (
            s.posted.price, s.posted.wage, s.posted.income_tax, s.posted.corporate_tax, s.posted.shortage,
            s.inventory, s.consumer_budget, s.firm_budget, s.capital,
        ),
        states,
        (*posted, stack("y"), stack("B"), stack("M"), stack("K")),
    )  # fmt: skip


def random_actions(rng: np.random.Generator, trial: Trial, num: int) -> dict:
    """Any entry, one in thirty outside of the menu."""
    actions = {}
    for role, spec in trial.economy.spec.roles.items():
        sizes = np.asarray(getattr(spec.actions, "sizes", getattr(spec.actions, "size", None)))
        drawn = rng.integers(0, sizes, (num, spec.num_agents, *sizes.shape))
        wild = rng.integers(-3, 50, drawn.shape)
        actions[role] = np.where(rng.uniform(size=drawn.shape) < 1 / 30, wild, drawn).astype(np.int32)
    return actions


@eqx.filter_jit
def ours(economy, states, actions, knobs):
    """One quarter in the program, and what everybody sees after it."""

    def one(state, actions):
        after = economy.transition(state, actions, economy.draw(None, state), knobs)
        return after, economy.observe(after.state, knobs)

    return jax.vmap(one)(states, actions)


def pairs(trial: Trial, after, seen, worlds: list[twin.World]):
    """Name, the program's numbers, the twin's numbers, and whether 0 and 1 are the same."""
    state, count = after.state, len(worlds)
    values = {
        "p": state.posted.price, "w": state.posted.wage, "flag": state.posted.shortage,
        "tau": state.posted.income_tax, "sigma": state.posted.corporate_tax, "t": state.step, "y": state.inventory,
        "B": state.consumer_budget, "M": state.firm_budget, "K": state.capital,
    }  # fmt: skip
    for name, value in values.items():
        yield "state", np.asarray(value, float), np.asarray([getattr(world, name) for world in worlds], float), False
    for role, reward in after.rewards.items():
        yield "reward", np.asarray(reward), np.asarray([world.rewards[role] for world in worlds]), False
    views = [twin.observe(trial.setting, trial.menus, world, float(trial.knobs.labor_cost)) for world in worlds]
    for role, observation in seen.items():
        spec, theirs = trial.economy.spec.roles[role], np.asarray([rows[role] for rows, _ in views])
        blocks = [observation.features[name] for name in spec.blocks]
        parts = [np.broadcast_to(x, (count, spec.num_agents, x.shape[2])) for x in blocks]
        goes_round = np.zeros(theirs.shape[2], bool)
        known = np.asarray(views[0][1])[: theirs.shape[2]]
        goes_round[: len(known)] = known
        yield "observation", np.concatenate(parts, axis=2), theirs, goes_round
        masks = np.broadcast_to(trial.masks[role], observation.mask.shape)
        yield "mask", np.asarray(observation.mask, float), masks.astype(float), False


def compare(rng: np.random.Generator, trial: Trial, num: int) -> tuple[Counter, int]:
    """Play some episodes in both; values that agreed, by kind, and steps.

    Raises:
        AssertionError: with the first value that does not agree.
    """
    worlds = random_worlds(rng, trial.setting, num)
    states, counts = as_states(trial, worlds), Counter()
    for t in range(trial.setting.quarters):
        actions = random_actions(rng, trial, num)
        after, seen = ours(trial.economy, states, {r: jnp.asarray(a) for r, a in actions.items()}, trial.knobs)
        c_theta, ceiling = float(trial.knobs.labor_cost), float(trial.knobs.max_rate)
        listed = {role: a.tolist() for role, a in actions.items()}
        worlds = [
            twin.step(
                trial.setting, trial.menus, world, {r: a[e] for r, a in listed.items()}, trial.masks, c_theta, ceiling
            )
            for e, world in enumerate(worlds)
        ]
        for kind, left, right, goes_round in pairs(trial, after, seen, worlds):
            assert left.shape == right.shape, (kind, left.shape, right.shape)
            gap = np.abs(left - right)
            gap = np.where(goes_round, np.minimum(gap, 1 - gap), gap) / np.maximum(1.0, np.abs(right))
            if not (gap <= TOLERANCE).all():
                at = np.unravel_index(np.argmax(np.where(np.isnan(gap), np.inf, gap)), gap.shape)
                raise AssertionError(f"{kind} {at} in step {t}: {left[at]} here, {right[at]} there; {trial.setting}")
            counts[kind] += gap.size
        states = after.state
    return counts, num * trial.setting.quarters


def run(steps: int, seed: int, num_worlds: int) -> tuple[Counter, int]:
    """Compare at least so many steps, spread over worlds."""
    rng, counts, done = np.random.default_rng(seed), Counter(), 0
    for number in range(num_worlds):
        trial, share = make_trial(rng, number), steps * (number + 1) / num_worlds
        while done < share:
            num = min(EPISODES, max(1, -(-int(share - done) // trial.setting.quarters)))
            found, played = compare(rng, trial, EPISODES if steps > 1000 else num)
            counts, done = counts + found, done + played
        print(f"world {number + 1} of {num_worlds}: {done:,} steps so far", flush=True)
    return counts, done


def main() -> None:
    """Parse the command line, compare, say what agreed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worlds", type=int, default=40)
    given = parser.parse_args()
    with jax.enable_x64(True):
        counts, done = run(given.steps, given.seed, given.worlds)
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(counts.items()))
    total = f"{sum(counts.values()):,}"
    print(f"agreed: {given.worlds} worlds, {done:,} steps, seed {given.seed}, {total} values ({kinds})")


if __name__ == "__main__":
    main()
