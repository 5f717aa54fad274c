"""Random economies, states and actions for properties: sizes are fixed, so that one compilation serves all numbers."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from fisc.core.knobs import full_knobs
from fisc.economies.business_cycle.economy import BusinessCycle
from fisc.economies.business_cycle.setting import Setting, make_economy
from fisc.economies.business_cycle.state import Posted, State

CONSUMERS, FIRMS, BATCH, QUARTERS = 6, 3, 16, 4
KNOBS = full_knobs(("consumer", "firm", "government"))

seeds = st.integers(0, 2**32 - 1)
rates = st.sampled_from([0.0, 0.2, 1.0]) | st.floats(0, 1)
numbers = st.fixed_dictionaries(
    {
        "interest": st.sampled_from([0.0, 0.1]) | st.floats(0, 0.5),
        "export_floor": st.sampled_from([0.0, 500.0]) | st.floats(0, 2600),
        "export_quota": st.sampled_from([0.0, 100.0]) | st.floats(0, 1000),
        "eta": st.floats(0, 0.9),
        "productivity": st.floats(0.001, 0.05),
    }
)


def world(**given) -> BusinessCycle:
    """Six consumers, three firms, four quarters."""
    exponents = given.pop("labor_exponent", (0.2, 0.5, 0.8))
    size = {"consumers": CONSUMERS, "firms": FIRMS, "quarters": QUARTERS, "labor_exponent": exponents}
    return make_economy(Setting(**size | given))


def states(rng: np.random.Generator, economy: BusinessCycle, num: int = BATCH, *, tau=None, sigma=None) -> State:
    """States that need not be reachable: any prices and stocks, firms in debt, some of everything zero."""
    n, f = economy.num_consumers, economy.num_firms

    def some(*shape, most):
        drawn = rng.uniform(0, most, (num, *shape)) * (rng.uniform(size=(num, *shape)) < 0.85)
        return jnp.asarray(drawn, float)

    rate = lambda given: some(most=1.0) if given is None else jnp.full(num, given, float)  # noqa: E731
    fresh = economy.init(jax.random.key(0))
    many = jax.tree.map(lambda x: jnp.broadcast_to(x, (num, *x.shape)), fresh)
    flags = jnp.asarray(rng.uniform(size=(num, f)) < 0.5)
    posted = [some(f, most=2500.0), some(f, most=44.0), rate(tau), rate(sigma), flags]
    leaves = lambda s: (  # noqa: E731
        *(getattr(s.posted, name) for name in Posted.__dataclass_fields__),
        s.inventory,
        s.consumer_budget,
        s.firm_budget,
        s.capital,
    )
    debts = jnp.asarray(rng.normal(size=(num, f)) * 50_000.0, float)
    others = [some(f, most=30.0), some(n, most=20_000.0), debts, some(f, most=20_000.0)]
    return eqx.tree_at(leaves, many, (*posted, *others))


def actions(rng: np.random.Generator, economy: BusinessCycle, num: int = BATCH) -> dict:
    """Any actions in the spaces."""
    drawn = {}
    for role, spec in economy.spec.roles.items():
        sizes = np.asarray(getattr(spec.actions, "sizes", getattr(spec.actions, "size", None)))
        drawn[role] = jnp.asarray(rng.integers(0, sizes, (num, spec.num_agents, *sizes.shape)), jnp.int32)
    return drawn


@eqx.filter_jit
def happen(economy, states, actions, knobs=KNOBS):
    """One quarter of a batch: what it brings about, and what happened in it."""

    def one(state, actions):
        quarter, _ = economy.quarter(state, actions, knobs)
        return economy.transition(state, actions, economy.draw(None, state), knobs), quarter

    return jax.vmap(one)(states, actions)


@eqx.filter_jit
def play(economy, states, actions, knobs=KNOBS):
    """Several quarters of a batch, actions with a leading axis for time: final states and all rewards."""

    def step(states, now):
        move = lambda s, a: economy.transition(s, a, economy.draw(None, s), knobs)  # noqa: E731
        after = jax.vmap(move)(states, now)
        return after.state, (after.rewards, jax.vmap(lambda ledger: ledger.residual())(after.ledger))

    return jax.lax.scan(step, states, actions)


def random_case(seed: int, given: dict, **fixed):
    """An economy with these numbers, random states and actions in it."""
    rng, economy = np.random.default_rng(seed), world(**given)
    return rng, economy, states(rng, economy, **fixed), actions(rng, economy)


def at(tree, index):
    """One of a batch."""
    return jax.tree.map(lambda x: x[index], tree)


def relabelled(economy: BusinessCycle, consumers, firms) -> BusinessCycle:
    """The same economy with its people and firms in another order."""
    tastes = replace(economy.tastes, disutility=economy.tastes.disutility[consumers])
    start = replace(economy.start, capital=economy.start.capital[firms])
    technology = economy.rules.technology
    technology = replace(technology, labor_exponent=technology.labor_exponent[firms])
    return replace(economy, tastes=tastes, start=start, rules=replace(economy.rules, technology=technology))
