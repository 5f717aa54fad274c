"""Several processes that train one run together: all compute, and the first one keeps the books.

Every process runs the same program on its share of the environments. What is read from a file has to come from one of
them, and what is written has to be whole first. With one process all of this does nothing.
"""

import hashlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Array, PyTree

A_WEEK = 7 * 24 * 3600


def join(address: str | None = None, number: int | None = None, index: int | None = None) -> None:
    """Become one of several processes, before jax is used for anything else, and wait for the others.

    A process that is done waits for the others when it exits, however long the first one goes on evaluating; one that
    fails should end at once (`os._exit`), so that the others do not wait for it. jax itself ends the process, without
    an exception, if the others do not turn up within five minutes.

    Args:
        address: host and port of the first process; None, like the others, to take it from Slurm or Open MPI.
        number: of processes.
        index: of this one, from 0.

    Raises:
        ValueError: if nothing is given and there is no such job around, or if only a part is given.
    """
    jax.config.update(
        "jax_enable_preemption_service", False
    )  # it would swallow SIGTERM, which notes that a run stopped
    jax.distributed.initialize(address, number, index, shutdown_timeout_seconds=A_WEEK)
    multihost_utils.sync_global_devices("joined")  # while all are here: connections are made within half a minute


def is_first() -> bool:
    """Whether this process is the one that reads and writes."""
    return jax.process_index() == 0


def of_first(tree: PyTree[Any]) -> PyTree[Any]:
    """What the first process has, in all of them. Shapes must be the same everywhere; to be called by all."""
    if jax.process_count() == 1:
        return tree
    arrays, static = eqx.partition(tree, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    sent = multihost_utils.broadcast_one_to_all([_plain(leaf) for leaf in leaves])
    return eqx.combine(jax.tree.unflatten(structure, map(_like, leaves, sent)), static)


def whole(tree: PyTree[Any]) -> PyTree[Any]:
    """Arrays that lie on several processes, in full on each; to be called by all."""
    if jax.process_count() == 1:
        return tree

    def gathered(leaf: Any) -> Any:
        """The array itself if all of it is here."""
        if not eqx.is_array(leaf) or leaf.is_fully_addressable:
            return leaf
        plain = jax.random.key_data(leaf) if _is_key(leaf) else leaf
        return _like(leaf, multihost_utils.process_allgather(plain, tiled=True))

    return jax.tree.map(gathered, tree)


def agree(what: str) -> bool:
    """Whether all processes say the same; to be called by all."""
    if jax.process_count() == 1:
        return True
    number = np.frombuffer(hashlib.sha256(what.encode()).digest(), np.uint32)
    return bool(multihost_utils.process_allgather(np.any(number != of_first(number))).sum() == 0)


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Array) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _like(leaf: Array, values: Any) -> Array:
    numbers = jnp.asarray(values)
    return jax.random.wrap_key_data(numbers, impl=jax.random.key_impl(leaf)) if _is_key(leaf) else numbers
