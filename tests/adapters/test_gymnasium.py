"""Economies as Gymnasium environments of one agent, who decides on its own clock while others follow policies."""

import warnings

import gymnasium
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from fisc.adapters.gymnasium import single_agent_env
from fisc.adapters.pettingzoo import parallel_env
from fisc.core.errors import ActionError, ConfigError
from fisc.core.policy import Decision, Policy
from fisc.core.spaces import Discrete
from fisc.economies.one_step.best_response import BestResponse
from fisc.policies.scripted import Constant
from fisc.scenarios.settings import make_setting

from ..contract.table import ANY, GRID, LONG, OPEN, QUARTERS, SHORT, Case
from .village import TRACES, VILLAGES, Village

GRID_TWO_STEPS = Case(GRID, "planner, grid", SHORT).world()
BOX_TWO_YEARS = Case(ANY, "planner, continuous", LONG).world()
CYCLE = Case(OPEN, "planner, grid", QUARTERS).world()
ON_A_MAP = make_setting("gtb-open-quadrant", overrides={"economy.periods": 2, "economy.steps_per_period": 5}).economy
VIEWS = {
    "planner, best responses": (GRID_TWO_STEPS, "planner", "best_response"),
    "planner, two years": (BOX_TWO_YEARS, "planner", "best_response"),
    "citizen, grid": (GRID_TWO_STEPS, "citizen_002", {"citizen": "best_response", "planner": "random"}),
    "citizen, any hours": (BOX_TWO_YEARS, "citizen_000", "random"),
    "citizen, nobody plans": (Case(GRID, "flat", SHORT).world(), "citizen_006", "best_response"),
    **{f"village, {name}": (village, "citizen_001", "random") for name, village in VILLAGES.items()},
    "village, planner": (VILLAGES["one choice"], "planner", None),
    **{f"business cycle, {name}": (CYCLE, name, "random") for name in ("consumer_001", "firm_002", "government")},
    "on a map, planner": (ON_A_MAP, "planner", "random"),
    "on a map, citizen": (ON_A_MAP, "citizen_003", "random"),
}
BEST = {"citizen": "best_response", "planner": "random"}
HARMLESS = ("infinity", "does not have a spec", "not having a spec", "symmetric and normalized")
"""Observations have no bounds, environments are made by a function of ours, and hours are hours."""


@pytest.mark.parametrize("view", VIEWS)
def test_it_passes_the_check_of_gymnasium(view):
    # Contract: the library's own check; warnings of it are failures, but for those that are meant.
    world, agent, others = VIEWS[view]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(single_agent_env(world, agent=agent, others=others))
    said = [str(warning.message) for warning in caught]
    assert [text for text in said if not any(word in text for word in HARMLESS)] == []


def test_a_preset_is_found_by_name():
    # Contract.
    env = single_agent_env("one-step", others="best_response", overrides={"economy.workers": 8})
    seen, _ = env.reset(seed=0)
    assert env.observation_space.contains(seen)
    _, reward, terminated, truncated, info = env.step(env.action_space.sample(seen["action_mask"]))
    assert terminated and not truncated, "a planner of one year decides once"
    assert info["metrics"]["welfare"] == pytest.approx(reward, rel=1e-4), "welfare of the empty economy is 0"
    assert info["metrics"] == env.metrics()


def test_a_planner_earns_what_it_earns_in_pettingzoo():
    # Oracle: the environment of all agents, in which citizens do what the exact solution says, step by step.
    view = single_agent_env(GRID_TWO_STEPS, agent="planner", others="best_response")
    everybody, solve = parallel_env(GRID_TWO_STEPS), BestResponse(GRID_TWO_STEPS)
    rates = np.array([1, 2, 3, 4])
    view.reset(seed=3)
    seen, reward, *_ = view.step(rates)
    everybody.reset(seed=3)
    earned = 0.0
    while everybody.agents:
        now = GRID_TWO_STEPS.observe(everybody.economy_state, everybody.knobs)["citizen"]
        hours = dict(zip(everybody.possible_agents, np.asarray(solve.act_greedily(now)), strict=False))
        observations, rewards, *_ = everybody.step(hours | {"planner": rates})
        earned += rewards["planner"]
    assert reward == pytest.approx(earned, rel=1e-5) and earned > 0
    np.testing.assert_allclose(seen["aggregates"], observations["planner"]["aggregates"], rtol=1e-5)
    assert view.metrics() == pytest.approx(everybody.metrics(), rel=1e-4, abs=1e-4)


def test_a_citizen_earns_what_it_earns_in_pettingzoo():
    # Oracle: the environment of all agents. The first step is no decision: it is played before the view begins.
    others = {"citizen": Constant(jnp.full(7, 30, jnp.int32)), "planner": Constant(jnp.full((1, 4), 3, jnp.int32))}
    view = single_agent_env(GRID_TWO_STEPS, agent="citizen_004", others=others)
    everybody = parallel_env(GRID_TWO_STEPS)
    seen, _ = view.reset(seed=3)
    np.testing.assert_allclose(seen["rates"], 0.5), "choice 3 on a grid of quarters"
    assert seen["action_mask"].all()
    _, reward, terminated, *_ = view.step(55)
    everybody.reset(seed=3)
    hours = dict.fromkeys(everybody.possible_agents[:7], 30)
    everybody.step(hours | {"planner": [3] * 4})
    _, rewards, *_ = everybody.step(hours | {"citizen_004": 55, "planner": [3] * 4})
    assert terminated and reward == pytest.approx(rewards["citizen_004"], rel=1e-5)


def test_an_agent_steps_on_its_own_clock():
    # By hand: two periods of three steps. The planner decides twice, citizens six times, and four times if the first
    # step of a period is no choice; what is earned in such a step belongs to the decision before it.
    for agent, idle, decisions in [("planner", (), 2), ("citizen_000", (), 6), ("citizen_000", (0,), 4)]:
        env = single_agent_env(Village(idle=idle), agent=agent)
        env.reset(seed=1)
        lengths = []
        over = False
        while not over:
            before = int(env.economy_state.step)
            *_, over, _, _ = env.step(env.action_space.sample())
            lengths.append(int(env.economy_state.step) - before)
        assert len(lengths) == decisions
        assert lengths == {2: [3, 3], 6: [1] * 6, 4: [1, 2, 1, 1]}[decisions]
    assert int(env.economy_state.step) == 6


def test_what_is_earned_between_decisions_is_added_up():
    # By hand: the second citizen of the village earns luck in [0, 1) and its action, 3, in the first step only, if the
    # second step is no choice; the planner earns both citizens' pay of three steps.
    others = {"citizen": Constant(jnp.zeros(2, jnp.int32)), "planner": Constant(jnp.zeros((1, 2), jnp.int32))}
    env = single_agent_env(Village(citizen=Discrete(4), idle=(1,)), agent="citizen_001", others=others)
    env.reset(seed=1)
    _, reward, *_ = env.step(3)
    assert 3 < reward < 5
    twos = {"citizen": Constant(jnp.full(2, 2, jnp.int32))}
    planner = single_agent_env(VILLAGES["one choice"], agent="planner", others=twos)
    planner.reset(seed=1)
    _, reward, *_ = planner.step([2, 3])
    assert 12 < reward < 18
    assert planner.economy_state.rates.tolist() == planner.economy_state.heard.tolist() == [2, 3], "its action stays"


def test_other_planners_keep_their_action_for_a_period():
    # Property: a random planner is heard once in three steps.
    env = single_agent_env(VILLAGES["one choice"], agent="citizen_000", others="random")
    env.reset(seed=2)
    heard = []
    for _ in range(6):
        env.step(0)
        heard.append(env.economy_state.heard.tolist())
    assert heard[0] == heard[1] == heard[2] and heard[3] == heard[4] == heard[5] and heard[0] != heard[3]


class Counting(Policy):
    """A planner that says how many decisions it has made in the episode."""

    def first_memory(self, num_agents):
        """None so far."""
        return jnp.zeros((num_agents, 2), jnp.int32)

    def remember(self, observation):
        """One more."""
        return observation.memory + 1

    def act(self, key, observation):
        """So many."""
        return Decision(observation.memory, observation.memory, jnp.zeros(1), jnp.zeros(1))

    def act_greedily(self, observation):
        """So many."""
        return observation.memory


def test_others_remember_until_the_episode_ends():
    # By hand: a planner decides in the first of three steps, twice an episode.
    others = {"citizen": Constant(jnp.zeros(2, jnp.int32)), "planner": Counting()}
    env = single_agent_env(VILLAGES["one choice"], agent="citizen_000", others=others)
    for _ in range(2):
        env.reset(seed=1)
        heard = []
        for _ in range(6):
            env.step(0)
            heard.append(env.economy_state.heard.tolist())
        assert heard == [[0, 0]] * 3 + [[1, 1]] * 3


def test_seeds_reproduce_and_a_reset_without_one_goes_on():
    # Property: the same seed gives the same episode, luck and random others included.
    def episode(env, **options):
        env.reset(**options)
        return [env.step(1)[1] for _ in range(6)]

    env = single_agent_env(VILLAGES["one choice"], agent="citizen_000", others="random")
    first, second = episode(env, seed=4), episode(env)
    other = single_agent_env(VILLAGES["one choice"], agent="citizen_000", others="random")
    assert episode(other, seed=4) == first != second == episode(other)


def test_a_second_view_compiles_nothing():
    # Property: another citizen, seed or step is a number, not another program.
    def episode(agent, seed):
        env = single_agent_env(Village(periods=3, steps=2), agent=agent)
        env.reset(seed=seed)
        while not env.step([1, 1])[2]:
            pass

    episode("citizen_000", 0)
    before = len(TRACES)
    episode("citizen_001", 1)
    assert len(TRACES) == before


def test_environments_can_be_vectorized():
    # Contract: Gymnasium's own batches of environments.
    make = lambda: single_agent_env(GRID_TWO_STEPS, agent="planner", others="best_response")  # noqa: E731
    batch = gymnasium.vector.SyncVectorEnv([make, make])
    seen, _ = batch.reset(seed=[1, 2])
    assert seen["rates"].shape == (2, 4)
    _, rewards, terminated, *_ = batch.step(np.array([[1] * 4, [3] * 4]))
    assert terminated.all() and rewards[0] != rewards[1]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"agent": "plannner"}, "unknown agent 'plannner': did you mean 'planner'"),
        ({"others": "best-response"}, "unknown policy 'best-response': did you mean 'best_response'"),
        ({"others": {"firm": "random"}}, "unknown role in others 'firm'"),
        ({"others": {"planner": "random"}}, "unknown role in others 'planner'"),
        ({"others": 3}, "the policy of role 'citizen' is a int: expected 'best_response'"),
        ({"agent": "citizen_000", "others": "best_response"}, "no exact best response is known for role 'planner'"),
    ],
)
def test_an_impossible_view_is_refused(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        single_agent_env(GRID_TWO_STEPS, **options)


def test_a_village_has_no_best_response():
    with pytest.raises(ConfigError, match="role 'citizen' of the economy 'village': give 'random'"):
        single_agent_env(Village(), others="best_response")


def test_a_bad_action_or_one_out_of_turn_is_refused():
    env = single_agent_env(GRID_TWO_STEPS, agent="citizen_002", others=BEST)
    with pytest.raises(ActionError, match="call reset"):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(ActionError, match="citizen_002 is 101: expected one integer in 0, …, 100"):
        env.step(101)
    env.step(100)
    with pytest.raises(ActionError, match="call reset"):
        env.step(0)
