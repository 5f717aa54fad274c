"""The documentation says what the program does: tables are current, code runs, commands parse, links lead somewhere.

A comment on the line before a fenced block gives it a part to play: `<!-- skip -->` exempts it, `<!-- file: NAME -->` saves
it as a file in the folder in which the page's later blocks run.
"""

import doctest
import importlib.util
import re
import shlex
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jaxtyping
import pytest
import yaml

from fisc.cli import machine
from fisc.cli import main as cli
from fisc.scenarios import compare, registry
from fisc.scenarios.config import BUDGETS, BudgetConfig

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS_RUN_ON = ("docs/tutorial.md",)
"""Pages whose `fisc` commands are run, in order; elsewhere they only have to parse."""

FENCED = re.compile(r"^( *)(?:<!-- (skip|file: \S+) -->\n\s*)?```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

TINY = BudgetConfig(updates=2, planner_updates=2, block=1)
FEW_WORKERS, FEW_ENVIRONMENTS = 60, 4


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str
    role: str
    """Empty, `skip` or `file: NAME`."""


def blocks(page: Path) -> list[Block]:
    return [Block(m[3], m[4], m[2] or "") for m in FENCED.finditer(page.read_text(encoding="utf-8"))]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(block: Block) -> list[list[str]]:
    """The arguments of every `fisc` command in a shell block; comments and other commands are left out."""
    lines = block.text.replace("\\\n", " ").splitlines() if block.language in ("bash", "sh", "console") else []
    words = [shlex.split(line.strip().removeprefix("$ "), comments=True) for line in lines]
    return [line[1:] for line in words if line[:1] == ["fisc"]]


PAGES_WITH_CODE = [p for p in PAGES if any(b.language == "python" and b.role != "skip" for b in blocks(p))]
PAGES_WITH_COMMANDS = [p for p in PAGES if any(commands(b) for b in blocks(p))]


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A folder to run in, where every scenario is small and short, and figures (tested elsewhere) are not drawn.

    Blocks run as they run for a reader: without the shape checks and strict promotion of the other tests.
    """
    load = registry.load_scenario

    def load_small(*arguments, **options):
        scenario = load(*arguments, **options)
        workers = min(scenario.economy.workers, FEW_WORKERS)
        return replace(
            scenario,
            economy=replace(scenario.economy, workers=workers),
            learning=replace(scenario.learning, environments=FEW_ENVIRONMENTS),
            budgets=dict.fromkeys(BUDGETS, TINY),
        )

    monkeypatch.setattr(registry, "load_scenario", load_small)
    monkeypatch.setattr(compare, "load_scenario", load_small)
    monkeypatch.setattr(compare, "redraw", lambda *_: None)
    monkeypatch.setattr(machine, "prepare_jax", lambda: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield tmp_path


@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=name)
def test_code_on_the_page_runs(page, tiny):
    names = {"__name__": "__docs__"}
    for block in blocks(page):
        if block.role.startswith("file: "):
            (tiny / block.role.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        elif block.role == "skip":
            continue
        elif block.language == "python" and block.text.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block.text, names, name(page), name(page), 0)
            assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
            names.update(test.globs)
        elif block.language == "python":
            exec(compile(block.text, name(page), "exec"), names)
        elif name(page) in COMMANDS_RUN_ON:
            for arguments in commands(block):
                assert cli.main(arguments) == 0, f"fisc {shlex.join(arguments)}"


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=name)
def test_commands_on_the_page_exist(page):
    for arguments in (found for block in blocks(page) for found in commands(block)):
        try:
            cli.make_parser().parse_args(arguments)
        except SystemExit as stop:
            assert stop.code == 0, f"fisc {shlex.join(arguments)}"  # --help and the like stop with 0


def test_generated_tables_are_up_to_date():
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "tools" / "make_docs.py")
    make_docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_docs)
    stale = [name(page) for page in make_docs.stale_pages()]
    assert not stale, f"run python tools/make_docs.py: {', '.join(stale)}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_somewhere(page):
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} does not exist"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{target}: no such heading"


def test_citation_has_the_version_of_the_package():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == package["version"]
    assert citation["license"] == package["license"]


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub gives the headings of a page."""
    titles = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}
