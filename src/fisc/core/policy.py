"""Who decides for a role, and what learns for it."""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, Shaped

from fisc.core.economy import Economy, Observation, Role
from fisc.core.knobs import Dial
from fisc.core.trajectory import Trajectory


class Decision(eqx.Module):
    """What the n agents of a role decided in one environment."""

    action: Shaped[Array, "n ..."]
    """What the economy receives."""
    latent: Shaped[Array, "n ..."]
    """What was drawn: equal to the action for integers, before squashing for real numbers."""
    log_prob: Float[Array, " n"]
    """Log density of the latent draw."""
    value: Float[Array, " n"]
    """Expected return, in the learner's normalized unit; zeros if the policy has no critic."""


class Evaluation(eqx.Module):
    """Earlier decisions, of one environment or of many, seen by the present policy."""

    log_prob: Float[Array, "*b n"]
    entropy: Float[Array, "*b n"]
    value: Float[Array, "*b n"]


class Policy(eqx.Module):
    """Decides for all n agents of a role in one environment; batches come from `vmap`.

    A policy that remembers is told so with every observation: at the start of an episode `first_memory`, and after a
    decision what `remember` says. It is no part of the policy: one policy plays in many environments.
    """

    @abc.abstractmethod
    def act(self, key: Key[Array, ""], observation: Observation) -> Decision:
        """Draw decisions. `key`: consumed."""

    @abc.abstractmethod
    def act_greedily(self, observation: Observation) -> Shaped[Array, "n ..."]:
        """The most likely actions: how a policy is evaluated."""

    def digest(self, observation: Observation) -> Observation:
        """What of an observation the policy needs to decide or to evaluate: that is what a trajectory keeps.

        A policy takes an observation and its digest for the same. All of it by default.
        """
        return observation

    def first_memory(self, num_agents: int) -> PyTree[Array]:
        """What is remembered when an episode begins, leading axis `n`; None for a policy that remembers nothing."""
        return None

    def remember(self, observation: Observation) -> PyTree[Array]:
        """What is remembered after deciding on an observation, with its memory."""
        return None


class TrainablePolicy(Policy):
    """A policy that a gradient can improve.

    What is to be improved takes leading axes itself, all environments at once: as gradients are computed on a CPU,
    rows of one matrix cost half of what a batch made by `vmap` costs.
    """

    @abc.abstractmethod
    def evaluate(self, observation: Observation, latent: Shaped[Array, "..."]) -> Evaluation:
        """Log probability, entropy and value of earlier draws under the present parameters."""

    @abc.abstractmethod
    def value(self, observation: Observation) -> Float[Array, "*b n"]:
        """Expected return in the learner's normalized unit."""

    def replay(self, observation: Observation, latent: Shaped[Array, "..."], ended: Bool[Array, "*b l"]) -> Evaluation:
        """As `evaluate`, for sequences of l decisions; for policies that remember.

        Args:
            observation: with axes [*b, l, n], but its memory, [*b, n], is the one before the first decision.
            ended: after which decisions the episode ended, so that the next one begins with the first memory.
        """
        raise NotImplementedError(f"{type(self).__name__} remembers nothing: evaluate decisions one by one")

    def alone(self, agent: Int[Array, ""]) -> "TrainablePolicy":
        """What one agent decides by, for any number of agents: the policy itself, unless agents have their own."""
        return self


class Learner(NamedTuple):
    """What learns for one role: pure functions over an explicit state, as Optax does for gradients."""

    init: Callable[[Key[Array, ""], Economy, Role], PyTree[Any]]
    """State before training, for a role of an economy."""
    policy: Callable[[PyTree[Any]], Policy]
    """The policy the state stands for."""
    update: Callable[[Key[Array, ""], PyTree[Any], Trajectory, Dial], tuple[PyTree[Any], dict[str, Any]]]
    """One improvement from a batch of experience as the dial says: the new state and named metrics."""
    restart: Callable[[PyTree[Any], Int[Array, ""] | None, bool], PyTree[Any]] | None = None
    """State to train anew from, `restart(state, agent, holds_scale)`: the same policy, without what the optimizer
    remembers. With an agent's number it is what this agent alone decides by, which learns from trajectories of one
    agent; if it holds the scale, experience no longer moves in which unit the policy reads its features. None: it
    never learns."""


def scripted(make_policy: Callable[[Economy], Policy]) -> Learner:
    """A role that follows a rule and never learns. Its state is the rule, so that the rule's numbers stay traced."""
    return Learner(
        init=lambda key, economy, role: make_policy(economy),
        policy=lambda state: state,
        update=lambda key, state, *_: (state, {}),
    )
