"""An episode in a terminal: the map in letters and colors, and beside it who owns what, the market and the taxes.

Nothing depends on color: a citizen is its letter, its house the small letter, goods have signs of their own.
"""

import io
import time
from collections.abc import Sequence

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fisc.analysis.scene import Scene, scene
from fisc.plots.village import citizen_color
from fisc.plots.watch import when
from fisc.plots.wording import format_compact, format_number
from fisc.records.episode_map import MapEpisode, citizen_name

GOOD_STYLES = {"wood": "green", "stone": "grey62"}
SIGNS = {"wood": "♣", "stone": "◆", "water": "≈", "source": "·", "land": " "}
PLAIN = str.maketrans({"♣": "%", "◆": "#", "≈": "~", "·": ".", "–": "-", "−": "-", "…": "..."})
"""What stands for them on terminals that know no more than ASCII."""
SIDE_WIDTH = 56
"""Columns of what stands beside the map."""
MOST_PEOPLE = 12
STILLS = 5
"""Frames that are printed where nothing can move."""


def play(told: MapEpisode, frames: Sequence[int], speed: float, console: Console) -> None:
    """Show frames one after the other on a terminal; print some of them anywhere else."""
    if not console.is_terminal:
        picked = sorted({frames[round(k * (len(frames) - 1) / (STILLS - 1))] for k in range(STILLS)})
        for frame in picked:
            console.print(screen(told, frame, console))
            console.print()
        return
    with Live(screen(told, frames[0], console), console=console, auto_refresh=False, screen=False) as live:
        for frame in frames:
            live.update(screen(told, frame, console), refresh=True)
            time.sleep(1.0 / speed)


def screen(told: MapEpisode, frame: int, console: Console) -> RenderableType:
    """One moment, as wide as the console."""
    now = scene(told, frame)
    village, key = map_text(told, frame), legend(told)
    note = Text("(in open bids, on offer); income: of this tax year", "dim")
    side = Group(_people(now), note, Text(), *_market(now), *_taxes(now), Text(), *_news(now))
    head = Text.assemble((told.episode.title, "bold"), "\n", (when(now, told.has_taxes), "dim"))
    shown = Group(head, village, key, Text(), side)
    if console.width >= 2 * told.shape[1] + 4 + SIDE_WIDTH:
        shown = Group(head, Columns([Group(village, key), side], padding=(0, 3)))
    return shown if (console.encoding or "").lower().startswith("utf") else _plain(shown, console.width)


def _plain(shown: RenderableType, width: int) -> Text:
    """The same without colors and in ASCII."""
    paper = Console(file=io.StringIO(), width=width)
    paper.print(shown)
    return Text(paper.file.getvalue().translate(PLAIN).encode("ascii", "replace").decode().rstrip("\n"))


def map_text(told: MapEpisode, frame: int) -> Text:
    """The map, two columns a cell and framed."""
    height, width = told.shape
    cells = [[(SIGNS["land"], "")] * width for _ in range(height)]
    for row, column in zip(*told.water.nonzero(), strict=True):
        cells[row][column] = (2 * SIGNS["water"], "blue")
    for good, places, lying in zip(told.goods, told.sources, told.units(frame), strict=True):
        for row, column in zip(*places.nonzero(), strict=True):
            sign = SIGNS.get(good, good[0]) if lying[row, column] else SIGNS["source"]
            # Of two goods on one cell the one that lies there is shown.
            if lying[row, column] or cells[row][column][0] == SIGNS["land"]:
                cells[row][column] = (sign, GOOD_STYLES.get(good, ""))
    owner = told.owner(frame)
    for row, column in zip(*(owner >= 0).nonzero(), strict=True):
        who = int(owner[row, column])
        cells[row][column] = (citizen_name(who).lower(), citizen_color(who))
    for i, cell in enumerate(told.cell[frame]):
        cells[cell // width][cell % width] = (citizen_name(i), f"bold white on {citizen_color(i)}")
    edge, text = f"+{'-' * 2 * width}+\n", Text(no_wrap=True)
    text.append(edge, "dim")
    for row in cells:
        text.append("|", "dim")
        for sign, look in row:
            text.append(f"{sign:<2}"[:2] if len(sign) > 1 else f"{sign} ", look)
        text.append("|\n", "dim")
    return text.append(edge.rstrip(), "dim")


def legend(told: MapEpisode) -> Text:
    """What the signs mean."""
    parts = [(f"{SIGNS.get(good, good[0])} {good}  ", GOOD_STYLES.get(good, "")) for good in told.goods]
    parts.append((f"{SIGNS['source']} empty source  ", "dim"))
    if told.water.any():
        parts.append((f"{SIGNS['water']} water  ", "blue"))
    return Text.assemble(*parts, ("A", "bold"), " citizen  a house of A")


def _people(now: Scene) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), title_justify="left")
    table.add_column("")
    for head in ("coin", *(stall.good for stall in now.market), "houses", "labor", "income"):
        table.add_column(head, justify="right", header_style="dim")
    people = sorted(now.people, key=lambda person: -person.coin)[:MOST_PEOPLE]
    for person in sorted(people, key=now.people.index):
        held = [f"{units}" + (f" ({offer})" if offer else "") for units, offer in
                zip(person.held, person.on_offer, strict=True)]  # fmt: skip
        coin = format_number(person.coin, 0) + (f" ({person.in_bids})" if person.in_bids else "")
        color = citizen_color(now.people.index(person))
        table.add_row(Text(person.name, f"bold {color}"), coin, *held, str(person.houses),
                      format_number(person.labor, 0), format_number(person.income, 0, signed=True))  # fmt: skip
    if len(people) < len(now.people):
        table.add_row(Text("…", "dim"), Text(f"{len(now.people)} in all", "dim"))
    return table


def _market(now: Scene) -> list[Text]:
    lines = []
    for stall in now.market:
        bid, ask, last = ("–" if x is None else str(x) for x in (stall.best_bid, stall.best_ask, stall.last_price))
        lines.append(Text.assemble(
            (f"{stall.good:<6}", GOOD_STYLES.get(stall.good, "")),
            f" bid {bid:>2} ({stall.bids})   ask {ask:>2} ({stall.asks})   last {last:>2}   {stall.trades} traded",
        ))  # fmt: skip
    return [Text("market: best offers in coin (open orders)", "dim"), *lines]


def _taxes(now: Scene) -> list[Text]:
    """Brackets and rates in two lines, cut where many brackets would not fit."""
    if not now.rates:
        return []
    heads = "".join(f"{format_compact(cutoff):>7}" for cutoff in now.cutoffs[:7])
    rates = "".join(f"{rate:>7.0%}" for rate in now.rates[:7])
    more = " …" if len(now.rates) > 7 else ""
    return [Text(), Text("marginal tax rate on income of the year from", "dim"), Text(heads + more), Text(rates + more)]


def _news(now: Scene) -> list[Text]:
    return [Text.assemble((f"{step:>5}  ", "dim"), words) for step, words in now.events]
