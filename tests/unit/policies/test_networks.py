"""Networks over named blocks: one layer over their concatenation, computed block by block."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.economy import Block
from fisc.policies.networks import BlockMLP, orthogonal

BLOCKS = {"rates": Block(("a", "b", "c"), is_public=True), "own": Block(("d", "e"), is_public=False)}


def features(num_agents: int) -> dict:
    key_rates, key_own = jax.random.split(jax.random.key(0))
    return {"rates": jax.random.normal(key_rates, (1, 3)), "own": jax.random.normal(key_own, (num_agents, 2))}


@pytest.mark.parametrize("num_agents", [1, 5])
@pytest.mark.parametrize("hidden", [(8,), (8, 6), (4, 4, 4)])
def test_a_network_is_a_dense_one_over_all_blocks_side_by_side(num_agents, hidden):
    # Reference: plain numpy over the concatenated features, every agent reading its own copy of the public block.
    net = BlockMLP(jax.random.key(1), BLOCKS, hidden, 2, 0.5)
    net.biases[:] = [jax.random.normal(jax.random.key(i), b.shape) for i, b in enumerate(net.biases)]
    seen = features(num_agents)
    x = np.concatenate([np.repeat(seen["rates"], num_agents, axis=0), seen["own"]], axis=1)
    layers = [np.concatenate([net.readers["rates"], net.readers["own"]]), *map(np.asarray, net.weights)]
    for weight, bias in zip(layers[:-1], net.biases[:-1], strict=True):
        x = np.tanh(x @ weight + np.asarray(bias))
    np.testing.assert_allclose(net(seen, num_agents), x @ layers[-1] + np.asarray(net.biases[-1]), atol=1e-5)


def test_the_first_layer_is_orthogonal_over_all_blocks_together():
    # Closed form: 5 rows of 8, orthonormal times √2: W Wᵀ = 2 I.
    net = BlockMLP(jax.random.key(2), BLOCKS, (8,), 2, 1.0)
    first = np.concatenate([net.readers["rates"], net.readers["own"]])
    np.testing.assert_allclose(first @ first.T, 2 * np.eye(5), atol=1e-5)


def test_a_matrix_of_more_rows_than_columns_has_orthonormal_columns():
    # Closed form: Wᵀ W = scale² I.
    matrix = orthogonal(jax.random.key(3), 7, 3, 0.1)
    np.testing.assert_allclose(matrix.T @ matrix, 0.01 * np.eye(3), atol=1e-6)


def test_agents_who_see_the_same_get_the_same_outputs():
    # Property: outputs depend on an agent's own features alone.
    net = BlockMLP(jax.random.key(4), BLOCKS, (8,), 3, 1.0)
    seen = features(4)
    seen["own"] = seen["own"].at[3].set(seen["own"][1])
    outputs = np.asarray(net(seen, 4))
    np.testing.assert_array_equal(outputs[3], outputs[1])
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3
