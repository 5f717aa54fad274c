"""Scripts that are no part of the package, as modules that tests can call."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]


def load_script(place: str) -> ModuleType:
    """A fresh module from a script such as 'tools/make_docs.py', which sees the scripts beside it.

    Those it imports stay loaded, and are shared with other tests.
    """
    path = ROOT / place
    spec = importlib.util.spec_from_file_location(f"scripts.{path.parent.name}.{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
