"""The reference program, `ai-economist` 1.7.1 (BSD-3, archived): imported as an oracle for tests, never needed by fisc.

It was written for Python 3.7 and NumPy 1.21. Under a recent Python it imports once three gaps are filled: an alias that
NumPy dropped, and modules that only its GPU and encryption features use.
"""

import contextlib
import importlib
import importlib.util
import io
import sys
import types

import numpy as np

from fisc.core.errors import ConfigError

INSTALL = "pip install --no-deps ai-economist==1.7.1"
"""Without its dependencies: they are pinned to versions of 2021 that no longer install."""


class ReferenceMissing(ConfigError):
    """The reference program is not installed beside fisc."""


def is_installed() -> bool:
    """Say whether the reference program can be imported."""
    return importlib.util.find_spec("ai_economist") is not None


def load() -> types.ModuleType:
    """Import the reference's `foundation` package.

    Raises:
        ReferenceMissing: if it is not installed.
    """
    if not is_installed():
        raise ReferenceMissing(f"the reference program is not installed: run '{INSTALL}' in this environment")
    _fill_gaps()
    # One of its modules prints the number of GPUs while it is imported.
    with contextlib.redirect_stdout(io.StringIO()):
        return importlib.import_module("ai_economist.foundation")


def make(env: dict, seed: int):
    """Construct an environment of the reference from its own configuration.

    The reference draws from NumPy's global generator, also while it is constructed; `seed` starts that generator.

    Raises:
        ReferenceMissing: if it is not installed.
        ConfigError: if it refuses the configuration.
    """
    foundation = load()
    np.random.seed(seed)
    try:
        return foundation.make_env_instance(**env)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"the reference program refuses the configuration: {type(error).__name__} {error}") from error


@contextlib.contextmanager
def recorded_uniform_draws():
    """Record, as shares of the range, what the reference draws from `np.random.uniform` meanwhile."""
    shares: list[np.ndarray] = []
    original = np.random.uniform

    def uniform(low=0.0, high=1.0, size=None):
        share = np.random.random_sample(size)
        shares.append(np.array(share))
        return low + (high - low) * share

    np.random.uniform = uniform
    try:
        yield shares
    finally:
        np.random.uniform = original


def _fill_gaps() -> None:
    """Supply what the import needs: `np.int`, GPU counting, compression and encryption (none of them is used here)."""
    if not hasattr(np, "int"):
        np.int = int
    # GPUtil itself imports distutils, which Python 3.12 dropped: replaced even if it is installed.
    if "GPUtil" not in sys.modules:
        _put_empty_module("GPUtil").getAvailable = lambda *_, **__: []
    for name in ("lz4.frame", "Crypto.PublicKey.RSA"):
        root = name.split(".")[0]
        if root not in sys.modules and importlib.util.find_spec(root) is None:
            _put_empty_module(name)


def _put_empty_module(name: str) -> types.ModuleType:
    """Register an empty module under a dotted name, with its parents, and return it."""
    parent_name, _, child = name.rpartition(".")
    module = sys.modules.setdefault(name, types.ModuleType(name))
    if parent_name:
        setattr(_put_empty_module(parent_name), child, module)
    return module
