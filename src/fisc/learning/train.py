"""Compiled training: a block of updates for a batch of jobs (seeds, arms), spread over all devices.

Every job is independent, so a device works through its own jobs one after the other: on a CPU with two devices two
cores stay busy without talking to each other. Where there are more devices than jobs, all devices work through all
jobs, and share the environments of each: they talk to each other for means and gradients alone. The devices may be
those of several processes, on one machine or on many.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, PyTree

from fisc.learning.two_level import TrainState, TwoLevel


def stack(trees: Sequence[PyTree[Any]]) -> PyTree[Any]:
    """Put equal pytrees behind one another along a new leading axis; what is not an array must agree."""
    arrays, statics = zip(*[eqx.partition(tree, eqx.is_array) for tree in trees], strict=True)
    return eqx.combine(jax.tree.map(lambda *leaves: jnp.stack(leaves), *arrays), statics[0])


def unstack(tree: PyTree[Any], index: int) -> PyTree[Any]:
    """One entry of a stacked pytree."""
    return jax.tree.map(lambda x: x[index] if eqx.is_array(x) else x, tree)


def over_jobs(function: Callable[..., Any], num_jobs: int) -> Callable[..., Any]:
    """Compile `function` to run on every job of its stacked arguments, spread over the devices of this process.

    Jobs are padded with copies of the last one up to a multiple of the number of devices.
    """
    devices = jax.local_devices()[: max(1, num_jobs)]
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
        if not padding:
            return out
        # To one device first: an odd slice of a sharded array is a collective, and many of them at once, on as many
        # threads as devices, can wait for each other for ever.
        return jax.tree.map(lambda x: x[:num_jobs], jax.device_put(out, devices[0]))

    return call


def num_devices_used(num_environments: int, num_jobs: int) -> int:
    """How many devices train: all if each has jobs of its own, else as many as divide the environments of a job."""
    devices = jax.device_count()
    if _has_a_job_for_each_device(num_jobs):
        return devices
    return max(n for n in range(1, devices + 1) if num_environments % n == 0)


def compile_block(system: TwoLevel, num_updates: int, num_jobs: int) -> Callable[..., Any]:
    """A block for all jobs over all devices: (economies, runs) → (arrays of the runs, metrics [job, update]).

    Each device has jobs of its own; or, if there are more devices than jobs, environments of its own. Then as many
    devices take part as divide the environments, and results are those of one device to rounding. Several processes
    always share the environments, which all their devices have to divide.
    """
    updates = block(system, num_updates)
    if _has_a_job_for_each_device(num_jobs):
        return over_jobs(updates, num_jobs)
    return _over_environments(updates, num_devices_used(system.num_environments, num_jobs))


def _has_a_job_for_each_device(num_jobs: int) -> bool:
    return jax.process_count() == 1 and num_jobs >= jax.device_count()


def _over_environments(function: Callable[..., Any], num_devices: int) -> Callable[..., Any]:
    """Compile `function` to run on job after job of (economies, runs), devices sharing each job's environments.

    Where numbers lie is all that is decided here: the compiler divides the work accordingly.
    """
    mesh = Mesh(np.asarray(jax.devices()[:num_devices]), ("environment",))
    everywhere, in_shares = NamedSharding(mesh, P()), NamedSharding(mesh, P(None, "environment"))

    def places(runs):
        """Environments in equal shares, everything else on every device."""
        full = jax.tree.map(lambda _: everywhere, runs)
        shared = {name: getattr(runs, name) for name in ("environments", "memories", "clock", "is_whole")}
        return replace(full, **jax.tree.map(lambda _: in_shares, shared))

    @eqx.filter_jit
    def compiled(arrays, static):
        """Job after job."""
        one = lambda job: eqx.filter(function(*eqx.combine(job, static)), eqx.is_array)  # noqa: E731
        runs, metrics = jax.lax.map(one, arrays)
        return jax.lax.with_sharding_constraint((runs, metrics), (places(runs), everywhere))

    def call(economies, runs):
        """Place the arguments, and run."""
        (economies, runs), static = eqx.partition((economies, runs), eqx.is_array)
        economies = jax.tree.map(lambda x: _move(x, everywhere), economies)
        return compiled((economies, jax.tree.map(_move, runs, places(runs))), static)

    return call


def _move(x: Array, place: NamedSharding) -> Array:
    """Put an array where it belongs; what all processes have alike, each takes its own part of."""
    if jax.process_count() == 1:
        return jax.device_put(x, place)
    if not x.is_fully_addressable:  # it comes from the block before, and lies where it belongs
        return x
    if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_move(jax.random.key_data(x), place), impl=jax.random.key_impl(x))
    values = np.asarray(x)
    return jax.make_array_from_callback(values.shape, place, lambda index: values[index])


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
