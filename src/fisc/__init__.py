"""fisc: design and test economic policy by simulation and learning.

    >>> import fisc
    >>> run = fisc.compare("us-2024", budget="smoke", out="runs/first")  # doctest: +SKIP
    >>> run.summary["arms"]["saez"]["equality"]["mean"]  # doctest: +SKIP

Names resolve on first use, so that `import fisc` is instant and reading a run needs no jax.
"""

from typing import Any

__all__ = ["compare", "load_scenario", "solve", "summarize"]

_HOMES = {
    "compare": ("fisc.scenarios.compare", "compare"),
    "load_scenario": ("fisc.scenarios.registry", "load_scenario"),
    "solve": ("fisc.scenarios.solving", "solve_scenario"),
    "summarize": ("fisc.analysis.summary", "summarize"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fisc' has no attribute {name!r}: it has {', '.join(__all__)}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
