"""Counting the operations of a program that trains."""

import jax
import jax.numpy as jnp
import pytest

from tests.scripts import load_script


@pytest.fixture(scope="module")
def counting():
    """The script as a module."""
    return load_script("benchmarks/business_cycle_operations.py")


def test_matrix_products_count_as_often_as_loops_turn(counting):
    """By hand: (2 x 3)(3 x 5) is 60 operations; 7 turns of a loop, of two branches the one with two products."""
    left, right = jnp.ones((2, 3)), jnp.ones((3, 5))

    @jax.jit
    def once(x):
        """One product."""
        return x + jnp.sum(left @ right)

    def twice_or_not(x):
        """Two products, or none."""
        return jax.lax.cond(x > 0, lambda x: once(once(x)), lambda x: x, x)

    def looped(x):
        """A product, then seven turns of two."""
        return jax.lax.scan(lambda x, _: (twice_or_not(x), None), once(x), length=7)[0]

    assert counting.matrix_operations(jax.make_jaxpr(looped)(jnp.ones(()))) == 60 + 7 * 2 * 60


def test_an_update_of_rbc_tiny_is_counted_from_the_program_that_trains(counting):
    """By hand, within a tenth: of 1,000 decisions of consumers a forward pass while playing and two with their backward
    passes: actor 12·64 + 64·64 + 64·126 own weights, critic 12·64 + 64·64 + 64, 2 operations each, 7 passes in all."""
    actor, critic = 12 * 64 + 64 * 64 + 64 * 125, 12 * 64 + 64 * 64 + 64
    consumers = 1_000 * 7 * 2 * (actor + critic)
    found = counting.operations_of_update("rbc-tiny")
    assert found["operations_per_episode"] == pytest.approx(consumers, rel=0.1)
    assert found["operations"] == found["operations_per_update"] * found["updates"]
