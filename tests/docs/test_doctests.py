"""The examples in docstrings give what they say. Kind: contract of the documentation, each expected value by hand."""

import ast
import doctest
import importlib

import pytest

from .pages import ROOT

SOURCE = ROOT / "src"


def examples() -> list[tuple[str, str, str]]:
    """Module, name and docstring of everything in the package that has an example."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                found += [(module, getattr(node, "name", "module"), text)] if ">>> " in text else []
    return found


FOUND = examples()


@pytest.mark.parametrize("module, name, text", FOUND, ids=[".".join(found[:2]) for found in FOUND])
def test_an_example_in_a_docstring_gives_what_it_says(module, name, text):
    # Docstrings are read from the source: the type checks of the tests wrap functions, which hides them from doctest.
    names = dict(vars(importlib.import_module(module)))
    test = doctest.DocTestParser().get_doctest(text, names, f"{module}.{name}", None, None)
    said: list[str] = []
    outcome = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert outcome.attempted > 0 and outcome.failed == 0, "".join(said)


def test_examples_are_found():
    # Evidence that the search sees functions of both kinds, with and without array checks.
    assert {"interval_name", "arm_label", "nearest"} <= {name for _, name, _ in FOUND}
