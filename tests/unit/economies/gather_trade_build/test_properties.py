"""Promises of Gather-Trade-Build under any map, any numbers and any actions. Kind of every test: property.

A second bookkeeper (`bookkeeper`) works every step out again from the rules and names what does not agree. Hypothesis
looks for the worlds, actions and luck that break a promise; a few shapes are compiled, all numbers are traced.
"""

from dataclasses import replace
from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fisc.core.knobs import full_knobs
from fisc.economies.gather_trade_build.state import Draws, Start

from .feasibility import feasible
from .random_worlds import Shape, inspected, random_world

KNOBS = full_knobs()
SHAPES = {
    "a planner, one menu": Shape(citizens=3, size=(3, 4), steps_per_period=3, periods=4),
    "Saez, every menu, tall piles": Shape(
        citizens=2,
        size=(2, 3),
        tax="Saez",
        brackets=2,
        max_price=2,
        max_orders=1,
        order_duration=1,
        max_units=(2, 3),
        halfwidth=(1, 0),
        is_multi=True,
        steps_per_period=2,
        periods=6,
    ),
}
STEPS = 12
NUMBERS = st.floats(0, 1, width=32, allow_subnormal=False)
SETTINGS = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def play(world, state, actions, draws, *, is_canonical):
    """Steps under inspection: (last state, rewards, promises broken at each step)."""

    def step(state, moment):
        action, draw = moment[0], Draws(*moment[1])
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            mask = world.observe(state, KNOBS)["citizen"].mask
            differs = jnp.any(mask != feasible(world, state))
        happened, found = inspected(world, state, action, draw, KNOBS, is_canonical=is_canonical)
        return happened.state, (happened.rewards["citizen"], found | {"masks": differs})

    last, (rewards, found) = jax.lax.scan(step, state, (actions, draws))
    return last, rewards, found


@cache
def program(name: str):
    """The compiled steps of a shape; a second trace is an error."""
    player = partial(play, is_canonical=SHAPES[name].is_canonical)
    return eqx.filter_jit(eqx.debug.assert_max_traces(player, max_traces=1))


@cache
def template(name: str):
    """A world of a shape, for everything that is not drawn."""
    return eqx.filter_jit(random_world)(jax.random.key(0), SHAPES[name])


def floats(draw, *size: int):
    """An array of numbers from 0 to 1, its ends more often than chance has it."""
    num = int(np.prod(size))
    return np.asarray(draw(st.lists(NUMBERS, min_size=num, max_size=num)), np.float32).reshape(size)


@st.composite
def beginnings(draw, shape: Shape) -> Start:
    """Any map, and citizens anywhere on its land."""
    num, cells = shape.citizens, shape.size[0] * shape.size[1]
    places = draw(st.permutations(range(cells)))[:num]
    marks = np.array(draw(st.lists(st.sampled_from(".SW@SW"), min_size=cells, max_size=cells)))
    marks[[place for place in places if marks[place] == "@"]] = "."
    return Start(
        water=jnp.asarray((marks == "@").reshape(shape.size)),
        sources=jnp.asarray(np.stack([marks == "S", marks == "W"]).reshape(2, *shape.size)),
        cell=jnp.asarray(places, jnp.int32),
        build_payment=jnp.asarray(20 * floats(draw, num)),
        build_skill=jnp.ones(num),
        gather_bonus=jnp.asarray(floats(draw, num)),
    )


@st.composite
def worlds(draw, name: str):
    """A world of a shape with any numbers, and citizens who may own something from the start."""
    world, shape = template(name), SHAPES[name]
    costs, shares = 0.1 + 10 * floats(draw, 4), floats(draw, 4)
    where = lambda w: (  # noqa: E731
        w.beginning.start,
        w.rules.building.labor,
        w.rules.market.order_labor,
        w.rules.gathering.move_labor,
        w.rules.gathering.collect_labor,
        w.rules.regrowth.weight,
        w.preferences.eta,
        w.preferences.labor_cost,
        w.starting_coin,
    )
    numbers = (*costs, shares[:2], 0.95 * shares[2], shares[3], draw(st.sampled_from((0.0, 0.3, 4.0, 25.0))))
    world = eqx.tree_at(where, world, (draw(beginnings(shape)), *(jnp.asarray(x, jnp.float32) for x in numbers)))
    goods = draw(st.lists(st.integers(0, 3), min_size=2 * shape.citizens, max_size=2 * shape.citizens))
    return world, jnp.asarray(goods, jnp.int32).reshape(2, shape.citizens)


@st.composite
def histories(draw, name: str):
    """Actions in and out of the space, and luck in the order of `Draws`, for STEPS steps."""
    shape, spec = SHAPES[name], template(name).spec
    sizes = spec.roles["citizen"].actions
    sizes = sizes.sizes if shape.is_multi else (sizes.size,)
    count = STEPS * shape.citizens
    menus = [st.one_of(st.integers(0, size - 1), st.integers(-3, size + 3)) for size in sizes]
    picked = np.asarray(draw(st.lists(st.tuples(*menus), min_size=count, max_size=count)), np.int32)
    citizen = picked.reshape(STEPS, shape.citizens, -1)
    actions = {"citizen": citizen if shape.is_multi else citizen[..., 0]}
    if "planner" in spec.roles:
        rates = st.lists(st.integers(-1, 7), min_size=shape.brackets, max_size=shape.brackets)
        planner = [draw(rates) if t % shape.steps_per_period == 0 else [0] * shape.brackets for t in range(STEPS)]
        actions["planner"] = np.asarray(planner, np.int32)[:, None]
    turns = draw(st.lists(st.permutations(range(shape.citizens)), min_size=STEPS, max_size=STEPS))
    # Of luck only a seed: single numbers would cost more than they find.
    luck = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    fall = lambda *size: jnp.asarray(luck.random((STEPS, *size)), jnp.float32)  # noqa: E731
    tax = fall(shape.brackets) if shape.tax == "Saez" else ()
    cells = shape.size[0] * shape.size[1]
    draws = (jnp.asarray(turns, jnp.int32), fall(2, shape.citizens), fall(2, cells), tax)
    return jax.tree.map(jnp.asarray, actions), draws


def begin(world, goods):
    """The first state, with goods in hand."""
    zero = jnp.zeros((), jnp.int32)
    state = world.begin(world.beginning.start, world.tax.init(), zero, zero)
    return replace(state, goods=goods)


BEGIN = eqx.filter_jit(begin)


@pytest.mark.parametrize("name", SHAPES)
def test_no_world_and_no_actions_break_a_promise(name):
    """Property: conservation, places, orders, masks, taxes, utility and idleness of illegal actions, at every step."""

    @SETTINGS
    @given(people=worlds(name), history=histories(name))
    def check(people, history):
        world, goods = people
        start = BEGIN(world, goods)
        last, rewards, found = program(name)(world, start, *history)
        broken = {promise: np.flatnonzero(steps).tolist() for promise, steps in found.items() if np.any(steps)}
        assert not broken, f"steps at which promises were broken: {broken}"
        gained = np.asarray(last.utility - start.utility)
        size = 1 + np.abs(np.asarray(last.utility)).max()
        np.testing.assert_allclose(np.sum(rewards, axis=0), gained, atol=1e-4 * size)

    check()
