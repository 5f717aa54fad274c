"""Compiled training: a block of updates for a batch of jobs (seeds, arms), spread over all devices.

Every job is independent, so a device works through its own jobs one after the other: on a CPU with two devices two
cores stay busy without talking to each other.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import PyTree

from fisc.learning.two_level import TrainState, TwoLevel


def stack(trees: Sequence[PyTree[Any]]) -> PyTree[Any]:
    """Put equal pytrees behind one another along a new leading axis; what is not an array must agree."""
    arrays, statics = zip(*[eqx.partition(tree, eqx.is_array) for tree in trees], strict=True)
    return eqx.combine(jax.tree.map(lambda *leaves: jnp.stack(leaves), *arrays), statics[0])


def unstack(tree: PyTree[Any], index: int) -> PyTree[Any]:
    """One entry of a stacked pytree."""
    return jax.tree.map(lambda x: x[index] if eqx.is_array(x) else x, tree)


def over_jobs(function: Callable[..., Any], num_jobs: int) -> Callable[..., Any]:
    """Compile `function` to run on every job of its stacked arguments, spread over the devices.

    Jobs are padded with copies of the last one up to a multiple of the number of devices.
    """
    devices = jax.devices()[: max(1, min(len(jax.devices()), num_jobs))]
    mesh = Mesh(np.asarray(devices), ("job",))
    padding = -num_jobs % len(devices)

    def one_device(arrays, static):
        """Its jobs, one after the other."""
        return jax.lax.map(lambda job: eqx.filter(function(*eqx.combine(job, static)), eqx.is_array), arrays)

    @eqx.filter_jit
    def compiled(arrays, static):
        """All devices at once."""
        run = jax.shard_map(
            lambda jobs: one_device(jobs, static), mesh=mesh, in_specs=P("job"), out_specs=P("job"), check_vma=False
        )
        return run(arrays)

    def call(*arguments):
        """Pad the jobs, run them, and drop the padding."""
        arrays, static = eqx.partition(arguments, eqx.is_array)
        pad = lambda x: jnp.concatenate([x, *[x[-1:]] * padding]) if padding else x  # noqa: E731
        arrays = jax.device_put(jax.tree.map(pad, arrays), NamedSharding(mesh, P("job")))
        out = compiled(arrays, static)
        return jax.tree.map(lambda x: x[:num_jobs], out) if padding else out

    return call


def block(system: TwoLevel, num_updates: int) -> Callable[..., Any]:
    """A pure function (economy, run) → (run, metrics over time): `num_updates` updates in one scan."""

    def advance(economy, run: TrainState):
        """All updates of the block."""
        arrays, static = eqx.partition(run, eqx.is_array)

        def update(arrays, _):
            """One update, of what changes in it."""
            following, metrics = system.step(economy, eqx.combine(arrays, static))
            return eqx.filter(following, eqx.is_array), metrics

        arrays, metrics = jax.lax.scan(update, arrays, None, length=num_updates)
        return eqx.combine(arrays, static), metrics

    return advance
