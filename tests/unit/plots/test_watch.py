"""Pictures of an episode: they are drawn, say what they should, and come out the same every time."""

import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageSequence
from rich.console import Console

from fisc.analysis.breakdown import break_down
from fisc.plots import style, village, watch
from fisc.plots.breakdown import file_names, write_breakdown
from fisc.plots.strip import draw_strip
from fisc.plots.watch_terminal import map_text, play
from fisc.records.episode import Episode, read_episode
from fisc.records.episode_map import read_map
from fisc.records.errors import RecordError

from ..records.village import PATH


@pytest.fixture(scope="module")
def told():
    return read_map(read_episode(PATH))


def texts(figure):
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_title(loc="left"), *(text.get_text() for text in axes.texts)]
    return " | ".join(found)


def untaxed(told):
    """The same episode as if there were no taxes and no market."""
    header = dict(told.episode.header)
    header["world"] = {**header["world"], "events": ["build", "gather"]}
    return read_map(Episode(header, told.episode.arrays))


def test_the_frames_of_a_film_end_with_the_last_step():
    # Closed form: every K-th, at most 121 by default, the last one always.
    assert watch.frames_of((0, 10), 4) == [0, 4, 8, 10]
    assert watch.frames_of((5, 8), 1) == [5, 6, 7, 8]
    assert len(watch.frames_of((0, 1000), None)) <= watch.MOST_FRAMES + 1
    assert watch.frames_of((0, 1000), None)[-1] == 1000


def test_a_frame_says_what_and_when(told):
    # Closed form: title, moment, everybody's coin.
    words = texts(watch.draw_scene(told, 120))
    assert "village, taxes by a planner" in words
    assert "step 120 of 200  ·  tax year 3 of 4, day 20 of 50" in words
    for coin in told.coin[120]:
        assert f"{coin:,.0f}" in words


def test_a_film_shows_each_frame_once(told, tmp_path):
    # Property: leaving out what has not changed loses nothing: the last picture is the one drawn anew.
    done = []
    path = watch.write_film(tmp_path / "village.gif", told, [0, 40, 120], 10.0, done.append)
    with Image.open(path) as film:
        pictures = [picture.convert("RGB").copy() for picture in ImageSequence.Iterator(film)]
    assert (len(pictures), done) == (3, [1, 2, 3])
    figure = watch.draw_scene(told, 120)
    figure.set_dpi(watch.DPI)
    figure.canvas.draw()
    drawn = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    gap = np.abs(drawn - np.asarray(pictures[-1]).astype(int))
    assert gap.mean() < 4 and np.quantile(gap, 0.99) < 60  # colors are rounded to a palette, nothing is missing


def test_a_film_of_another_kind_is_refused(told, tmp_path, monkeypatch):
    # Property: the error says what to do instead.
    with pytest.raises(RecordError, match=r"ends in .gif or .mp4, not '.avi': name it town.gif"):
        watch.write_film(tmp_path / "town.avi", told, [0], 5.0)
    monkeypatch.setattr(watch.shutil, "which", lambda name: None)
    with pytest.raises(RecordError, match="needs the program ffmpeg"):
        watch.write_film(tmp_path / "town.mp4", told, [0], 5.0)


def test_the_strip_has_a_panel_for_everything_and_its_table(told):
    # Closed form: five maps, coin, trades, net taxes, rates; the table holds what is drawn.
    figure, table = draw_strip(told)
    assert len(figure.axes) == 5 + 4
    assert "citizen: rule of thumb, planner: random  ·  coin per house: A " in texts(figure)
    assert set(table["panel"]) == {"coin owned", "price", "tax less transfer", "marginal rate"}
    prices = table.filter(pl.col("panel") == "price")
    assert prices.height == told.trades.height
    net = table.filter(pl.col("panel") == "tax less transfer")["value"]
    assert abs(net.sum()) < 1e-3  # what is collected comes back
    figure, table = draw_strip(untaxed(told))
    assert len(figure.axes) == 5 + 1
    assert set(table["panel"]) == {"coin owned", "price"}


def test_pictures_are_the_same_every_time(told, tmp_path):
    # Property: no date, no random ids.
    for name in ("one.svg", "two.svg"):
        style.save_picture(*draw_strip(told), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.csv").read_text().startswith("panel,step,name,value")


def test_the_breakdown_is_drawn_with_its_tables(told, tmp_path):
    # Property: PNG, SVG and CSV of each figure, and four more tables; without trades there is no picture of them.
    broken = break_down(told)
    names = {path.name for path in write_breakdown(broken, tmp_path / "all")}
    figures = {f"{name}.{kind}" for name in ("activity", "income", "trades") for kind in ("png", "svg", "csv")}
    assert names == figures | {"outcome.csv", "citizens.csv", "years.csv", "prices.csv"} == set(file_names())
    tables = [path.read_bytes() for path in (tmp_path / "all").glob("*.csv")]
    assert len(set(tables)) == len(tables)  # no table under two names
    quiet = write_breakdown(replace(broken, trades=broken.trades.head(0)), tmp_path / "quiet")
    assert [path.name for path in quiet if path.stem == "trades"] == ["trades.csv"]


def test_the_map_reads_without_color(told):
    # Closed form: letters of citizens and houses, signs of goods and water, at their cells.
    rows = map_text(told, 120).plain.splitlines()
    assert rows[0] == rows[-1] == f"+{'-' * 18}+"
    for i, cell in enumerate(told.cell[120]):
        row, column = divmod(int(cell), 9)
        assert rows[1 + row][1 + 2 * column] == "ABCD"[i]
    count = "".join(rows[1:-1])
    standing = set(told.cell[120].tolist())
    free = [owner for cell, owner in enumerate(told.owner(120).ravel()) if owner >= 0 and cell not in standing]
    assert [count.count(letter) for letter in "abcd"] == [free.count(i) for i in range(4)]
    assert count.count("≈") == 2 * told.water.sum()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_frames_are_printed_where_nothing_can_move(told, width):
    # Property: five moments, no line wider than the page, all in ASCII if there is nothing else.
    class Pipe(io.StringIO):
        encoding = "ascii"

    pipe = Pipe()
    play(told, list(range(201)), 50.0, Console(file=pipe, width=width))
    printed = pipe.getvalue()
    assert printed.isascii()
    assert [f"step {step} of 200" in printed for step in (0, 50, 100, 150, 200)] == [True] * 5
    assert max(map(len, printed.splitlines())) <= width


def test_everything_is_drawn_for_an_economy_without_taxes_and_market(told):
    # Property: panels that would say nothing are left out.
    words = texts(watch.draw_scene(untaxed(told), 120))
    assert "Marginal tax rate" not in words and "Prices" not in words and "tax year" not in words


def test_colors_go_round_but_letters_do_not():
    # Closed form: ten colors.
    assert village.citizen_color(0) == village.citizen_color(len(village.CITIZEN_COLORS))
