"""Random worlds of Gather-Trade-Build, random episodes in them, and a bookkeeper who looks at every step.

A `Shape` is what compilation needs; every number of a world, its map and its people are drawn for each environment.
"""

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from fisc.core.knobs import Knobs, full_knobs
from fisc.core.spaces import Box
from fisc.core.tax import TaxSystem
from fisc.econ import welfare
from fisc.economies.gather_trade_build.build import Building
from fisc.economies.gather_trade_build.economy import GatherTradeBuild, Preferences, Rules, SameBeginning
from fisc.economies.gather_trade_build.gather import Gathering
from fisc.economies.gather_trade_build.market import Market
from fisc.economies.gather_trade_build.observe import Sight
from fisc.economies.gather_trade_build.regrow import Regrowth
from fisc.economies.gather_trade_build.state import Start
from fisc.taxes.fixed import Fixed
from fisc.taxes.planner import PlannerContinuous, PlannerGrid
from fisc.taxes.saez import SaezEstimated

from .bookkeeper import faults
from .bookkeeping import far
from .feasibility import feasible, without_hopeless

ALL_EVENTS = ("build", "trade", "gather", "tax")
CANONICAL = ("build", "trade", "gather")
"""In this order a mask says exactly what can be done; in others a unit gathered first can be built with at once."""
TAXES = ("fixed", "planner, grid", "planner, continuous", "Saez")
BEYOND = 7
"""How far outside of the space wild actions lie."""


@dataclass(frozen=True)
class Shape:
    """What is static in a configuration."""

    citizens: int = 4
    size: tuple[int, int] = (5, 6)
    events: tuple[str, ...] = ALL_EVENTS
    tax: str = "planner, grid"
    brackets: int = 3
    max_price: int = 4
    order_duration: int = 3
    max_orders: int = 2
    halfwidth: tuple[int, int] = (0, 0)
    max_units: tuple[int, int] = (1, 1)
    is_multi: bool = False
    warmup_counts: str = "nothing"
    objective: str = "equality_times_productivity"
    convention: str = "exact"
    periods: int = 2
    steps_per_period: int = 5
    sight: Sight = field(default_factory=lambda: Sight(halfwidth=1))

    @property
    def is_canonical(self) -> bool:
        """Whether building, trade and gathering, as far as there are any, come in the papers' order."""
        return [e for e in self.events if e in CANONICAL] == [e for e in CANONICAL if e in self.events]


def random_world(key: Key[Array, ""], shape: Shape) -> GatherTradeBuild:
    """Draw every number of a world. `key`: consumed."""
    keys = iter(jax.random.split(key, 20))
    upto = lambda most, size=(): most * jax.random.uniform(next(keys), size)  # noqa: E731
    often = lambda value, chance: jnp.where(upto(1.0) < chance, value, 0.0)  # noqa: E731
    payment = upto(30.0)
    eta = jnp.where(upto(1.0) < 0.2, 1.0, upto(0.95))
    return GatherTradeBuild(
        beginning=random_beginning(next(keys), shape, payment),
        rules=Rules(
            building=Building(0.1 + upto(10.0)),
            market=Market(0.05 + upto(1.0), shape.max_price, shape.order_duration, shape.max_orders),
            gathering=Gathering(0.1 + upto(2.0), 0.1 + upto(2.0)),
            regrowth=Regrowth(upto(1.0, (2,)) ** 2, shape.halfwidth, shape.max_units),
        ),
        preferences=Preferences(eta, upto(0.5), 1.0 + upto(100.0), shape.warmup_counts),
        tax=random_tax(next(keys), shape),
        payment=jnp.maximum(payment, 1.0),
        starting_coin=often(upto(50.0), 0.7),
        objective=getattr(welfare, shape.objective),
        periods=shape.periods,
        steps_per_period=shape.steps_per_period,
        events=shape.events,
        sight=shape.sight,
        picks_from_every_menu=shape.is_multi,
        gini_convention=shape.convention,
    )


def random_beginning(key: Key[Array, ""], shape: Shape, payment: Float[Array, ""]) -> SameBeginning:
    """A map of which a tenth to a third are sources of each good, and somewhat less water. `key`: consumed."""
    key_map, key_people, key_cells, key_share = jax.random.split(key, 4)
    num, cells = shape.citizens, shape.size[0] * shape.size[1]
    share, mark = jax.random.uniform(key_share, (2,)), jax.random.uniform(key_map, (cells,))
    order = jax.random.permutation(key_cells, cells).astype(jnp.int32)
    is_home = jnp.any(order[:num, None] == jnp.arange(cells)[None, :], axis=0)
    source = 0.1 + 0.2 * share[0]
    water = (mark > 1.0 - 0.3 * share[1]) & ~is_home
    sources = jnp.stack([mark < source, (mark >= source) & (mark < 2 * source)])
    skill, bonus = jax.random.uniform(key_people, (2, num))
    return SameBeginning(
        Start(
            water=water.reshape(shape.size),
            sources=sources.reshape(2, *shape.size),
            cell=order[:num],
            build_payment=payment * (1 + 2 * skill),
            build_skill=skill,
            gather_bonus=jnp.clip(1.4 * bonus - 0.2, 0.0, 1.0),
        ),
        most_sources=cells,
    )


def random_tax(key: Key[Array, ""], shape: Shape) -> TaxSystem:
    """Random cutoffs, and rates if they are fixed. `key`: consumed."""
    key_cutoffs, key_rates = jax.random.split(key)
    widths = 0.5 + 20 * jax.random.uniform(key_cutoffs, (shape.brackets - 1,))
    cutoffs = jnp.concatenate([jnp.zeros(1), jnp.cumsum(widths)])
    if shape.tax == "planner, grid":
        return PlannerGrid(cutoffs, 0.25)
    if shape.tax == "planner, continuous":
        return PlannerContinuous(cutoffs)
    if shape.tax == "Saez":
        return SaezEstimated(cutoffs, None, window=4 * shape.citizens)
    return Fixed(cutoffs, jnp.clip(1.4 * jax.random.uniform(key_rates, (shape.brackets,)) - 0.2, 0.0, 1.0))


def random_action(key: Key[Array, ""], mask: Bool[Array, "n a"], sizes: tuple[int, ...]) -> Int[Array, "n d"]:
    """A number from each menu: half of them legal, a third anything, the rest outside of the space. `key`: consumed."""
    num, start, columns = mask.shape[0], 0, []
    for key_menu, size in zip(jax.random.split(key, len(sizes)), sizes, strict=True):
        kind, number = jax.random.uniform(key_menu, (2, num))
        legal = mask[:, start : start + size].astype(jnp.int32)
        rank, count = jnp.cumsum(legal, axis=1, dtype=jnp.int32), jnp.sum(legal, axis=1, dtype=jnp.int32)
        wanted = jnp.floor(number * count.astype(number.dtype)).astype(jnp.int32)
        lawful = jnp.sum((rank <= wanted[:, None]).astype(jnp.int32), axis=1, dtype=jnp.int32)
        anything = jnp.floor(number * size).astype(jnp.int32)
        wild = jnp.where(number < 0.5, -1 - jnp.floor(number * BEYOND), size + jnp.floor(number * BEYOND))
        wild = jnp.where(number < 0.05, -(2.0**31), wild).astype(jnp.int32)
        columns.append(jnp.where(kind < 0.5, lawful, jnp.where(kind < 0.85, anything, wild)))
        start += size
    return jnp.stack(columns, axis=1)


def random_actions(key: Key[Array, ""], world: GatherTradeBuild, seen) -> dict:
    """Actions of every role. `key`: consumed."""
    actions = {}
    for role, spec in world.spec.roles.items():
        key, key_role = jax.random.split(key)
        space, mask = spec.actions, seen[role].mask
        if isinstance(space, Box):
            actions[role] = -0.1 + 1.2 * jax.random.uniform(key_role, (mask.shape[0], space.size))
        elif hasattr(space, "sizes"):
            actions[role] = random_action(key_role, mask, space.sizes)
        else:
            actions[role] = random_action(key_role, mask, (space.size,))[:, 0]
    return actions


def inspected(world, state, actions, draws, knobs: Knobs, *, is_canonical: bool):
    """One step, and the promises that it broke: (what happened, {promise: is it broken})."""
    if not is_canonical:
        happened = world.transition(state, actions, draws, knobs)
        return happened, faults(world, state, actions, draws, happened, knobs)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        lawful = {**actions, "citizen": without_hopeless(world, state, actions["citizen"])}
    # Twice through the same compiled step, so that not even rounding differs.
    both = jax.tree.map(lambda *x: jnp.stack(x), actions, lawful)
    twice = jax.vmap(world.transition, in_axes=(None, 0, None, None))(state, both, draws, knobs)
    happened, again = (jax.tree.map(lambda x, k=k: x[k], twice) for k in (0, 1))
    found = faults(world, state, actions, draws, happened, knobs)
    found["illegal actions"] = ~jnp.all(
        jnp.stack([jnp.all(a == b) for a, b in zip(jax.tree.leaves(happened), jax.tree.leaves(again), strict=True)])
    )
    return happened, found


def episode(world: GatherTradeBuild, state, key: Key[Array, ""], knobs: Knobs, *, is_canonical: bool):
    """A random episode under inspection: (last state, {promise: steps that broke it}, {promise: the first of them}).

    `key`: consumed.
    """

    def step(carry, key_step):
        state, total = carry
        key_act, key_draw = jax.random.split(key_step)
        seen = world.observe(state, knobs)
        draws = world.draw(key_draw, state)
        actions = random_actions(key_act, world, seen)
        happened, found = inspected(world, state, actions, draws, knobs, is_canonical=is_canonical)
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            found["masks"] = jnp.any(seen["citizen"].mask != feasible(world, state))
        return (happened.state, total + happened.rewards["citizen"]), found

    start = (state, jnp.zeros_like(state.utility))
    (last, total), found = jax.lax.scan(step, start, jax.random.split(key, world.spec.steps))
    # Each of the sum's terms was rounded to the precision of a utility.
    found["telescope"] = jnp.zeros_like(found["masks"]).at[-1].set(far(total, last.utility - state.utility, 1e-3))
    broken = {name: jnp.sum(x.astype(jnp.int32), dtype=jnp.int32) for name, x in found.items()}
    return last, broken, {name: jnp.argmax(x).astype(jnp.int32) for name, x in found.items()}


def random_episodes(key: Key[Array, ""], shape: Shape, episodes: int = 2):
    """Some episodes in one random world: promises and the steps that broke them, the first of these, what went on.

    The ceiling on rates and the weight of labor are drawn too. Steps count on from episode to episode. `key`: consumed.
    """
    key_world, key_knobs, key_init, key_play = jax.random.split(key, 4)
    world = random_world(key_world, shape)
    ceiling, weight = jax.random.uniform(key_knobs, (2,))
    knobs = replace(full_knobs(), max_rate=jnp.minimum(1.0, 2 * ceiling), labor_cost=weight)

    def play(state, key_episode):
        key_reset, key_steps = jax.random.split(key_episode)
        state = world.reset(key_reset, state)
        last, broken, first = episode(world, state, key_steps, knobs, is_canonical=shape.is_canonical)
        journal = last.journal
        activity = {"houses": journal.builds, "trades": journal.sales, "gathered": journal.gathered}
        activity |= {"taxes": journal.taxes}
        return last, (broken, first, {name: jnp.sum(x) for name, x in activity.items()})

    found = jax.lax.scan(play, world.init(key_init), jax.random.split(key_play, episodes))[1]
    broken, first, activity = found
    total = {name: jnp.sum(x, dtype=jnp.int32) for name, x in broken.items()}
    which = {name: jnp.argmax(x > 0).astype(jnp.int32) for name, x in broken.items()}
    when = {name: k * world.spec.steps + first[name][k] for name, k in which.items()}
    return total, when, {name: jnp.sum(x) for name, x in activity.items()}
