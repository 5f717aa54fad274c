"""Run the code of documentation pages as a reader would, on small scenarios and for a few updates.

    python -m tests.docs.run_pages PAGE…

The blocks of a page run from top to bottom in an empty folder, Python blocks in one namespace. Of shell blocks the
`fisc` commands are run, on the pages in `WITH_COMMANDS`. Exit code 1 at the first failure. It is a process of its own,
because jax takes its flags only once: here they say to compile quickly and not well.
"""

import doctest
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from fisc.cli.machine import prepare_jax

from .pages import Block, blocks, commands, name

WITH_COMMANDS = ("docs/tutorial.md",)
"""Elsewhere commands only have to parse."""

FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
FEW_WORKERS, FEW_ENVIRONMENTS = 60, 4


def make_everything_small() -> None:
    """Let every scenario be small and every budget tiny, and draw no figures: they are tested elsewhere."""
    from fisc.scenarios import compare, plan, registry
    from fisc.scenarios.config import BUDGETS, BudgetConfig
    from fisc.scenarios.kinds import one_step

    load = registry.load_scenario
    tiny = BudgetConfig(updates=2, planner_updates=2, block=1)

    def load_small(*arguments, **options):
        scenario = load(*arguments, **options)
        if scenario.economy.kind != "one_step":
            return scenario
        return replace(
            scenario,
            economy=replace(scenario.economy, workers=min(scenario.economy.num_people, FEW_WORKERS)),
            learning=replace(scenario.learning, environments=FEW_ENVIRONMENTS),
            budgets=dict.fromkeys(BUDGETS, tiny),
        )

    registry.load_scenario = plan.load_scenario = load_small
    compare.redraw = lambda *_: None
    one_step.solve = partial(one_step.solve, num_starts=1, tolerance=0.02)


def run_page(page: Path) -> None:
    """Run every block of a page in the present folder."""
    names = {"__name__": "__docs__"}
    for block in blocks(page):
        if block.role.startswith("file: "):
            Path(block.role.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        elif block.role != "skip" and block.language == "python":
            run_python(block, page, names)
        elif block.role != "skip" and name(page) in WITH_COMMANDS:
            run_commands(block)


def run_python(block: Block, page: Path, names: dict) -> None:
    """Run a block of code, or of a session with its expected output."""
    if not block.text.lstrip().startswith(">>>"):
        exec(compile(block.text, name(page), "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(block.text, names, name(page), name(page), 0)
    if doctest.DocTestRunner().run(test, clear_globs=False).failed:
        raise SystemExit(1)
    names.update(test.globs)


def run_commands(block: Block) -> None:
    """Run the `fisc` commands of a shell block."""
    from fisc.cli.main import main

    for arguments in commands(block):
        if code := main(arguments):
            raise SystemExit(f"fisc {shlex.join(arguments)} ends with {code}")


def main(arguments: Sequence[str]) -> None:
    """Run pages, each in a folder of its own."""
    pages = [Path(page).resolve() for page in arguments]
    with tempfile.TemporaryDirectory() as root:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()
        os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{root}/compiled"
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.05"
        prepare_jax()
        make_everything_small()
        for number, page in enumerate(pages):
            print(f"--- {name(page)}", flush=True)
            (Path(root) / str(number)).mkdir()
            os.chdir(Path(root) / str(number))
            run_page(page)
        os.chdir(root)


if __name__ == "__main__":
    main(sys.argv[1:])
