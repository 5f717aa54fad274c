"""Random play in the one-step economy, for its benchmark: to be imported once jax is set up."""

from functools import partial

import jax
import jax.numpy as jnp

from fisc.core.economy import Economy
from fisc.core.knobs import full_knobs
from fisc.scenarios.build import make_economy, make_tax, population
from fisc.scenarios.registry import load_scenario


def planned_economy(workers: int) -> Economy:
    """The published economy with a planner, in which everybody sees all incomes."""
    overrides = {"economy.workers": workers, "economy.seen_incomes": workers, "economy.planner_sees_citizens": True}
    scenario = load_scenario("one-step", overrides)
    people = population(scenario, 0)
    return make_economy(scenario, people, make_tax(scenario, people, "planner", None))


def play(world: Economy, key, episodes: int):
    """Play so many episodes: the sum of everything that was seen, so that none of it is left out. `key`: consumed."""

    def episode(carry, key):
        """Begin anew, and take all steps."""
        state, checksum = carry
        key_reset, key_steps = jax.random.split(key)
        start = (world.reset(key_reset, state), checksum)
        return jax.lax.scan(partial(_step, world), start, jax.random.split(key_steps, world.spec.steps))[0], None

    start = (world.init(key), jnp.zeros(()))
    return jax.lax.scan(episode, start, jax.random.split(key, episodes))[0][1]


def _step(world: Economy, carry, key):
    """Look, and act at random, uniformly over the space: cheap, and illegal draws do nothing."""
    (state, checksum), knobs, roles = carry, full_knobs(), world.spec.roles
    seen = world.observe(state, knobs)
    key_act, key_step = jax.random.split(key)
    keys = jax.random.split(key_act, len(roles))
    actions = {
        "citizen": _choices(keys[0], (roles["citizen"].num_agents,), 101),
        "planner": _choices(keys[1], (1, 7), 22),
    }
    checksum += sum(jnp.sum(leaf, dtype=jnp.float32) for leaf in jax.tree.leaves(seen))
    return (world.step(key_step, state, actions, knobs).state, checksum), None


def _choices(key, shape, number):
    """Uniform up to 1 in 65,536, from 16 random bits each."""
    return (jax.random.bits(key, shape, jnp.uint16).astype(jnp.int32) * number) >> 16
