"""Who stays as they are while somebody else learns: a whole role, or all agents of a role but one.

Axes: `t` decisions, `e` environments, `n` agents, `a` legal actions.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

from fisc.core.economy import Observation
from fisc.core.policy import Decision, Evaluation, Learner, Policy, TrainablePolicy
from fisc.core.trajectory import Trajectory

Play = Callable[[Policy], Policy]
"""How those who stay play what they learned: as it is, or what they find most likely."""


def frozen(learner: Learner, play: Play) -> Learner:
    """A role that stays as it is. Its state is that of `learner`."""
    return Learner(
        init=learner.init,
        policy=lambda state: play(learner.policy(state)),
        update=lambda key, state, *_: (state, {}),
    )


class Apart(eqx.Module):
    """What a role carries of which one agent learns alone."""

    agent: Int[Array, ""]
    """Its number; traced, so that another agent needs no other program."""
    rest: Any
    """The learner's state that all others play by."""
    own: Any
    """Its own, of a single agent."""


def apart(learner: Learner, agent: int, play: Play) -> Learner:
    """One agent of a role learns with parameters of its own, from what happens to itself; the others stay as they are.

    Its state is an `Apart`. It begins with the networks that it used before, whether all share them or not.
    """

    def init(key, economy, role) -> Apart:
        """A new role, of which the one agent begins with what it knows. `key`: consumed."""
        return split(learner, learner.init(key, economy, role), agent, holds_scale=False)

    def policy(state: Apart) -> OneApart:
        """The one by its own parameters, all others by what they learned before."""
        return OneApart(play(learner.policy(state.rest)), learner.policy(state.own), state.agent)

    def update(key, state: Apart, trajectory: Trajectory, dial):
        """The one learns from its own rows. `key`: consumed."""
        mine = replace(trajectory, observation=_seen_by("own", trajectory.observation))
        own, metrics = learner.update(key, state.own, only(mine, state.agent), dial)
        return replace(state, own=own), metrics

    return Learner(init=init, policy=policy, update=update)


def split(learner: Learner, state: Any, agent: int, *, holds_scale: bool) -> Apart:
    """Take one agent out of a role: it begins with the networks it played by. `holds_scale`: see `Learner.restart`."""
    number = jnp.asarray(agent, jnp.int32)
    return Apart(number, state, learner.restart(state, number, holds_scale))


class OneApart(TrainablePolicy):
    """A role in which one agent decides by another policy than the rest.

    Log probabilities and values are the one's own policy's in every row: nobody learns from the others' rows.
    """

    rest: Policy
    own: TrainablePolicy
    agent: Int[Array, ""]

    def digest(self, observation: Observation) -> Observation:
        """Both policies read the same."""
        return self.own.digest(observation)

    def first_memory(self, num_agents: int):
        """Of each policy, if they remember."""
        return both_remember(self.own.first_memory(num_agents))

    def remember(self, observation: Observation):
        """What each policy remembers: networks apart remember different things."""
        own, rest = (getattr(self, who).remember(_seen_by(who, observation)) for who in ("own", "rest"))
        return None if own is None else {"own": own, "rest": rest}

    def act(self, key, observation: Observation) -> Decision:
        """Draw decisions. `key`: consumed by both policies, so that equal ones decide as if there were only one."""
        decision = self.own.act(key, _seen_by("own", observation))
        others = self.rest.act(key, _seen_by("rest", observation)).action
        return eqx.tree_at(lambda d: d.action, decision, self._put(decision.action, others))

    def act_greedily(self, observation: Observation):
        """The most likely actions."""
        mine, theirs = _seen_by("own", observation), _seen_by("rest", observation)
        return self._put(self.own.act_greedily(mine), self.rest.act_greedily(theirs))

    def evaluate(self, observation: Observation, latent) -> Evaluation:
        """Earlier draws, seen by the one's own policy."""
        return self.own.evaluate(_seen_by("own", observation), latent)

    def value(self, observation: Observation):
        """What the one's own critic expects."""
        return self.own.value(_seen_by("own", observation))

    def _put(self, own: Array, rest: Array) -> Array:
        return rest.at[self.agent].set(own[self.agent])


def both_remember(memory: PyTree[Array]) -> PyTree[Array]:
    """What a role in which one agent is apart remembers at first: both policies the same."""
    return None if memory is None else {"own": memory, "rest": memory}


def _seen_by(who: str, observation: Observation) -> Observation:
    """With the memory of one of the two policies."""
    return observation if observation.memory is None else observation.with_memory(observation.memory[who])


def only(trajectory: Trajectory, agent: Int[Array, ""]) -> Trajectory:
    """What happened to one agent: axes [t, e, 1]. What all agents see alike has one row already."""
    num = trajectory.reward.shape[2]

    def rows(x: Array, axis: int = 2) -> Array:
        """The agent's row, if agents have rows of their own."""
        return jax.lax.dynamic_slice_in_dim(x, agent, 1, axis) if x.shape[axis] == num else x

    return replace(
        trajectory,
        observation=jax.tree.map(rows, trajectory.observation),
        latent=rows(trajectory.latent),
        log_prob=rows(trajectory.log_prob),
        value=rows(trajectory.value),
        reward=rows(trajectory.reward),
        last_value=rows(trajectory.last_value, 1),
    )
