"""Economies as PettingZoo environments: they pass its tests, and are the economy itself, step by step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo.test import parallel_api_test, parallel_seed_test
from pettingzoo.utils import parallel_to_aec

from fisc.adapters.engine import episode_keys
from fisc.adapters.pettingzoo import parallel_env
from fisc.core.errors import ActionError, ConfigError
from fisc.core.knobs import full_knobs
from fisc.scenarios.settings import make_setting

from ..contract.table import ANY, GRID, LONG, OPEN, QUARTERS, SHORT, Case
from .village import TRACES, VILLAGES, Village

SHORT_YEARS = {"economy.periods": 2, "economy.steps_per_period": 5}
ECONOMIES = {
    "one-step, grid": Case(GRID, "planner, grid", SHORT).world(),
    "one-step, continuous": Case(ANY, "planner, continuous", LONG).world(),
    "one-step, nobody plans": Case(GRID, "Saez", LONG).world(),
    "on a map": make_setting("gtb-open-quadrant", overrides=SHORT_YEARS).economy,
    "on a map, one choice of each kind": make_setting(
        "gtb-open-quadrant", "us_federal", overrides={**SHORT_YEARS, "economy.choices": "one_of_each"}
    ).economy,
    "business cycle": Case(OPEN, "planner, grid", QUARTERS).world(),
    **{f"village, {name}": village for name, village in VILLAGES.items()},
}


@pytest.fixture(params=ECONOMIES)
def economy(request):
    return ECONOMIES[request.param]


def draw(env, observations):
    """A random legal action for everybody, as PettingZoo's pages recommend it."""
    return {name: env.action_space(name).sample(observations[name].get("action_mask")) for name in env.agents}


def seed_spaces(env, seed=3):
    for number, name in enumerate(env.possible_agents):
        env.action_space(name).seed(seed + number)


@pytest.mark.filterwarnings("error::UserWarning")
def test_it_passes_the_tests_of_pettingzoo(economy):
    # Contract: the library's own two tests; a warning of theirs is a failure too.
    parallel_api_test(parallel_env(economy), num_cycles=20)
    parallel_seed_test(lambda: parallel_env(economy), num_cycles=20)


def test_a_preset_is_found_by_name():
    # Contract, and by hand: eight workers and a planner for the seven brackets of 22 choices each.
    env = parallel_env("one-step", overrides={"economy.workers": 8})
    assert env.possible_agents == [f"citizen_{i:03d}" for i in range(8)] + ["planner"]
    assert env.action_space("planner") == spaces.MultiDiscrete([22] * 7)
    assert env.action_space("citizen_007") == spaces.Discrete(101)
    free = parallel_env("one-step", arm="free_market", overrides={"economy.workers": 8})
    assert free.possible_agents == env.possible_agents[:8], "nobody plans a free market"
    parallel_api_test(env, num_cycles=4)


def test_stepping_it_is_stepping_the_economy(economy):
    # Oracle: the economy itself, under the documented keys; two episodes, the second of
    # which is a reset of the first.
    env, knobs, roles = parallel_env(economy), full_knobs(tuple(economy.spec.roles)), economy.spec.roles
    seed_spaces(env)
    state = None
    step, observe = eqx.filter_jit(economy.step), eqx.filter_jit(economy.observe)
    for episode in range(2):
        keys = episode_keys(7, episode)
        state = economy.init(keys.start) if state is None else economy.reset(keys.start, state)
        observations, _ = env.reset(seed=7) if episode == 0 else env.reset()
        assert_same(env, economy, observations, observe(state, knobs))
        held = {}
        for t in range(economy.spec.steps):
            given = draw(env, observations)
            actions = {role: stacked(env, role, given) for role in roles}
            if t % economy.spec.steps_per_period:
                actions |= held
            held = {role: actions[role] for role, entry in roles.items() if entry.acts_each == "period"}
            after = step(jax.random.fold_in(keys.steps, t), state, actions, knobs)
            state = after.state
            observations, rewards, terminated, truncated, _ = env.step(given)
            assert_same(env, economy, observations, observe(state, knobs), with_masks=False)
            for role in roles:
                ours = [rewards[name] for name in env.possible_agents if env._role_of[name] == role]
                np.testing.assert_allclose(ours, after.rewards[role], rtol=1e-5, atol=1e-3)
        assert all(terminated.values()) and not any(truncated.values()) and env.agents == []
    assert env.metrics() == pytest.approx({k: float(v) for k, v in economy.metrics(state).items()}, rel=1e-4, abs=1e-3)


def stacked(env, role, given):
    """Actions of a role as the economy takes them."""
    rows = np.stack([action for name, action in given.items() if env._role_of[name] == role])
    return jnp.asarray(rows, jnp.float32 if rows.dtype.kind == "f" else jnp.int32)


def assert_same(env, economy, observations, seen, with_masks=True):
    for role in economy.spec.roles:
        names = [name for name in env.possible_agents if env._role_of[name] == role]
        for i, name in enumerate(names):
            assert env.observation_space(name).contains(observations[name]) or not env.agents
            for block, values in seen[role].features.items():
                row = values[0 if values.shape[0] == 1 else i]
                np.testing.assert_allclose(observations[name][block], row, rtol=1e-5, atol=1e-4)
            if with_masks:
                mask = observations[name].get("action_mask", observations[name].get("may_act"))
                flat = np.concatenate(mask) if isinstance(mask, tuple) else mask
                assert flat.dtype == np.int8
                np.testing.assert_array_equal(flat, seen[role].mask[i])


def test_blocks_keep_their_shape_and_become_single_precision():
    # By hand: two channels on a map of 2 by 3; labels stay integers, and the flags of a component are an array each.
    env = parallel_env(VILLAGES["several choices"])
    observations, _ = env.reset(seed=0)
    seen = observations["citizen_001"]
    assert (seen["map"].shape, seen["map"].dtype) == ((2, 2, 3), np.float32)
    assert (seen["labels"].shape, seen["labels"].dtype) == ((1, 2, 3), np.int16)
    assert [mask.tolist() for mask in seen["action_mask"]] == [[1, 1], [1, 1, 0]]
    assert [mask.tolist() for mask in observations["planner"]["action_mask"]] == [[1, 1, 1], [1, 1, 1, 1]]
    np.testing.assert_array_equal(seen["map"], np.broadcast_to(seen["coin"][0], (2, 2, 3)))


def test_between_its_decisions_a_planner_may_do_nothing_and_its_action_stays():
    # By hand: the village notes what it hears. Choices (1, 2) stay for three steps whatever is said, or left out.
    env = parallel_env(VILLAGES["one choice"])
    env.reset(seed=0)
    work = {"citizen_000": 0, "citizen_001": 0}
    seen, *_ = env.step(work | {"planner": [1, 2]})
    assert [mask.tolist() for mask in seen["planner"]["action_mask"]] == [[1, 0, 0], [1, 0, 0, 0]]
    env.step(work | {"planner": [2, 3]})
    assert env.economy_state.heard.tolist() == [1, 2]
    seen, *_ = env.step(work)
    assert env.economy_state.heard.tolist() == [1, 2]
    assert [mask.tolist() for mask in seen["planner"]["action_mask"]] == [[1, 1, 1], [1, 1, 1, 1]]
    env.step(work | {"planner": [2, 3]})
    assert env.economy_state.heard.tolist() == [2, 3]


def test_seeds_reproduce_and_a_reset_without_one_goes_on():
    # Property: a seed starts a fresh world; without one the next episode differs, and institutions remember.
    env, other = parallel_env(Village()), parallel_env(Village())
    first, again = env.reset(seed=5)[0], other.reset(seed=5)[0]
    following = env.reset()[0]
    assert first["citizen_000"]["coin"] == again["citizen_000"]["coin"] != following["citizen_000"]["coin"]
    assert following["citizen_000"]["episode"] == 1, "the village counts its episodes"
    assert other.reset()[0]["citizen_000"]["coin"] == following["citizen_000"]["coin"]
    assert env.reset(seed=5)[0]["citizen_000"]["coin"] == first["citizen_000"]["coin"]
    assert env.reset(seed=6)[0]["citizen_000"]["coin"] != first["citizen_000"]["coin"]
    unseeded = parallel_env(Village()).reset()[0], parallel_env(Village()).reset()[0]
    assert unseeded[0]["citizen_000"]["coin"] != unseeded[1]["citizen_000"]["coin"]


def test_a_second_environment_compiles_nothing():
    # Property: transitions are traced once for all steps, episodes and environments of one structure.
    env = parallel_env(Village(periods=1, steps=2))
    before = len(TRACES)
    for world in (env, parallel_env(Village(periods=1, steps=2))):
        for seed in (1, 2):
            observations, _ = world.reset(seed=seed)
            while world.agents:
                observations, *_ = world.step(draw(world, observations))
    assert len(TRACES) - before == 1


def test_what_is_returned_can_be_kept_and_written_to():
    # Property: agents that see the same numbers do not share memory, nor do steps.
    env = parallel_env(VILLAGES["one choice"])
    seen, _ = env.reset(seed=0)
    seen["citizen_000"]["labels"][:] = 9
    assert seen["citizen_001"]["labels"].max() == 5
    assert env.reset(seed=0)[0]["citizen_000"]["labels"].max() == 5


def test_it_converts_to_pettingzoos_turns():
    # Contract: the library's own conversion, in which agents act one after the other.
    env = parallel_to_aec(parallel_env(VILLAGES["several choices"]))
    env.reset(seed=1)
    for name in env.agent_iter():
        seen, _, terminated, truncated, _ = env.last()
        env.step(None if terminated or truncated else env.action_space(name).sample(seen["action_mask"]))
    assert env.agents == []


@pytest.mark.parametrize(
    ("village", "action", "complaint"),
    [
        ("one choice", 4, "citizen_001 is 4: expected one integer in 0, …, 3"),
        ("one choice", -1, "expected one integer"),
        ("one choice", 1.5, "citizen_001 is 1.5: expected one integer"),
        ("one choice", [1, 2], r"citizen_001 is \[1 2\]: expected one integer"),
        ("one choice", None, "citizen_001 is None"),
        ("several choices", [1, 3], "expected 2 integers, at least 0 and below 2, 3"),
        ("several choices", 1, "expected 2 integers"),
        ("any number", [0.5, 2.5], r"expected 2 numbers in \[0, 2\]"),
        ("any number", [0.5, np.nan], r"expected 2 numbers in \[0, 2\]"),
        ("any number", ["a", "b"], r"expected 2 numbers in \[0, 2\]"),
    ],
)
def test_a_bad_action_is_refused_with_what_was_expected(village, action, complaint):
    env = parallel_env(VILLAGES[village])
    env.reset(seed=0)
    good = {name: env.action_space(name).sample() for name in env.agents}
    with pytest.raises(ActionError, match=complaint):
        env.step(good | {"citizen_001": action})
    env.step(good)  # nothing happened before


def test_an_action_out_of_turn_is_refused():
    env = parallel_env(VILLAGES["one choice"])
    with pytest.raises(ActionError, match="call reset"):
        env.step({})
    with pytest.raises(ActionError, match="call reset"):
        env.metrics()
    env.reset(seed=0)
    with pytest.raises(ActionError, match="no action for citizen_001: give one for every agent"):
        env.step({"citizen_000": 0})
    with pytest.raises(ConfigError, match="unknown agent 'citizen_01': did you mean 'citizen_001'"):
        env.step({"citizen_000": 0, "citizen_01": 0, "planner": [0, 0]})


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "a"])
def test_a_bad_seed_is_refused(seed):
    with pytest.raises(ConfigError, match="expected an integer in 0"):
        parallel_env(VILLAGES["one choice"]).reset(seed=seed)


def test_an_impossible_combination_is_refused():
    with pytest.raises(ConfigError, match="unknown scenario 'one-stap': did you mean 'one-step'"):
        parallel_env("one-stap")
    with pytest.raises(ConfigError, match="arm given with an economy"):
        parallel_env(Village(), arm="planner")
    with pytest.raises(ConfigError, match="expected a scenario, its name, an Economy or a Setting, not int"):
        parallel_env(3)
    with pytest.raises(ConfigError, match="unknown agent 'citizen_1'"):
        parallel_env(Village()).action_space("citizen_1")
