"""Networks over named blocks: one layer over their concatenation, computed block by block."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.economy import Block
from fisc.policies.networks import BlockMLP, orthogonal

BLOCKS = {"rates": Block(("a", "b", "c"), is_public=True), "own": Block(("d", "e"), is_public=False)}


def features(num_agents: int) -> dict:
    rng = np.random.default_rng(1)
    make = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731
    return {"rates": make(1, 3), "own": make(num_agents, 2)}


@cache
def make(hidden) -> BlockMLP:
    return jax.jit(lambda key: BlockMLP(key, BLOCKS, hidden, 2, 0.5))(jax.random.key(1))


@pytest.mark.parametrize("num_agents", [1, 5])
@pytest.mark.parametrize("hidden", [(8,), (8, 6)])
def test_a_network_is_a_dense_one_over_all_blocks_side_by_side(num_agents, hidden):
    # Reference: plain numpy over the concatenated features, every agent reading its own copy of the public block.
    net, rng = make(hidden), np.random.default_rng(0)
    net.biases[:] = [jnp.asarray(rng.normal(size=b.shape), b.dtype) for b in net.biases]
    seen = features(num_agents)
    x = np.concatenate([np.repeat(seen["rates"], num_agents, axis=0), seen["own"]], axis=1)
    layers = [np.concatenate([net.readers["rates"], net.readers["own"]]), *map(np.asarray, net.weights)]
    for weight, bias in zip(layers[:-1], net.biases[:-1], strict=True):
        x = np.tanh(x @ weight + np.asarray(bias))
    np.testing.assert_allclose(net(seen, num_agents), x @ layers[-1] + np.asarray(net.biases[-1]), atol=1e-5)


def test_the_first_layer_is_orthogonal_over_all_blocks_together():
    # Closed form: 5 rows of 8, orthonormal times √2: W Wᵀ = 2 I.
    net = make((8,))
    first = np.concatenate([net.readers["rates"], net.readers["own"]])
    np.testing.assert_allclose(first @ first.T, 2 * np.eye(5), atol=1e-5)


def test_a_matrix_of_more_rows_than_columns_has_orthonormal_columns():
    # Closed form: Wᵀ W = scale² I.
    matrix = orthogonal(jax.random.key(3), 7, 3, 0.1)
    np.testing.assert_allclose(matrix.T @ matrix, 0.01 * np.eye(3), atol=1e-6)


def test_agents_who_see_the_same_get_the_same_outputs():
    # Property: outputs depend on an agent's own features alone.
    net = make((8,))
    seen = features(4)
    seen["own"] = seen["own"].at[3].set(seen["own"][1])
    outputs = np.asarray(net(seen, 4))
    np.testing.assert_array_equal(outputs[3], outputs[1])
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3
