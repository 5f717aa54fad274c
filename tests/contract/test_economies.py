"""What every economy promises under every tax system that fits it: one suite over a literal table.

Kind of every test: contract or property. A configuration plays one random episode, which the tests then look at.
"""

from dataclasses import replace
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.knobs import full_knobs
from fisc.core.ledger import tolerance
from fisc.core.spaces import Box
from fisc.scenarios import checkpoint

from .table import CASES, TAXES

KNOBS = full_knobs(("citizen", "planner"))
CEILING = eqx.tree_at(lambda k: k.max_rate, KNOBS, jnp.asarray(0.3, jnp.float32))
NO_TAX = eqx.tree_at(lambda k: k.max_rate, KNOBS, jnp.zeros(()))
KEY = jax.random.key(11)
ROUNDING = {"rtol": 2e-5, "atol": 1e-3}
"""Of coin and utility in the thousands, in single precision, between two compilations."""
REPORT = eqx.filter_jit(lambda world, state: (world.metrics(state), world.accounts(state)))
SEE = eqx.filter_jit(lambda world, states, knobs: jax.vmap(lambda state: world.observe(state, knobs))(states))
"""Compiled once for every structure, in whatever case."""


def play(world, key, state, knobs):
    """A random episode with every moment of it: (final state, moments with a leading axis for time)."""

    def step(state, key_step):
        seen = world.observe(state, knobs)
        roles = world.spec.roles
        key_draw, *keys = jax.random.split(key_step, 1 + len(roles))
        actions = {r: roles[r].actions.sample(k, seen[r].mask) for r, k in zip(roles, keys, strict=True)}
        draws = world.draw(key_draw, state)
        after = world.transition(state, actions, draws, knobs)
        return after.state, {"before": state, "seen": seen, "actions": actions, "draws": draws, "after": after}

    return jax.lax.scan(step, state, jax.random.split(key, world.spec.steps))


def repeat(world, states, actions, draws, knobs):
    """Many moments at once."""
    return jax.vmap(lambda *moment: world.transition(*moment, knobs))(states, actions, draws)


REPEAT = eqx.filter_jit(repeat)


class Played:
    """One configuration with a random episode of it. It is compiled once: a second trace is an error."""

    def __init__(self, case):
        self.case, self.row, self.world = case, case.row, case.world()
        self.play = eqx.filter_jit(eqx.debug.assert_max_traces(play, max_traces=1))
        self.start = eqx.filter_jit(lambda world: world.init(KEY))(self.world)
        self.final, self.moments = self.play(self.world, KEY, self.start, KNOBS)
        self.steps = self.world.spec.steps

    def at(self, t: int):
        """One moment."""
        return jax.tree.map(lambda x: x[t], self.moments)

    def after(self, actions, knobs=KNOBS):
        """Every moment again with other actions."""
        moments = self.moments
        return REPEAT(self.world, moments["before"], {**moments["actions"], **actions}, moments["draws"], knobs)

    def see(self, knobs=KNOBS):
        """What everybody sees at every moment."""
        return SEE(self.world, self.moments["before"], knobs)

    def step(self, world, state, now, knobs=KNOBS):
        """One step of a world of the same structure from another state, with a moment's actions and draws."""
        often = lambda x: jnp.repeat(x[None], self.steps, axis=0)  # noqa: E731
        moments = jax.tree.map(often, (state, now["actions"], now["draws"]))
        return jax.tree.map(lambda x: x[0], REPEAT(world, *moments, knobs).state)


played_once = cache(Played)


@pytest.fixture(scope="module", params=CASES, ids=str)
def played(request) -> Played:
    """A configuration of the table."""
    return played_once(request.param)


def leaves(tree):
    return [np.asarray(x) for x in jax.tree.leaves(tree) if not jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)]


def assert_close(left, right):
    for a, b in zip(leaves(left), leaves(right), strict=True):
        np.testing.assert_allclose(a, b, **ROUNDING)


def test_observations_have_the_layout_that_the_spec_announces(played):
    for role, spec in played.world.spec.roles.items():
        seen = played.moments["seen"][role]
        assert set(seen.features) == set(spec.blocks)
        for name, block in spec.blocks.items():
            rows = 1 if block.is_public else spec.num_agents
            assert seen.features[name].shape == (played.steps, rows, len(block.names), *block.grid), name
        assert seen.mask.shape == (played.steps, spec.num_agents, spec.actions.mask_size)


def test_every_number_is_finite(played):
    for tree in (played.moments["seen"], played.moments["after"], REPORT(played.world, played.final)):
        assert all(np.isfinite(x).all() for x in leaves(tree))


def test_somebody_may_always_do_something_and_doing_nothing_is_always_legal(played):
    for role, spec in played.world.spec.roles.items():
        mask = np.asarray(played.moments["seen"][role].mask)
        assert (mask | ~np.asarray(spec.actions.idle())).all(), "idleness is legal"
        assert (mask & ~np.asarray(spec.actions.idle())).any(), "there is a choice at some time"


def test_sampled_actions_lie_in_the_space(played):
    for role, spec in played.world.spec.roles.items():
        assert bool(jnp.all(jax.vmap(spec.actions.contains)(played.moments["actions"][role])))


def test_a_planner_is_there_only_if_the_tax_system_asks_for_one(played):
    asks, role = TAXES[played.case.taxes](played.row).planner_space is not None, played.row.government
    assert asks == (role in played.world.spec.roles) == (role in played.moments["after"].rewards)


def test_compiled_and_eager_steps_agree(played):
    # The last step of an episode: every event of a step is computed, and taxes are collected.
    if played.case.taxes not in played.row.uncompiled_under:
        pytest.skip("uncompiled steps of this economy take long: see the other tax systems")
    now = played.at(played.steps - 1)
    assert_close(played.world.transition(now["before"], now["actions"], now["draws"], KNOBS), now["after"])
    assert_close(played.world.observe(now["before"], KNOBS), now["seen"])


def test_a_batch_of_moments_agrees_with_one_after_the_other(played):
    assert_close(played.after({}), played.moments["after"])
    assert_close(played.see(), played.moments["seen"])


def test_equal_keys_give_equal_episodes_and_others_do_not(played):
    final, moments = played.play(played.world, KEY, played.start, KNOBS)
    assert eqx.tree_equal((final, moments["actions"]), (played.final, played.moments["actions"]))
    other, _ = played.play(played.world, jax.random.key(12), played.start, KNOBS)
    assert not eqx.tree_equal(other, final)


def test_other_numbers_need_no_second_trace(played):
    # Contract: skills, costs, knobs, keys and states are traced, so that a grid of parameters is one compilation.
    other = played.row.vary(played.world)
    following = other.reset(KEY, played.final)
    final, _ = played.play(other, jax.random.key(13), following, CEILING)
    assert int(final.step) == played.steps


def test_the_books_balance_at_every_step(played):
    residuals = jax.vmap(lambda ledger: ledger.residual())(played.moments["after"].ledger)
    assert float(jnp.max(residuals)) < tolerance(jnp.float32)


def test_rewards_add_up_to_what_was_gained(played):
    # Closed form: rewards are differences, so an episode's sum telescopes.
    gained, rewards = played.row.gained(played.start, played.final), played.moments["after"].rewards
    for role, values in rewards.items():
        np.testing.assert_allclose(np.sum(values, axis=0), np.broadcast_to(gained[role], values[0].shape), **ROUNDING)


def wild(space, num: int):
    """Actions far outside of a space."""
    if isinstance(space, Box):
        return [jnp.full((num, space.size), x) for x in (-1.0, 1e9, jnp.nan, jnp.inf)]
    shape = (num, len(space.sizes)) if hasattr(space, "sizes") else (num,)
    return [jnp.full(shape, x, jnp.int32) for x in (-1, 10_000, -(2**31))]


def nothing(row, role: str, spec):
    """What doing nothing is: 0, and for those who set something themselves, what cannot be, which leaves it."""
    far = wild(spec.actions, spec.num_agents)
    is_rate = isinstance(spec.actions, Box) and role == row.government
    return far[2] if is_rate or role in row.stays else jnp.zeros_like(far[0])


def test_actions_outside_the_space_are_as_good_as_none(played):
    always = lambda x: jnp.broadcast_to(x, (played.steps, *x.shape))  # noqa: E731
    for role, spec in played.world.spec.roles.items():
        idle = played.after({role: always(nothing(played.row, role, spec))})
        for action in wild(spec.actions, spec.num_agents):
            assert eqx.tree_equal(played.after({role: always(action)}), idle)


def test_actions_that_the_mask_forbids_are_as_good_as_none(played):
    # Under a ceiling of 30 %, so that planners too have something forbidden at the start of a period.
    always = lambda x: jnp.broadcast_to(x, (played.steps, *x.shape))  # noqa: E731
    knobs = replace(CEILING, menu={role: jnp.asarray(flags) for role, flags in played.row.menu.items()})
    for role, spec in played.world.spec.roles.items():
        space, num = spec.actions, spec.num_agents
        seen = played.see(knobs)[role]
        if isinstance(space, Box):
            legal = jnp.broadcast_to(seen.mask, (played.steps, num, space.size))
            forbidden = jnp.full(legal.shape, 0.5)
        else:
            drawn = jax.jit(jax.vmap(space.sample))(jax.random.split(KEY, played.steps), ~seen.mask)
            forbidden = drawn.reshape(played.steps, num, -1)
            flags = space.split(seen.mask) if hasattr(space, "split") else [seen.mask]
            picks = [jnp.take_along_axis(flag, forbidden[..., d : d + 1], axis=-1) for d, flag in enumerate(flags)]
            legal = jnp.concatenate(picks, axis=-1)
        idle = always(nothing(played.row, role, spec))
        tried = jnp.where(legal.reshape(idle.shape), idle, forbidden.reshape(idle.shape))
        assert eqx.tree_equal(played.after({role: tried}, knobs), played.after({role: idle}, knobs))


def test_citizens_can_be_relabelled(played):
    # Property: skills, actions and luck in another order give the same outcomes in that order; only sums may round
    # apart. Where labels break ties, as in a market, the row keeps actions free of ties.
    row, people = played.row, played.row.people
    order = np.random.default_rng(0).permutation(played.world.spec.roles[people].num_agents)
    state, (other, mirrored) = played.start, row.relabel(played.world, played.start, order)
    for t in range(played.steps):
        now = played.at(t)
        now["actions"][people] = row.without_ties(t, now["actions"][people])
        state = played.step(played.world, state, now)
        now["actions"] = {**now["actions"], people: now["actions"][people][order]}
        now["draws"] = row.relabel_draws(now["draws"], order)
        mirrored = played.step(other, mirrored, now)
    found, expected = row.outcome(other, mirrored), row.outcome(played.world, state)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], np.asarray(values)[order], **ROUNDING, err_msg=name)
    np.testing.assert_allclose(mirrored.welfare, state.welfare, rtol=1e-4)
    np.testing.assert_allclose(row.rates(mirrored), row.rates(state), atol=1e-4)


def test_rates_of_zero_are_the_free_market(played):
    # Property: under a ceiling of zero every tax system leaves everybody what they earned.
    row, free, untaxed = played.row, played.case.world("free market"), played.start
    state = eqx.filter_jit(lambda world: world.init(KEY))(free)
    for t in range(played.steps):
        now = played.at(t)
        actions = {role: now["actions"][role] for role in free.spec.roles}
        without = {"actions": actions, "draws": row.untaxed(now["draws"])}
        state = played.step(free, state, without)
        untaxed = played.step(played.world, untaxed, now, NO_TAX)
    found, expected = row.outcome(played.world, untaxed), row.outcome(free, state)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, **ROUNDING, err_msg=name)
    np.testing.assert_allclose(untaxed.welfare, state.welfare, **ROUNDING)
    np.testing.assert_array_equal(row.taxes(untaxed), 0.0)


def test_a_state_survives_a_checkpoint_bit_for_bit(played, tmp_path):
    checkpoint.save(tmp_path / "state.ckpt", played.final, {"updates": 3})
    read, note = checkpoint.load(tmp_path / "state.ckpt", played.start)
    assert eqx.tree_equal(read, played.final)
    assert note == {"updates": 3}


def test_time_runs_in_periods_and_ends_at_the_horizon(played):
    # By hand: rates change in the first step of a period, taxes are collected in its last.
    spec, row, states = played.world.spec, played.row, played.moments["after"].state
    assert played.steps == spec.periods * spec.steps_per_period == int(played.final.step)
    rates = np.asarray(jax.vmap(row.rates)(states))
    for t in range(1, played.steps):
        if t % spec.steps_per_period:
            np.testing.assert_array_equal(rates[t], rates[t - 1])
    if row.assessed is None:
        return
    collected = np.asarray(jax.vmap(lambda state: row.assessed(played.world, state)[0])(states))
    for t in range(1, played.steps):
        if t % spec.steps_per_period != spec.steps_per_period - 1:
            np.testing.assert_array_equal(collected[t], collected[t - 1])
    np.testing.assert_array_max_ulp(*map(np.asarray, row.assessed(played.world, played.final)), maxulp=row.ulps_apart)


def test_an_episode_starts_over_from_nothing(played):
    # Contract: after a reset nobody owns anything; only what the tax system learned may differ from the start.
    again = eqx.filter_jit(lambda world, state: world.reset(KEY, state))(played.world, played.final)
    assert eqx.tree_equal(played.row.forget(again), played.row.forget(played.start))
