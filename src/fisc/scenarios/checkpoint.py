"""Training checkpoints: one file with a checksum, replaced atomically, readable only by the run that wrote it."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from fisc.core.errors import RunError
from fisc.records.store import replace_file

MAGIC = b"fisc checkpoint 1\n"


def save(path: Path, tree: PyTree[Any], note: dict[str, Any]) -> None:
    """Write the arrays of a pytree, and a small note beside them, in one atomic step.

    Raises:
        RecordError: if the disk is full; the earlier checkpoint is intact.
    """
    buffer = io.BytesIO()
    leaves = {f"leaf_{i}": _plain(leaf) for i, leaf in enumerate(_arrays(tree))}
    np.savez(buffer, **leaves)
    body = json.dumps(note).encode() + b"\n" + buffer.getvalue()
    replace_file(path, MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def load(path: Path, like: PyTree[Any]) -> tuple[PyTree[Any], dict[str, Any]]:
    """Read a checkpoint into the structure of `like`.

    Raises:
        RunError: if the file is truncated, damaged, or of another configuration.
    """
    content = path.read_bytes()
    mend = f"delete {path} to train that part again, or restore it from a copy"
    digest, _, body = content[len(MAGIC) :].partition(b"\n")
    if not content.startswith(MAGIC) or hashlib.sha256(body).hexdigest().encode() != digest:
        raise RunError(f"checkpoint {path} is damaged ({len(content)} bytes, wrong checksum): {mend}")
    note, _, data = body.partition(b"\n")
    try:
        with np.load(io.BytesIO(data)) as stored:
            leaves = [stored[f"leaf_{i}"] for i in range(len(stored.files))]
    except (zipfile.BadZipFile, ValueError, KeyError) as error:
        raise RunError(f"checkpoint {path} cannot be read ({error}): {mend}") from None
    expected = _arrays(like)
    shapes = [(leaf.shape, leaf.dtype) for leaf in map(_plain, expected)]
    if [(leaf.shape, leaf.dtype) for leaf in leaves] != shapes:
        raise RunError(f"checkpoint {path} belongs to another configuration: {mend}")
    arrays, static = eqx.partition(like, eqx.is_array)
    filled = [_as(old, new) for old, new in zip(expected, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), filled), static), json.loads(note)


def _arrays(tree: PyTree[Any]) -> list[Any]:
    return jax.tree.leaves(eqx.filter(tree, eqx.is_array))


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _as(old: Any, new: np.ndarray) -> Any:
    return jax.random.wrap_key_data(new) if _is_key(old) else jax.numpy.asarray(new)
