"""What policies remember while they play and learn: when it begins anew, how it is replayed, and that it is kept.

A counter remembers how many decisions it has made, which is worked out by hand; see `toy.Clock` for its world of two
periods of three steps. Networks that remember learn in `Recall`, where nothing else helps.
"""

from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.economy import Block, Economy, EconomySpec, Observation, RoleSpec, Transition
from fisc.core.ledger import Ledger
from fisc.core.policy import Decision, Evaluation, TrainablePolicy
from fisc.core.spaces import Discrete
from fisc.learning.curriculum import Phases, RoleSchedule
from fisc.learning.freeze import OneApart, apart, both_remember
from fisc.learning.ppo import Settings, ppo, sequence_length
from fisc.learning.rollout import play_actions, play_episodes, play_fragments
from fisc.learning.train import unstack
from fisc.learning.two_level import TwoLevel
from fisc.policies.actor_critic import make_policy, set_scale
from fisc.policies.reading import layout_of
from fisc.scenarios import checkpoint

from .toy import KNOBS, Clock, Lookout, State, copies

KEY = jax.random.key(0)


class Counter(TrainablePolicy):
    """Does, and expects, as many as the decisions it has made before in the episode."""

    num_agents: int = eqx.field(static=True)

    def first_memory(self, num_agents):
        """None so far."""
        return jnp.zeros(num_agents, jnp.int32)

    def remember(self, observation):
        """One more."""
        return observation.memory + 1

    def act(self, key, observation):
        """So many."""
        zeros = jnp.zeros(self.num_agents)
        return Decision(observation.memory, observation.memory, zeros, self.value(observation))

    def act_greedily(self, observation):
        """So many."""
        return observation.memory

    def evaluate(self, observation, latent):
        """Certain of it."""
        value = self.value(observation)
        return Evaluation(jnp.zeros_like(value), jnp.zeros_like(value), value)

    def value(self, observation):
        """So many."""
        return observation.memory.astype(jnp.float32)


COUNTERS = {"citizen": Counter(2), "planner": Counter(1)}


@eqx.filter_jit
def play(states, clock, memories=None, num_periods=1, world=Clock()):  # noqa: B008 - a toy without state
    return play_fragments(world, COUNTERS, KEY, states, clock, KNOBS, num_periods, memories)


def counts(fragment, role="citizen"):
    """What the first agent did, environment by environment."""
    return fragment.experience.trajectories[role].latent[:, :, 0].T.tolist()


@cache
def history():
    """Two environments, the second one a period ahead of itself, over three fragments of a period."""
    states, clock, memories, fragments = copies(Clock().init(KEY), 2), jnp.array([0, 1], jnp.int32), None, []
    for _ in range(3):
        fragments.append(play(states, clock, memories))
        states, clock, memories = fragments[-1].experience.state, fragments[-1].clock, fragments[-1].memories
    return fragments


def test_memory_goes_on_over_fragments_and_begins_anew_with_an_episode():
    """By hand: the first environment's episode has six decisions; the second one's first episode is cut to three."""
    assert [counts(f)[0] for f in history()] == [[0, 1, 2], [3, 4, 5], [0, 1, 2]]
    assert [counts(f)[1] for f in history()] == [[0, 1, 2], [0, 1, 2], [3, 4, 5]]


def test_who_decides_once_a_period_remembers_once_a_period():
    """By hand: two decisions an episode."""
    assert [counts(f, "planner") for f in history()] == [[[0], [0]], [[1], [0]], [[0], [1]]]


def test_memory_begins_anew_within_a_fragment_of_several_periods():
    """By hand: from the second period on, over the end, to the first of the next episode."""
    first = history()[0]
    fragment = play(first.experience.state, first.clock, first.memories, 2)
    assert counts(fragment)[0] == [3, 4, 5, 0, 1, 2]
    assert counts(fragment, "planner")[0] == [1, 0]


def test_the_critic_remembers_at_the_end_of_a_fragment():
    """By hand: three decisions have been made after the first one."""
    assert history()[0].experience.trajectories["citizen"].last_value[0].tolist() == [3.0, 3.0]


def test_a_whole_episode_begins_without_memory():
    """By hand: six decisions of citizens, two of the planner."""
    played = eqx.filter_jit(play_episodes)(Clock(), COUNTERS, KEY, copies(Clock().init(KEY), 1), KNOBS)
    assert played.trajectories["citizen"].latent[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert played.trajectories["planner"].latent[:, 0, 0].tolist() == [0, 1]


def test_nothing_is_remembered_of_steps_without_a_choice():
    """By hand: of three steps the second is idle: two decisions a period."""
    fragment = play(copies(Clock().init(KEY), 1), jnp.zeros(1, jnp.int32), None, 2, Clock(idle=(1,)))
    assert counts(fragment)[0] == [0, 1, 2, 3]
    actions = play_actions(Clock(idle=(1,)), COUNTERS, Clock().init(KEY), KEY, KEY)
    assert actions["citizen"][:, 0].tolist() == [0, 1, 1, 2, 3, 3]


def test_actions_of_an_episode_are_those_of_who_remembers():
    """By hand: as in a whole episode; the planner repeats its own until the next period."""
    actions = play_actions(Clock(), COUNTERS, Clock().init(KEY), KEY, KEY)
    assert actions["citizen"][:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert actions["planner"][:, 0].tolist() == [0, 0, 0, 1, 1, 1]


class Recall(Economy[State, jax.Array]):
    """Two citizens are told a side in the first step, and are paid for naming it in the last one."""

    @property
    def spec(self) -> EconomySpec:
        """Two periods of two steps."""
        blocks = {"seen": Block(("left", "right", "is_last"), is_public=False)}
        return EconomySpec("recall", {"citizen": RoleSpec(2, Discrete(2), blocks, "step")}, 2, 2)

    def init(self, key):
        """`total` holds the sides. `key`: consumed."""
        sides = jax.random.bernoulli(key, 0.5, (2,)).astype(jnp.float32)
        return State(jnp.zeros((), jnp.int32), sides, jnp.zeros(()))

    def reset(self, key, state):
        """Other sides. `key`: consumed."""
        return self.init(key)

    def observe(self, state, knobs):
        """The sides, and whether it is time to name them."""
        told = jnp.where(state.step == 0, jnp.stack([1 - state.total, state.total], axis=1), 0.0)
        last = jnp.full((2, 1), (state.step == 3).astype(jnp.float32))
        return {"citizen": Observation({"seen": jnp.concatenate([told, last], axis=1)}, jnp.ones((2, 2), bool))}

    def draw(self, key, state):
        """Nothing is random."""
        return jnp.zeros(())

    def transition(self, state, actions, draws, knobs):
        """Pay 1 for the right side in the last step."""
        is_right = actions["citizen"].astype(jnp.float32) == state.total
        reward = jnp.where(state.step == 3, is_right.astype(jnp.float32), 0.0)
        books = {"coin": jnp.zeros(())}
        after = State(state.step + 1, state.total, state.heard)
        return Transition(after, {"citizen": reward}, Ledger(books, books, books))

    def metrics(self, state):
        """Steps taken."""
        return {"welfare": state.step.astype(jnp.float32)}

    def accounts(self, state):
        """Nothing to tell."""
        return {}


REMEMBERS = partial(layout_of, remembers=True)


@cache
def system(world, updates=6, rate=0.01, sequence=25, periods=1, shuffles=True, remembers=True, own=False):
    settings = Settings(
        rate, discount=0.95, trace=0.9, epochs=2, minibatches=2, sequence=sequence, shuffles_rows=shuffles
    )
    policy = make_policy((8,), read=REMEMBERS if remembers else layout_of, own_networks=own)
    steady = Phases({"citizen": RoleSchedule(entropy=(0.0, 0.0))})
    return TwoLevel({"citizen": ppo(settings, policy, set_scale)}, steady, updates, 16, periods)


@cache
def step(world, **options):
    return eqx.filter_jit(lambda run: system(world, **options).step(world, run))


@cache
def begin(world, **options):
    return eqx.filter_jit(system(world, **options).init)(world, KEY)


def go_on(run, world, updates, **options):
    """The state after some updates, and the metrics of each."""
    seen = []
    for _ in range(updates):
        run, metrics = step(world, **options)(run)
        seen.append(metrics)
    return run, seen


REPLAYS = {
    "whole fragments": {"periods": 2},
    "shorter sequences": {"periods": 3, "sequence": 2},
    "stretches of time": {"periods": 2, "sequence": 1, "shuffles": False},
    "whole episodes": {"periods": None},
    "own networks": {"periods": 2, "own": True},
}


@pytest.mark.parametrize("options", REPLAYS.values(), ids=REPLAYS)
def test_a_policy_that_stays_as_it_is_replays_what_it_decided(options):
    """Closed form: with equal parameters every ratio is 1, so that nothing diverges and nothing is clipped; values too.

    Lookout has four periods of two steps: fragments of three end within and between sequences.
    """
    run, metrics = go_on(begin(Lookout(), rate=0.0, **options), Lookout(), 3, rate=0.0, **options)
    for seen in metrics:
        assert abs(float(seen["citizen/approximate_kl"])) < 1e-6 and float(seen["citizen/clip_fraction"]) == 0.0
        assert abs(float(seen["citizen/loss/policy"])) < 1e-5
    if options["periods"] is not None:
        assert float(jnp.abs(run.memories["citizen"]["actor"].cell).max()) > 0.01


def test_a_run_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(tmp_path):
    """Contract: bit for bit, amid episodes, with what is remembered of them."""
    start = begin(Recall())
    half, _ = go_on(start, Recall(), 3)
    assert float(jnp.abs(half.memories["citizen"]["critic"].cell).max()) > 0.01
    checkpoint.save(tmp_path / "run.ckpt", half, {"updates": 3})
    kept, _ = checkpoint.load(tmp_path / "run.ckpt", start)
    assert eqx.tree_equal(kept, half)
    whole, again = (go_on(run, Recall(), 2)[0] for run in (half, kept))
    assert eqx.tree_equal(whole, again)
    forgetful = eqx.tree_at(lambda r: r.memories, half, jax.tree.map(jnp.zeros_like, half.memories))
    assert not eqx.tree_equal(go_on(forgetful, Recall(), 2)[0], whole)


@cache
def share_that_recalls(remembers: bool) -> float:
    """Of the last tenth of 150 updates: what an episode pays."""
    options = {"updates": 150, "rate": 0.02, "periods": 2, "remembers": remembers}
    learning, world = system(Recall(), **options), Recall()

    @eqx.filter_jit
    def train(run):
        arrays, static = eqx.partition(run, eqx.is_array)

        def update(arrays, _):
            following, metrics = learning.step(world, eqx.combine(arrays, static))
            return eqx.filter(following, eqx.is_array), metrics["citizen/reward"]

        return jax.lax.scan(update, arrays, None, length=150)[1]

    return float(jnp.mean(train(begin(world, **options))[-15:]))


def test_who_remembers_learns_what_nobody_else_can():
    """Learning threshold: without a memory half of the answers are right, with one more than nine in ten."""
    assert share_that_recalls(True) > 0.9
    assert share_that_recalls(False) < 0.65


def test_a_role_that_starts_fresh_has_forgotten_everything():
    """Contract: a new network does not read what another one remembered."""
    world = Clock()
    learner = system(world).learners["citizen"]
    roles = {"citizen": RoleSchedule(starts_fresh=True), "planner": RoleSchedule(settles_at=0.5)}
    renewing = TwoLevel({"citizen": learner, "planner": learner}, Phases(roles), 4, 2, 1)
    run = eqx.filter_jit(renewing.init)(world, KEY)
    run = eqx.tree_at(lambda r: r.update, run, jnp.asarray(2, jnp.int32))
    told = eqx.tree_at(lambda r: r.memories["citizen"], run, jax.tree.map(jnp.ones_like, run.memories["citizen"]))
    again = eqx.filter_jit(renewing.step)
    assert eqx.tree_equal(again(world, told)[0], again(world, run)[0])


def test_sequences_divide_the_decisions_of_an_update():
    # By hand: of 25 at most; a prime number of decisions has only sequences of one, or is one.
    assert [sequence_length(decisions, 25) for decisions in (100, 10, 30, 29, 23, 1)] == [25, 10, 15, 1, 23, 1]


def test_one_apart_remembers_for_itself():
    """Property: equal policies decide as if there were only one; the one alone learns from its own memory."""
    world, learner = Recall(), system(Recall()).learners["citizen"]
    alone = TwoLevel({"citizen": apart(learner, 1, lambda policy: policy)}, system(world).curriculum, 6, 16, 1)
    run, together = eqx.filter_jit(alone.init)(world, KEY), begin(world)
    state = together.learners["citizen"]
    memory = {"citizen": both_remember(together.memories["citizen"])}
    assert jax.tree.structure(run.memories) == jax.tree.structure(memory)
    policy = state.policy
    seen = jax.vmap(lambda state: world.observe(state, KNOBS))(together.environments)["citizen"]
    seen = unstack(seen, 0)
    told = seen.with_memory(policy.first_memory(2))
    one = OneApart(policy, policy, jnp.int32(1))
    doubled = seen.with_memory(one.first_memory(2))
    assert eqx.tree_equal(policy.act(KEY, told).action, one.act(KEY, doubled).action)
    assert eqx.tree_equal(one.remember(doubled), both_remember(policy.remember(told)))
    after, metrics = eqx.filter_jit(lambda run: alone.step(world, run))(run)
    assert eqx.tree_equal(after.learners["citizen"].rest, run.learners["citizen"].rest)
    assert not eqx.tree_equal(after.learners["citizen"].own.policy.actor, run.learners["citizen"].own.policy.actor)
    assert np.isfinite(float(metrics["citizen/loss/total"]))
