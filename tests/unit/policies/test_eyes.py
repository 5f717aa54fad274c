"""Networks that look at a map place by place: a convolution as patches and one product."""

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
from fisc.policies.eyes import Eye, OwnEyes, patches
from fisc.policies.reading import CELLS, Layer, Look, layout_of

PUBLISHED = Look((16, 32))
SIDE_BY_SIDE = Look((4,), size=3, stride=3, is_padded=True)


def layers(side: int, plain: int, labels: int = 0) -> list[Layer]:
    """So many channels of flags, and one of so many labels."""
    place = (0, side), (0, side)
    flags = [Layer(f"map/{channel}", "map", channel, *place) for channel in range(plain)]
    return flags + [Layer(f"labels/who/{label}", "labels", 0, *place, label) for label in range(1, labels + 1)]


@cache
def eye(side=11, plain=3, labels=0, look=PUBLISHED) -> Eye:
    made = jax.jit(lambda key: Eye(key, layers(side, plain, labels), look))(jax.random.key(0))
    keys = jax.random.split(jax.random.key(1), len(made.biases))
    biases = [jax.random.normal(key, bias.shape) for key, bias in zip(keys, made.biases, strict=True)]
    return eqx.tree_at(lambda eye: eye.biases, made, biases)


def flags(*shape):
    return jnp.asarray(np.random.default_rng(2).integers(0, 2, shape), jnp.int8)


def by_convolution(x, kernels, biases, stride):
    """The same by the library's own convolution. Axes: map, row, column, channel."""
    for kernel, bias in zip(kernels, biases, strict=True):
        window = kernel.reshape(3, 3, -1, kernel.shape[1])
        order = ("NHWC", "HWIO", "NHWC")
        found = jax.lax.conv_general_dilated(x, window, (stride, stride), "VALID", dimension_numbers=order)
        x = jax.nn.relu(found + jnp.broadcast_to(bias, found.shape))
    return x.reshape(x.shape[0], -1)


def test_patches_are_the_squares_of_a_map_row_by_row():
    # By hand: cells 0 to 24 in five rows; squares of three cells a side, two apart, begin at 0, 2, 10 and 12.
    x = jnp.arange(25).reshape(1, 5, 5, 1)
    found = patches(x, 3, 2)
    assert found.shape == (1, 2, 2, 9)
    assert found[0, 0, 0].tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]
    assert found[0, 1, 0].tolist() == [10, 11, 12, 15, 16, 17, 20, 21, 22]
    # Side by side: the first four columns and rows hold four squares of two; channels of a cell stay together.
    tiles = patches(jnp.stack([x[..., 0], -x[..., 0]], axis=-1), 2, 2)
    assert tiles[0, 0, 1].tolist() == [2, -2, 3, -3, 7, -7, 8, -8]


def test_sizes_are_the_published_ones():
    # By hand: 11 cells leave (11 - 3) / 2 + 1 = 5 places a side, these 2: 2 · 2 · 32 = 128 numbers. In squares of 3
    # side by side, 12 cells (one row and column are empty) make 4 · 4 places of 4 filters.
    assert eye().num_features == 128 and eye()(flags(2, 4, 11 * 11 * 3)).shape == (2, 4, 128)
    assert eye(look=SIDE_BY_SIDE).num_features == 64 and eye(look=SIDE_BY_SIDE)(flags(4, 11 * 11 * 3)).shape == (4, 64)
    # Multiplications: 25 places of 9 · 3 numbers and 16 filters, then 4 of 9 · 16 and 32.
    assert eye().operations == [25 * 27 * 16, 4 * 144 * 32]


@pytest.mark.parametrize("look", [PUBLISHED, Look((4,), size=3, stride=3)], ids=["overlapping", "side by side"])
def test_patches_and_a_product_are_a_convolution(look):
    """Reference: the library's convolution, outputs and gradients."""
    net, cells = eye(9, look=look), flags(5, 9 * 9 * 3)
    weights = jnp.asarray(np.random.default_rng(3).normal(size=(5, net.num_features)), jnp.float32)
    x = cells.reshape(5, 9, 9, 3).astype(jnp.float32)

    def ours(parameters):
        return jnp.sum(weights * eqx.tree_at(lambda e: (e.kernels, e.biases), net, parameters)(cells))

    def theirs(parameters):
        return jnp.sum(weights * by_convolution(x, *parameters, look.stride))

    parameters = (net.kernels, net.biases)
    np.testing.assert_allclose(net(cells), by_convolution(x, *parameters, look.stride), rtol=1e-4, atol=1e-5)
    found, expected = jax.jit(jax.grad(ours))(parameters), jax.jit(jax.grad(theirs))(parameters)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(b).max() > 0.1
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_labels_are_looked_up_before_they_are_convolved():
    """Reference: a table of four numbers for each of five labels, zeros for nobody; then the library's convolution."""
    net, who = eye(11, 2, 5), np.random.default_rng(4).integers(0, 6, (3, 11, 11))
    plain = flags(3, 11, 11, 2)
    cells = jnp.concatenate([plain, jnp.asarray(who[..., None] == np.arange(1, 6), jnp.int8)], axis=-1)
    table = jnp.concatenate([jnp.zeros((1, 4)), net.tables[0]])
    x = jnp.concatenate([plain.astype(jnp.float32), table[who]], axis=-1)
    expected = by_convolution(x, net.kernels, net.biases, 2)
    np.testing.assert_allclose(net(cells.reshape(3, -1)), expected, rtol=1e-4, atol=1e-5)


def test_every_parameter_learns():
    """Property: the gradient reaches tables, kernels and biases of every layer."""
    cells = flags(6, 11 * 11 * 5)
    gradient = eqx.filter_grad(lambda eye: jnp.sum(eye(cells) ** 2))(eye(11, 2, 3))
    leaves = jax.tree.leaves(gradient)
    assert len(leaves) == 5 and all(np.abs(leaf).max() > 0 for leaf in leaves)


def test_padded_squares_cover_the_whole_map():
    """Property: a change of any cell, in the last row and column too, changes what is told."""
    net, cells = eye(4, 1, look=Look((8,), 3, 3, is_padded=True)), jnp.zeros((16, 16), jnp.int8)
    changed = net(cells + jnp.eye(16, dtype=jnp.int8)) - net(cells)
    assert np.all(np.abs(changed).max(axis=1) > 0)


def test_a_map_too_small_is_refused():
    # By hand: 5 cells leave 2 places a side, on which no square of 3 fits.
    with pytest.raises(ConfigError, match=r"2 layers of filters, 3 cells a side and 2 apart, do not fit .* 5 by 5"):
        Eye(jax.random.key(0), layers(5, 1), PUBLISHED)


def test_each_agent_may_have_eyes_of_its_own():
    """Property: row by row what each eye sees by itself; one agent's eyes serve any number."""
    make = lambda key: Eye(key, layers(7, 2, 2), PUBLISHED)  # noqa: E731
    eyes = OwnEyes(jax.jit(lambda key: jax.lax.map(make, jax.random.split(key, 3)))(jax.random.key(5)))
    cells = flags(2, 3, 7 * 7 * 4)
    together = eyes(cells)
    for agent in range(3):
        mine = jax.tree.map(lambda x, agent=agent: x[agent], eyes.eyes)
        np.testing.assert_allclose(together[:, agent], mine(cells)[:, agent], rtol=1e-4, atol=1e-5)
    alone = eyes.alone(jnp.int32(1))
    np.testing.assert_allclose(alone(cells)[:, 1], together[:, 1], rtol=1e-4, atol=1e-5)
    assert alone(cells[:, :1]).shape == (2, 1, 32)


BLOCKS = {
    "rates": Block(("low", "high"), is_public=True),
    "map": Block(("wood", "water"), is_public=False, grid=(7, 7), is_centered=True),
    "labels": Block(("owner",), is_public=False, grid=(7, 7), num_labels=4, is_centered=True),
}
ROLE = RoleSpec(3, Discrete(4), BLOCKS, "step")


def seen() -> Observation:
    rng = np.random.default_rng(6)
    features = {
        "rates": jnp.asarray(rng.normal(size=(1, 2)), jnp.float32),
        "map": jnp.asarray(rng.integers(0, 2, (3, 2, 7, 7)), jnp.int8),
        "labels": jnp.asarray(rng.integers(0, 4, (3, 1, 7, 7)), jnp.int8),
    }
    return Observation(features, jnp.ones((3, 4), bool))


def test_layers_are_side_by_side_in_every_cell():
    """By hand: two channels, and a flag for each of the labels 1 to 3; cells in the order of rows and columns."""
    observation = seen()
    layout = layout_of(ROLE, look=PUBLISHED)
    assert [layer.name for layer in layout.layers] == ["map/wood", "map/water"] + [
        f"labels/owner/{i}" for i in (1, 2, 3)
    ]
    digest = layout.digest(observation)
    cells = np.asarray(digest[CELLS]).reshape(3, 7, 7, 5)
    np.testing.assert_array_equal(cells[..., :2], np.moveaxis(np.asarray(observation.features["map"]), 1, -1))
    owner = np.asarray(observation.features["labels"])[:, 0]
    np.testing.assert_array_equal(cells[..., 2:], owner[..., None] == np.arange(1, 4))
    assert eqx.tree_equal(layout.digest(Observation(digest, observation.mask)), digest)


@pytest.mark.parametrize("own_networks", [False, True])
@pytest.mark.parametrize("critic_sees_maps", [False, True])
def test_a_policy_sees_through_its_eyes(own_networks, critic_sees_maps):
    """Property: what it decides on a digest is what it decides on the observation; and who sees no map, values none."""
    make = make_policy(
        (8,),
        read=lambda role: layout_of(role, look=PUBLISHED),
        critic_sees_maps=critic_sees_maps,
        own_networks=own_networks,
    )
    policy, observation = jax.jit(lambda key: make(key, ROLE))(jax.random.key(7)), seen()
    # By hand: 2 rates and 1 · 1 · 32 features.
    assert policy.actor.weights[0].shape[-2:] == (34, 8)
    assert policy.critic.weights[0].shape[-2:] == (34 if critic_sees_maps else 2, 8)
    found = policy.evaluate(observation, jnp.zeros(3, jnp.int32))
    again = policy.evaluate(policy.digest(observation), jnp.zeros(3, jnp.int32))
    np.testing.assert_allclose(found.log_prob, again.log_prob, rtol=1e-5)
    blind = eqx.tree_at(lambda o: o.features["map"], observation, 1 - observation.features["map"])
    assert np.abs(policy.evaluate(blind, jnp.zeros(3, jnp.int32)).log_prob - found.log_prob).max() > 1e-6
    assert (np.abs(policy.value(blind) - found.value).max() > 1e-6) == critic_sees_maps


def test_a_look_at_nothing_or_at_different_places_is_refused():
    # Contract: the message says what is missing.
    with pytest.raises(ConfigError, match="nothing is read of a map"):
        layout_of(ROLE, {"map": -1, "labels": -1}, look=PUBLISHED)
    with pytest.raises(ConfigError, match=r"'labels/owner/1' is read in other places than 'map/wood'.*one radius"):
        layout_of(ROLE, {"labels": 1}, look=PUBLISHED)
    with pytest.raises(ConfigError, match="no map is called 'labels/owner/oneself'"):
        layout_of(ROLE, {"labels/owner/oneself": -1}, look=PUBLISHED)
