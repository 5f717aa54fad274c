"""Markdown pages taken apart: fenced blocks and the commands in them. Imports nothing of fisc.

A comment on the line before a fenced block gives it a part to play: `<!-- skip -->` exempts it from being run,
`<!-- file: NAME -->` saves it as a file in the folder in which the page's later blocks run.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

FENCED = re.compile(r"^ *(?:<!-- (skip|file: \S+) -->\n\s*)?```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str
    role: str
    """Empty, `skip` or `file: NAME`."""


def blocks(page: Path) -> list[Block]:
    """Every fenced block, from top to bottom."""
    return [Block(m[2], m[3], m[1] or "") for m in FENCED.finditer(page.read_text(encoding="utf-8"))]


def name(page: Path) -> str:
    """Path within the repository."""
    return page.relative_to(ROOT).as_posix()


def commands(block: Block) -> list[list[str]]:
    """The arguments of every `fisc` command in a shell block; comments and other commands are left out."""
    lines = block.text.replace("\\\n", " ").splitlines() if block.language in ("bash", "sh", "console") else []
    words = [shlex.split(line.strip().removeprefix("$ "), comments=True) for line in lines]
    return [line[1:] for line in words if line[:1] == ["fisc"]]


def links(page: Path) -> list[str]:
    """Targets of all links outside of fenced blocks."""
    return LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub gives the headings of a page."""
    titles = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}
