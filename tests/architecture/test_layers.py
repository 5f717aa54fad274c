"""The layers hold, and the check that says so would notice if they did not. Kind: contract."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "fisc"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def lint(folder: Path) -> subprocess.CompletedProcess:
    """Check the contracts of this repository against the package in a folder."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    environment = {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path):
    """A copy of the package with the same contracts, to be broken."""
    shutil.copytree(PACKAGE, tmp_path / "src" / "fisc", ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_module_imports_only_what_its_layer_may():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"{len(CONTRACTS)} kept, 0 broken" in done.stdout


def test_a_faithful_copy_of_the_package_keeps_them_too(copy):
    # What the violations below are compared with.
    assert lint(copy).returncode == 0


FORBIDDEN = {
    "the core knows no economy": ("core/tax.py", "fisc.economies.one_step.economy"),
    "formulas know no types": ("econ/saez.py", "fisc.core.tax"),
    "an economy knows no tax system": ("economies/one_step/work.py", "fisc.taxes.fixed"),
    "a tax system knows no economy": ("taxes/fixed.py", "fisc.economies.one_step.economy"),
    "learning knows no economy": ("learning/ppo.py", "fisc.economies.one_step.economy"),
    "learning knows no policy": ("learning/ppo.py", "fisc.policies.networks"),
    "learning knows no formula": ("learning/ppo.py", "fisc.econ.welfare"),
    "policies know no learning": ("policies/networks.py", "fisc.learning.ppo"),
    "nothing below composes scenarios": ("learning/train.py", "fisc.scenarios.config"),
    "who records episodes knows no economy": ("scenarios/episodes.py", "fisc.economies.one_step.economy"),
    "nothing below talks to a terminal": ("scenarios/build.py", "fisc.cli.main"),
    "adapters know no economy": ("adapters/engine.py", "fisc.economies.one_step.economy"),
    "nothing below knows an adapter": ("scenarios/settings.py", "fisc.adapters.engine"),
    "reading a run needs no jax": ("analysis/summary.py", "jax"),
    "drawing a run needs no core": ("plots/figures.py", "fisc.core.ledger"),
    "records know no analysis": ("records/store.py", "fisc.analysis.summary"),
}


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_a_forbidden_import_breaks_a_contract(rule, copy):
    # Evidence that the contracts can fail: one import added to a copy of the package.
    path, module = FORBIDDEN[rule]
    file = copy / "src" / "fisc" / path
    file.write_text(f"{file.read_text()}\nimport {module}  # noqa\n")
    done = lint(copy)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout
