"""Write the fixed maps of the gather-trade-build economy from those of the reference program.

    python tools/make_gtb_layouts.py

Needs `ai-economist` 1.7.1 beside fisc (`make oracle`). The reference keeps a map on one line, with `;` after each row
and a blank for an empty cell; ours have a row on each line, and `.` for an empty cell. Its `A` marks mean nothing.
"""

import importlib.util
from pathlib import Path

HERE = Path(__file__).parents[1] / "src" / "fisc" / "economies" / "gather_trade_build" / "layout_data"
THERE = Path("foundation") / "scenarios" / "simple_wood_and_stone" / "map_txt"
MEANINGLESS = " A"


def main() -> None:
    """Convert every map."""
    package = importlib.util.find_spec("ai_economist")
    if package is None or package.origin is None:
        raise SystemExit("ai-economist is not installed: run `make oracle`")
    for source in sorted((Path(package.origin).parent / THERE).glob("*.txt")):
        rows = [row.strip("\n") for row in source.read_text().split(";")]
        text = "\n".join(rows).rstrip("\n") + "\n"
        for mark in MEANINGLESS:
            text = text.replace(mark, ".")
        (HERE / source.name).write_text(text)


if __name__ == "__main__":
    main()
