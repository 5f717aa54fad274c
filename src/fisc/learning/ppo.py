"""Proximal policy optimization for one role, as a `Learner`; without its ratio, the policy gradient.

Axes: `t` decisions, `e` environments, `n` agents, `k` features. Differs from Schulman et al. (2017): values and returns
are normalized by running moments, optionally agent by agent; decisions without a choice (only one action legal) count
in neither the policy's loss nor the entropy, nor in what an average advantage is. They do count in the critic's loss
and in the moments of features and returns: what a situation is worth does not depend on having a choice in it.

A policy that remembers is replayed over sequences of decisions, from what it remembered before them: its gradient goes
back to the start of the sequence (truncated backpropagation through time), and rows are sequences.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Key, Shaped

from fisc.core.economy import Economy, Observation, Role, RoleSpec
from fisc.core.knobs import Dial
from fisc.core.policy import Learner, TrainablePolicy
from fisc.core.spaces import Box, MultiDiscrete, Space
from fisc.core.trajectory import Trajectory
from fisc.learning import losses
from fisc.learning.advantages import generalized_advantages, returns_discounted_once
from fisc.learning.normalize import Moments, absorb, no_moments

MakePolicy = Callable[[Key[Array, ""], RoleSpec], TrainablePolicy]
SetScale = Callable[[TrainablePolicy, dict[str, Array], dict[str, Array]], TrainablePolicy]


@dataclass(frozen=True)
class Settings:
    """How one role learns."""

    learning_rate: float = 3e-4
    discount: float = 1.0
    trace: float = 1.0
    clip: float = 0.2
    value_clip: float = 1.0
    value_weight: float = 0.5
    max_gradient_norm: float = 0.5
    epochs: int = 2
    minibatches: int = 4
    kl_limit: float = 0.05
    """Minibatches whose policy has moved further than this from the one that played are skipped."""
    per_agent: bool = False
    """Scale returns and advantages agent by agent (over environments), for roles whose agents differ by nature."""
    moments_rate: float = 0.05
    """How fast the running moments follow."""
    scales_features: bool = True
    """Whether the policy reads features less their running mean and over their deviation; else as they are, cut at 10
    either way as those are."""
    shuffles_rows: bool = True
    """Whether minibatches are drawn row by row; else they are stretches of time, which costs no copying of rows."""
    surrogate: Literal["clipped", "policy_gradient"] = "clipped"
    """What stands for the policy's gain: the clipped probability ratio, or the logarithm of the probability, which is
    right for the policy that played alone: one epoch of one minibatch."""
    value_loss: Literal["squared", "huber", "huber_of_each"] = "squared"
    """Whether misses of the critic count by their squares, or by `losses.huber`: with the larger of the two means of a
    batch, as the release of Curry et al. (2022) has it, or the larger of each decision."""
    discounts: Literal["every_step", "once"] = "every_step"
    """Whether the discount compounds, or all that follows a decision is discounted alike; then `trace` must be 1."""
    sequence: int = 25
    """Most decisions over which the gradient of a policy that remembers goes back; see `sequence_length`."""


class State(eqx.Module):
    """What a learner carries from update to update."""

    policy: TrainablePolicy
    """Parameters, with the feature scale in use."""
    optimizer: Any
    features: dict[str, Moments]
    """Empty: the feature scale stays as it is."""
    returns: Moments
    """Of what the critic is to predict, the λ-return (with `trace` 1 the discounted return to go): size n, or 1 if all
    agents share a scale."""


def ppo(settings: Settings, make_policy: MakePolicy, set_scale: SetScale) -> Learner:
    """A learner with these settings.

    Args:
        make_policy: makes a fresh policy for a role; its key is consumed.
        set_scale: puts feature means and deviations into a policy.
    """
    optimizer = optax.chain(optax.clip_by_global_norm(settings.max_gradient_norm), optax.scale_by_adam(eps=1e-5))

    def init(key, economy: Economy, name: Role) -> State:
        """A fresh policy with what its learner has to remember. `key`: consumed."""
        role = economy.spec.roles[name]
        policy = make_policy(key, role)
        size = role.num_agents if settings.per_agent else 1
        read = role.blocks if settings.scales_features else {}
        features = {name: no_moments(block.size) for name, block in read.items() if not block.grid}
        return State(policy, optimizer.init(_flatten(policy)[0]), features, no_moments(size))

    def update(key, state: State, trajectory: Trajectory, dial: Dial):
        """Learn from one batch of experience. `key`: consumed."""
        return _update(key, state, trajectory, dial, settings, optimizer, set_scale)

    def restart(state: State, agent, holds_scale: bool) -> State:
        """What was learned, with a fresh optimizer; see `Learner.restart`."""
        policy, returns = state.policy if agent is None else state.policy.alone(agent), state.returns
        if agent is not None and settings.per_agent:
            returns = Moments(returns.mean[agent][None], returns.variance[agent][None], returns.weight)
        memory = optimizer.init(_flatten(policy)[0])
        return State(policy, memory, {} if holds_scale else state.features, returns)

    return Learner(init=init, policy=lambda state: state.policy, update=update, restart=restart)


class Batch(eqx.Module):
    """What the loss reads: decisions of all environments with axes [t, e], or one row for each."""

    observation: Observation
    latent: Array
    log_prob: Float[Array, "*m n"]
    value: Float[Array, "*m n"]
    advantage: Float[Array, "*m n"]
    target: Float[Array, "*m n"]
    weight: Float[Array, "*m n"]
    ended: Bool[Array, "*m"] | None = None
    """Of a policy that remembers, for whom a row is a sequence of decisions: after which of them an episode ended."""


def _update(key, state, trajectory, dial, settings, optimizer, set_scale):
    """Rows from the trajectory, then `epochs` passes over minibatches in random order."""
    features = {
        name: absorb(moments, trajectory.observation.features[name], settings.moments_rate)
        for name, moments in state.features.items()
    }
    batch, returns, explained = _make_batch(trajectory, state, settings)
    if batch.observation.memory is not None:
        batch = _in_sequences(batch, trajectory.ended, settings.sequence)
    number = settings.minibatches
    takes_rows = settings.shuffles_rows or number == 1
    parts = jax.tree.map(_rows if takes_rows else partial(_stretches, number), batch)
    parameters, unflatten = _flatten(state.policy)

    def loss(parameters, part):
        """The loss of a vector of parameters."""
        return _loss(unflatten(parameters), part, dial, settings)

    def minibatch(carry, part):
        """One step of the optimizer, unless the policy has already moved far enough."""
        parameters, memory = carry
        (_, metrics), gradient = jax.value_and_grad(loss, has_aux=True)(parameters, part)
        # Optax mixes integer step counts with floats, which strict promotion forbids.
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            direction, memory_after = optimizer.update(gradient, memory)
        after = (parameters - settings.learning_rate * dial.learning_rate * direction, memory_after)
        may_move = metrics["approximate_kl"] < settings.kl_limit
        following = jax.tree.map(lambda new, old: jnp.where(may_move, new, old), after, carry)
        return following, {**metrics, "gradient_norm": jnp.linalg.norm(gradient)}

    def epoch(carry, key_epoch):
        """One pass over all rows."""
        if number == 1:  # in which order would mean nothing, and devices that share the rows would exchange them
            return minibatch(carry, parts)
        order = jax.random.permutation(key_epoch, parts.advantage.shape[0])
        if takes_rows:
            size = len(order) // number
            order = order[: size * number].reshape(number, size)
        return jax.lax.scan(lambda carry, i: minibatch(carry, jax.tree.map(lambda x: x[i], parts)), carry, order)

    keys = jax.random.split(key, settings.epochs)
    (parameters, memory), metrics = jax.lax.scan(epoch, (parameters, state.optimizer), keys)
    means, stds = {k: m.mean for k, m in features.items()}, {k: m.std() for k, m in features.items()}
    policy = set_scale(unflatten(parameters), means, stds) if features else unflatten(parameters)
    metrics = jax.tree.map(jnp.mean, metrics)
    metrics["explained_variance"] = explained
    return State(policy, memory, features, returns), metrics


def _flatten(policy: TrainablePolicy):
    """All parameters in one vector, and the way back: the optimizer then compiles to a few operations, not hundreds."""
    parameters, fixed = eqx.partition(policy, eqx.is_inexact_array)
    vector, unravel = ravel_pytree(parameters)
    return vector, lambda vector: eqx.combine(unravel(vector), fixed)


def _make_batch(trajectory: Trajectory, state: State, settings: Settings) -> tuple[Batch, Moments, Array]:
    """Advantages in the unit of the returns, targets for the critic, the returns' new moments, and explained variance.

    `Batch.value` stays in the scale in which the critic gave it; explained variance compares in the new scale.
    """
    shape = trajectory.reward.shape
    mean, std = state.returns.mean, state.returns.std()
    values = _like(mean, shape) + _like(std, shape) * trajectory.value
    last = _like(mean, shape[1:]) + _like(std, shape[1:]) * trajectory.last_value
    ended = jnp.broadcast_to(trajectory.ended[..., None], shape)
    if settings.discounts == "once":
        target = returns_discounted_once(trajectory.reward, last, settings.discount, ended)
        advantage = target - values
    else:
        advantage = generalized_advantages(trajectory.reward, values, last, settings.discount, settings.trace, ended)
        target = advantage + values

    size = state.returns.mean.shape[0]
    returns = absorb(state.returns, target if size > 1 else target[..., None], settings.moments_rate)
    mean, std = returns.mean, returns.std()
    weight = has_choice(trajectory.observation.mask, state.policy.space).astype(advantage.dtype)
    axes = (0, 1) if settings.per_agent else (0, 1, 2)
    advantage = losses.standardize(advantage, weight, axes)
    normalized_target = (target - _like(mean, shape)) / _like(std, shape)
    normalized_values = (values - _like(mean, shape)) / _like(std, shape)
    explained = losses.explained_variance(normalized_values, normalized_target, jnp.ones_like(target))
    batch = Batch(
        trajectory.observation,
        trajectory.latent,
        trajectory.log_prob,
        trajectory.value,
        advantage,
        normalized_target,
        weight,
    )
    return batch, returns, explained


def sequence_length(decisions: int, most: int) -> int:
    """The largest number, of `most` at most, that divides the decisions of an update."""
    return max(length for length in range(1, min(most, decisions) + 1) if decisions % length == 0)


def _in_sequences(batch: Batch, ended: Bool[Array, "t e"], most: int) -> Batch:
    """The same with axes [s, e, l]: s sequences of l decisions one after the other in place of t decisions.

    Of memories only those before each sequence are kept: all later ones follow.
    """
    length = sequence_length(ended.shape[0], most)

    def cut(x: Shaped[Array, "t e *rest"]) -> Shaped[Array, "s e l *rest"]:
        """Sequences of every environment."""
        return jnp.swapaxes(x.reshape(-1, length, *x.shape[1:]), 1, 2)

    memory = jax.tree.map(lambda x: x[::length], batch.observation.memory)
    cut_up = jax.tree.map(cut, replace(batch, observation=batch.observation.with_memory(None), ended=ended))
    return replace(cut_up, observation=cut_up.observation.with_memory(memory))


def _rows(x: Shaped[Array, "t e *rest"]) -> Shaped[Array, "m *rest"]:
    """One row for each decision, environment by environment: devices that share the environments share the rows."""
    return jnp.swapaxes(x, 0, 1).reshape(-1, *x.shape[2:])


def _stretches(number: int, x: Shaped[Array, "t e *rest"]) -> Shaped[Array, "number m *rest"]:
    """Rows in so many equal stretches of time, each with rows of all environments.

    Where the decisions do not divide, some neighboring environments share out the moment of a cut; environments that
    are left over then are left out.
    """
    decisions, environments, *rest = x.shape
    together = number // math.gcd(decisions, number)
    groups = environments // together
    neighbors = x[:, : groups * together].reshape(decisions, groups, together, *rest)
    parts = jnp.swapaxes(neighbors, 0, 1).reshape(groups, number, -1, *rest)
    return jnp.swapaxes(parts, 0, 1).reshape(number, -1, *rest)


def _like(x: Float[Array, " k"], shape: tuple[int, ...]):
    return jnp.broadcast_to(x.reshape((1,) * (len(shape) - 1) + (-1,)), shape)


def has_choice(mask, space: Space):
    """Whether more than one action was legal: [..., n] from a mask [..., n, a]."""
    if isinstance(space, Box):
        return mask[..., 0]
    parts = space.split(mask) if isinstance(space, MultiDiscrete) else [mask]
    return jnp.any(jnp.stack([jnp.sum(part, axis=-1) > 1 for part in parts]), axis=0)


def _loss(policy: TrainablePolicy, batch: Batch, dial: Dial, settings: Settings):
    """Surrogate, value loss and entropy bonus over one minibatch."""
    if batch.ended is None:
        seen = policy.evaluate(batch.observation, batch.latent)
    else:
        seen = policy.replay(batch.observation, batch.latent, batch.ended)
    log_ratio = seen.log_prob - batch.log_prob
    if settings.surrogate == "clipped":
        surrogate = losses.clipped_surrogate(log_ratio, batch.advantage, settings.clip, batch.weight)
    else:
        surrogate = losses.score_surrogate(seen.log_prob, batch.advantage, batch.weight)
    value_loss = losses.VALUE_LOSSES[settings.value_loss]
    value = value_loss(seen.value, batch.value, batch.target, settings.value_clip, jnp.ones_like(batch.value))
    entropy = losses.weighted_mean(seen.entropy, batch.weight)
    total = surrogate + settings.value_weight * value - dial.entropy * entropy
    ratio = jnp.exp(log_ratio)
    metrics = {
        "loss/total": total,
        "loss/policy": surrogate,
        "loss/value": value,
        "entropy": entropy,
        "approximate_kl": losses.weighted_mean(ratio - 1.0 - log_ratio, batch.weight),
        "clip_fraction": losses.weighted_mean((jnp.abs(ratio - 1.0) > settings.clip).astype(ratio.dtype), batch.weight),
    }
    return total, metrics
