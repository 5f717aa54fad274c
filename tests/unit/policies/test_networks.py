"""Networks over public and own features: one layer over both, where the public part is computed once."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.policies.networks import OwnMLPs, SharedMLP, orthogonal


def features(num_agents: int):
    rng = np.random.default_rng(1)
    make = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731
    return make(1, 3), make(num_agents, 2)


@cache
def make(hidden) -> SharedMLP:
    return jax.jit(lambda key: SharedMLP(key, 5, hidden, 2, 0.5))(jax.random.key(1))


def test_features_may_come_in_parts_and_many_environments_at_once():
    """Property: parts side by side, some of small integers, and leading axes give what one environment gives alone."""
    net, rng = make((8, 6)), np.random.default_rng(2)
    public, numbers = (jnp.asarray(rng.normal(size=size), jnp.float32) for size in ((2, 3, 1, 3), (2, 3, 4, 1)))
    cells = jnp.asarray(rng.integers(0, 2, (2, 3, 4, 1)), jnp.int8)
    together = net([public], [numbers, cells])
    assert together.shape == (2, 3, 4, 2)
    own = jnp.concatenate([numbers[1, 2], cells[1, 2].astype(jnp.float32)], axis=1)
    np.testing.assert_allclose(together[1, 2], net([public[1, 2]], [own]), rtol=1e-5, atol=1e-6)


def test_there_may_be_no_public_features():
    """Property: a network over own features alone is one whose public features are empty."""
    own = jnp.asarray(np.random.default_rng(3).normal(size=(4, 5)), jnp.float32)
    np.testing.assert_array_equal(make((8,))([], [own]), make((8,))([jnp.zeros((1, 0))], [own]))


@pytest.mark.parametrize("num_agents", [1, 5])
@pytest.mark.parametrize("hidden", [(8,), (8, 6)])
def test_a_network_is_a_dense_one_over_all_features_side_by_side(num_agents, hidden):
    # Reference: plain numpy over the concatenated features, every agent reading its own copy of the public block.
    rng = np.random.default_rng(0)
    biases = [jnp.asarray(rng.normal(size=b.shape), b.dtype) for b in make(hidden).biases]
    net = eqx.tree_at(lambda net: net.biases, make(hidden), biases)
    public, own = features(num_agents)
    x = np.concatenate([np.repeat(public, num_agents, axis=0), own], axis=1)
    layers = [np.asarray(weight) for weight in net.weights]
    for weight, bias in zip(layers[:-1], net.biases[:-1], strict=True):
        x = np.tanh(x @ weight + np.asarray(bias))
    np.testing.assert_allclose(net([public], [own]), x @ layers[-1] + np.asarray(net.biases[-1]), atol=1e-5)


def test_the_first_layer_is_orthogonal_over_all_features_together():
    # Closed form: 5 rows of 8, orthonormal times √2: W Wᵀ = 2 I.
    first = np.asarray(make((8,)).weights[0])
    np.testing.assert_allclose(first @ first.T, 2 * np.eye(5), atol=1e-5)


def test_a_matrix_of_more_rows_than_columns_has_orthonormal_columns():
    # Closed form: Wᵀ W = scale² I.
    matrix = orthogonal(jax.random.key(3), 7, 3, 0.1)
    np.testing.assert_allclose(matrix.T @ matrix, 0.01 * np.eye(3), atol=1e-6)


def test_agents_who_see_the_same_get_the_same_outputs():
    # Property: outputs depend on an agent's own features alone.
    net = make((8,))
    public, own = features(4)
    outputs = np.asarray(net([public], [own.at[3].set(own[1])]))
    np.testing.assert_array_equal(outputs[3], outputs[1])
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


@cache
def own_ones() -> OwnMLPs:
    """Three agents' networks of their own."""
    return OwnMLPs(
        eqx.filter_vmap(lambda key: SharedMLP(key, 5, (8, 6), 2, 0.5))(jax.random.split(jax.random.key(4), 3))
    )


def seen_by_three():
    """Public features, and own ones in two parts, of two environments."""
    rng = np.random.default_rng(5)
    shapes = ((2, 1, 3), (2, 3, 1), (2, 3, 1))
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def test_each_agent_is_seen_by_its_own_network():
    """Property: row by row the outputs are those of each network by itself."""
    public, *own = seen_by_three()
    together = own_ones()([public], own)
    assert together.shape == (2, 3, 2)
    for agent in range(3):
        mine = jax.tree.map(lambda x, agent=agent: x[agent], own_ones().networks)
        alone = mine([public], [part[:, agent : agent + 1] for part in own])
        np.testing.assert_allclose(together[:, agent], alone[:, 0], rtol=1e-5, atol=1e-6)
    # Three draws of parameters: agents who see the same do not get the same.
    same = own_ones()([public], [jnp.broadcast_to(part[:, :1], part.shape) for part in own])
    assert np.abs(np.diff(np.asarray(same), axis=1)).max() > 1e-2


def test_one_agents_network_serves_any_number():
    """Property: taken alone, a network gives its agent what it gave among the others, whatever row it is asked for."""
    public, *own = seen_by_three()
    alone = own_ones().alone(jnp.int32(1))([public], own)
    np.testing.assert_allclose(alone[:, 1], own_ones()([public], own)[:, 1], rtol=1e-5, atol=1e-6)


def test_what_one_agent_learns_leaves_the_others_networks_alone():
    """Closed form: the gradient of one agent's output is zero in every other agent's parameters."""
    public, *own = seen_by_three()
    gradient = eqx.filter_grad(lambda nets: jnp.sum(nets([public], own)[:, 2] ** 2))(own_ones())
    for leaf in jax.tree.leaves(gradient):
        assert np.abs(leaf[2]).max() > 0 and np.abs(leaf[:2]).max() == 0
