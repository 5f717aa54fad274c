"""Size budgets: a function fits on a screen, a file in a head. Kind: contract."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "fisc"
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES, MOST_ARGUMENTS = 400, 60, 8

ALLOWED: dict[str, str] = {
    "scenarios/compare.py:compare arguments": "keyword arguments of the public function, as on the command line",
    "learning/train.py:block closures": "a maker of a pure function whose scan needs a step: both are five lines",
}
"""What may exceed a budget, and why."""


def functions(path: Path):
    """Every function of a file."""
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def arguments(function) -> int:
    """Arguments a caller can give, without self or cls."""
    listed = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in listed)


def body_lines(function) -> int:
    """Lines of a function below its signature and docstring: what has to be followed."""
    body = function.body
    has_text = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1
    return function.end_lineno - body[1 if has_text else 0].lineno + 1


def functions_in_functions(function, depth: int = 0) -> int:
    """Levels of closures below a function."""
    inner = [node for child in function.body for node in ast.walk(child) if isinstance(node, ast.FunctionDef)]
    direct = [node for node in inner if not any(node in ast.walk(other) for other in inner if other is not node)]
    return max([depth, *[functions_in_functions(node, depth + 1) for node in direct]])


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def excesses(path: Path) -> list[str]:
    """Budgets that a file exceeds."""
    found = [f"{name(path)} lines"] if len(path.read_text().splitlines()) > MOST_LINES else []
    for function in functions(path):
        what = f"{name(path)}:{function.name}"
        found += [f"{what} lines"] if body_lines(function) > MOST_FUNCTION_LINES else []
        found += [f"{what} arguments"] if arguments(function) > MOST_ARGUMENTS else []
        found += [f"{what} closures"] if functions_in_functions(function) > 1 else []
    return found


def test_files_functions_and_arguments_keep_within_their_budgets():
    assert sorted(x for path in FILES for x in excesses(path) if x not in ALLOWED) == []


def test_tests_benchmarks_and_tools_fit_on_a_screen_and_in_a_head_too():
    root = PACKAGE.parents[1]
    paths = [path for folder in ("tests", "benchmarks", "tools") for path in sorted((root / folder).rglob("*.py"))]
    long = [path.name for path in paths if len(path.read_text().splitlines()) > MOST_LINES]
    long += [f"{path.name}:{f.name}" for path in paths for f in functions(path) if body_lines(f) > MOST_FUNCTION_LINES]
    assert paths and not long


def test_every_exception_is_still_needed():
    # A list of exceptions must not outlive them.
    assert set(ALLOWED) == {x for path in FILES for x in excesses(path)} & set(ALLOWED)
    assert all(ALLOWED.values())


@pytest.mark.parametrize(
    "source, excess",
    [
        ("def f():\n" + "    x = 1\n" * 61, ":f lines"),
        ("def f(a, b, c, d, e, f, g, h, i): pass\n", ":f arguments"),
        ("def f():\n  def g():\n    def h(): pass\n", ":f closures"),
        ("x = 1\n" * 401, " lines"),
    ],
)
def test_an_excess_is_noticed(source, excess, tmp_path, monkeypatch):
    # Evidence that the checks can fail.
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    (tmp_path / "big.py").write_text(source)
    assert excesses(tmp_path / "big.py") == [f"big.py{excess}"]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_module_and_public_function_says_what_it_is(path):
    # Contract of the style guide: a public name has a docstring; an empty package file needs none.
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree), f"{name(path)} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name(path)}: {node.name} has no docstring"
