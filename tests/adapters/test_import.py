"""Importing an adapter: cheap, and plain about what is missing. Kind of every test: contract."""

import os
import subprocess
import sys

import pytest

ADAPTERS = ("pettingzoo", "gymnasium")


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True
    )


@pytest.mark.parametrize("package", ADAPTERS)
def test_a_missing_package_is_an_error_of_one_line_that_names_the_extra(package):
    # A module that is None cannot be imported, as if it were not installed.
    code = f"import sys; sys.modules[{package!r}] = None; import fisc; import fisc.adapters.{package}"
    last = run(code).stderr.strip().splitlines()[-1]
    assert last == (
        f"ImportError: fisc.adapters.{package} needs the package {package}, which is not installed: "
        "pip install 'fisc[adapters]'"
    )


def test_importing_them_sets_up_no_device():
    # There is no such platform: the first array would be an error.
    done = run("import fisc.adapters.pettingzoo, fisc.adapters.gymnasium", JAX_PLATFORMS="nowhere")
    assert done.returncode == 0, done.stderr


def test_fisc_itself_needs_neither():
    code = "import sys, fisc, fisc.scenarios.registry; assert not {'jax', 'gymnasium', 'pettingzoo'} & set(sys.modules)"
    done = run(code)
    assert done.returncode == 0, done.stderr
