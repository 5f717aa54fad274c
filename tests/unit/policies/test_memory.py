"""Networks that remember: one decision on paper, sequences decision by decision, and what is forgotten."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.economy import Block, Observation, RoleSpec
from fisc.core.errors import ConfigError
from fisc.core.spaces import Discrete
from fisc.policies.actor_critic import make_policy
from fisc.policies.distributions import Choosing
from fisc.policies.memory import Memory, Recurrent
from fisc.policies.reading import layout_of
from fisc.policies.scripted import Greedy


@cache
def network(own: int = 0) -> Recurrent:
    """Five features, a memory of four units, two outputs; or `own` networks."""
    make = make_policy((6, 4), read=lambda role: layout_of(role, remembers=True), own_networks=bool(own))
    role = RoleSpec(own or 3, Discrete(2), BLOCKS, "step")
    return jax.jit(lambda key: make(key, role))(jax.random.key(0)).actor


BLOCKS = {"public": Block(("a", "b", "c"), is_public=True), "own": Block(("d", "e"), is_public=False)}
ROLE = RoleSpec(3, Discrete(2), BLOCKS, "step")


def normal(seed: int, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def some_memory(*lead) -> Memory:
    return Memory(0.5 * normal(8, *lead, 4), normal(9, *lead, 4))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_a_decision_follows_the_equations():
    """Reference: plain numpy, agent by agent: dense, max(0, x), normalize, gates i f g o, cell, output, linear."""
    net, public, own, memory = network(), normal(1, 1, 3), normal(2, 3, 2), some_memory(3)
    outputs, after = net([public], [own], memory), net.remember([public], [own], memory)
    weights, (b0, b1) = [np.asarray(w) for w in net.weights], (np.asarray(b) for b in net.trunk.biases)
    for agent in range(3):
        x = np.concatenate([public[0], own[agent]])
        x = np.maximum(0, np.maximum(0, x @ weights[0] + b0) @ weights[1] + b1)
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-3)
        i, f, g, o = np.split(x @ weights[2] + memory.output[agent] @ weights[3] + np.asarray(net.bias), 4)
        cell = sigmoid(f) * memory.cell[agent] + sigmoid(i) * np.tanh(g)
        output = sigmoid(o) * np.tanh(cell)
        np.testing.assert_allclose(after.cell[agent], cell, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(after.output[agent], output, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(outputs[agent], output @ weights[4], rtol=1e-4, atol=1e-5)


def test_it_begins_with_an_open_memory():
    # By hand: the bias of the second of four gates is 1, so that what is in a cell stays there at first.
    assert network().bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    assert not np.any(jax.tree.leaves(network().first_memory(3)))


ENDED = jnp.array([[False, True, False, False], [False, False, False, True]])


def one_by_one(net, public, own, memory):
    """Outputs of two sequences of four decisions, one after the other; all is forgotten after the end of an episode."""
    outputs = []
    for t in range(4):
        outputs.append(net([public[:, t]], [own[:, t]], memory))
        memory = net.remember([public[:, t]], [own[:, t]], memory)
        memory = Memory(*(jnp.where(ENDED[:, t, None, None], jnp.zeros_like(x), x) for x in memory))
    return jnp.stack(outputs, axis=1)


@pytest.mark.parametrize("own", [0, 3], ids=["shared", "own networks"])
def test_a_sequence_is_decided_as_one_by_one(own):
    """Property: replaying from the memory before it gives what each decision gave; an episode's end ends it."""
    net, public, rows, memory = network(own), normal(3, 2, 4, 1, 3), normal(4, 2, 4, 3, 2), some_memory(2, 3)
    replayed = eqx.filter_jit(lambda net: net.replay([public], [rows], memory, ENDED))(net)
    assert replayed.shape == (2, 4, 3, 2)
    np.testing.assert_allclose(replayed, one_by_one(net, public, rows, memory), rtol=1e-4, atol=1e-6)


def test_the_gradient_goes_back_in_time_but_not_over_the_end_of_an_episode():
    """By hand: the first sequence ends after its second decision, the second one after its last."""
    net, public, rows, memory = network(), normal(3, 2, 4, 1, 3), normal(4, 2, 4, 3, 2), some_memory(2, 3)

    def last(rows, memory):
        """What the last decisions of both sequences add up to."""
        return jnp.sum(net.replay([public], [rows], memory, ENDED)[:, -1])

    by_rows, by_memory = jax.jit(jax.grad(last, (0, 1)))(rows, memory)
    reach = np.abs(by_rows).max(axis=(2, 3)) > 0
    assert reach.tolist() == [[False, False, True, True], [True] * 4]
    assert [bool(np.abs(part[e]).max() > 0) for e in range(2) for part in by_memory] == [False, False, True, True]


def test_every_parameter_learns():
    """Property: the gradient of a sequence reaches all of them."""
    public, rows, memory = normal(3, 2, 4, 1, 3), normal(4, 2, 4, 3, 2), some_memory(2, 3)
    loss = lambda net: jnp.sum(net.replay([public], [rows], memory, ENDED) ** 2)  # noqa: E731
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(eqx.filter_grad(loss)(network())))


def test_each_agent_may_remember_by_a_network_of_its_own():
    """Property: row by row the outputs are those of each network by itself; one serves any number of agents."""
    net, public, rows, memory = network(3), normal(1, 1, 3), normal(2, 3, 2), some_memory(3)
    together = net([public], [rows], memory)
    for agent in range(3):
        alone = net.alone(jnp.int32(agent))
        np.testing.assert_allclose(alone([public], [rows], memory)[agent], together[agent], rtol=1e-4, atol=1e-6)
        one = Memory(*(part[agent : agent + 1] for part in memory))
        np.testing.assert_allclose(
            alone([public], [rows[agent : agent + 1]], one)[0], together[agent], rtol=1e-4, atol=1e-6
        )
    gradient = eqx.filter_grad(lambda net: jnp.sum(net([public], [rows], memory)[2] ** 2))(net)
    for leaf in jax.tree.leaves((gradient.across, gradient.outward, gradient.trunk)):
        assert np.abs(leaf[2]).max() > 0 and np.abs(leaf[:2]).max() == 0


@cache
def policy():
    make = make_policy((6, 4), read=lambda role: layout_of(role, remembers=True), critic_hidden=(5,))
    return jax.jit(lambda key: make(key, ROLE))(jax.random.key(1))


def seen(memory=None) -> Observation:
    return Observation({"public": normal(1, 1, 3), "own": normal(2, 3, 2)}, jnp.ones((3, 2), bool), memory=memory)


def test_both_networks_of_a_policy_remember():
    # By hand: the critic has a memory of its own width; what is remembered changes what is decided and expected.
    first = policy().first_memory(3)
    assert {who: part.cell.shape for who, part in first.items()} == {"actor": (3, 4), "critic": (3, 5)}
    later = policy().remember(seen(first))
    before, after = (policy().evaluate(seen(memory), jnp.zeros(3, jnp.int32)) for memory in (first, later))
    assert np.abs(before.log_prob - after.log_prob).max() > 1e-5 and np.abs(before.value - after.value).max() > 1e-4
    # Property: what is remembered does not depend on what is drawn, so a greedy policy remembers alike.
    assert eqx.tree_equal(Greedy(policy()).remember(seen(first)), later)
    assert eqx.tree_equal(Greedy(policy()).first_memory(3), first)


def test_an_ordinal_choice_that_remembers_opens_where_it_is_told():
    # By hand: location 0.25 of 0, …, 20; a head that has learned nothing barely departs from it.
    role = RoleSpec(3, Discrete(21), BLOCKS, "step")
    make = make_policy((6, 4), Choosing("ordinal", (0.25, 0.1)), read=lambda role: layout_of(role, remembers=True))
    fresh = jax.jit(lambda key: make(key, role))(jax.random.key(2))
    told = eqx.tree_at(lambda o: o.mask, seen(fresh.first_memory(3)), jnp.ones((3, 21), bool))
    assert fresh.act_greedily(told).tolist() == [5, 5, 5]


def test_a_policy_that_remembers_must_be_told_what():
    # Contract: playing it without its memory would be another policy.
    with pytest.raises(ConfigError, match="this policy remembers: give every observation its memory"):
        policy().act(jax.random.key(0), seen())
