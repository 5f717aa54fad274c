"""Strictness for every test: shapes and types are checked at run time, and nothing leans on implicit promotion."""

# ruff: noqa: E402 - the flags must be there before jax is imported

import gc
import os
from pathlib import Path

from fisc.cli.machine import with_quick_compiling  # imports nothing of what is checked below

# Nearly all the time of the suite is compiling, and what is compiled runs once or twice.
FAST_COMPILING = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
os.environ["XLA_FLAGS"] = with_quick_compiling(f"{os.environ.get('XLA_FLAGS', '')} {FAST_COMPILING}".strip())

# A traceback with every traced operation costs a twentieth of the suite, and only readers of compiled programs see it.
os.environ["JAX_TRACEBACK_IN_LOCATIONS_LIMIT"] = "0"

import jax
import pytest
from jaxtyping import install_import_hook

CHECKED = ["fisc.core", "fisc.econ", "fisc.economies", "fisc.taxes", "fisc.policies", "fisc.learning"]
"""Everything made of arrays. The rest has no shapes, and polars writes type hints that beartype cannot read."""

# Before anything of fisc is imported: every annotated function checks its arguments and results from here on.
install_import_hook(CHECKED, "beartype.beartype")

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(scope="session", autouse=True)
def compile_cache(tmp_path_factory):
    """A compilation cache for the workers of a session, or between sessions if JAX_COMPILATION_CACHE_DIR is set."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "jax"
    jax.config.update("jax_compilation_cache_dir", os.environ.get("JAX_COMPILATION_CACHE_DIR", str(folder)))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


MOST_MAPPINGS = 30_000
"""Of memory, in one worker. Every compiled program has some, and Linux allows a process 65,530 by default: one more and
compiling ends in a segmentation fault."""


@pytest.fixture(scope="module", autouse=True)
def few_mappings():
    """Forget compiled programs before there are too many of them."""
    yield
    listed = Path("/proc/self/maps")
    if listed.exists() and listed.read_bytes().count(b"\n") > MOST_MAPPINGS:
        jax.clear_caches()
        gc.collect()
