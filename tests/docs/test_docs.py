"""The documentation says what the program does: tables are current, code runs, commands parse, links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
import yaml

from fisc.cli.main import make_parser
from fisc.scenarios.outline import outline
from fisc.scenarios.plan import plan
from tests.scripts import load_script

from .pages import PAGES, ROOT, anchors, blocks, commands, links, name
from .run_pages import WITH_COMMANDS

WITH_CODE = [page for page in PAGES if any(b.language == "python" and b.role != "skip" for b in blocks(page))]
SHORT = [page for page in WITH_CODE if name(page) not in WITH_COMMANDS]
LONG = [page for page in WITH_CODE if name(page) in WITH_COMMANDS]


@pytest.mark.parametrize(
    "pages", [pytest.param(SHORT, id="short"), pytest.param(LONG, id="tutorial", marks=pytest.mark.slow)]
)
def test_code_on_the_pages_runs(pages):
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.run_pages", *map(str, pages)],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("page", [p for p in PAGES if any(map(commands, blocks(p)))], ids=name)
def test_commands_on_the_page_exist(page):
    for arguments in (found for block in blocks(page) for found in commands(block)):
        try:
            make_parser().parse_args(arguments)
        except SystemExit as stop:
            assert stop.code == 0, f"fisc {shlex.join(arguments)}"  # --help and the like stop with 0


def test_scenarios_on_the_pages_can_be_run(tmp_path):
    """Contract: files that are based on presets say nothing that does not exist, nor that cannot be."""
    texts = [block.text for page in PAGES for block in blocks(page) if block.text.startswith("based_on = ")]
    assert len(texts) >= 2
    for text in texts:
        path = tmp_path / "scenario.toml"
        path.write_text(text, encoding="utf-8")
        outline(plan(str(path), seeds=1))


def test_generated_tables_are_up_to_date():
    stale = [name(page) for page in load_script("tools/make_docs.py").stale_pages()]
    assert not stale, f"run python tools/make_docs.py: {', '.join(stale)}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_somewhere(page):
    for target in links(page):
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
