"""Set jax up for this machine; to be called before jax is imported. No import of jax here."""

import os
from importlib.metadata import version


def num_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def with_quick_compiling(flags: str) -> str:
    """Add to XLA's flags the one that halves compile time at equal speed, where this jaxlib knows it.

    Later releases do not, and would refuse to start.
    """
    release = tuple(int(part) for part in version("jaxlib").split(".")[:2])
    if release >= (0, 11) or "fusion_emitters" in flags:
        return flags
    return f"{flags} --xla_cpu_use_fusion_emitters=false".strip()


def prepare_jax() -> None:
    """One CPU device for every core, as jobs are independent; and compiled programs are kept for the next time.

    Leaves alone whatever the user has set.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "host_platform_device_count" not in flags:
        # With several devices the threads inside one operation would only fight for the same cores.
        flags += f" --xla_force_host_platform_device_count={num_cores()} --xla_cpu_multi_thread_eigen=false"
    flags = with_quick_compiling(flags)
    if "backend_optimization_level" not in flags:
        # A training block compiles in two thirds of the time and runs no slower; stepping alone is a tenth slower.
        flags += " --xla_backend_optimization_level=1"
    os.environ["XLA_FLAGS"] = flags.strip()
    home = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.path.join(home, "fisc", "jax"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "1")
