"""`fisc watch` and `fisc breakdown` on a stored episode, and what they refuse. Kind: contract of the command line."""

import os
import re
from pathlib import Path

import pytest

from fisc.analysis.breakdown import break_down
from fisc.cli.main import main
from fisc.plots.breakdown import draw_activity, draw_income, draw_trades, write_breakdown
from fisc.records.episode import read_episode
from fisc.records.episode_map import read_map

from ..records.village import PATH

VILLAGE = str(PATH)
PAGE = Path(__file__).parents[3] / "docs" / "watching.md"


@pytest.fixture(autouse=True)
def environment():
    """The command line prepares jax by environment variables, which must not outlive a test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_watch_prints_frames_into_a_pipe(capsys):
    assert main(["watch", VILLAGE, "--steps", "0:40"]) == 0
    printed = capsys.readouterr().out
    assert "step 0 of 200" in printed and "step 40 of 200" in printed
    assert "market: best offers" in printed


@pytest.mark.parametrize("name", ["film.gif", "strip.png", "strip.svg", "copy.npz"])
def test_watch_writes_what_the_ending_says(name, tmp_path, capsys):
    flags = ["--steps", "0:20", "--every", "10"] if name.endswith("gif") else []
    assert main(["watch", VILLAGE, *flags, "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / name).stat().st_size > 1000
    assert name in capsys.readouterr().out


def test_breakdown_prints_and_draws(tmp_path, capsys):
    assert main(["breakdown", VILLAGE, "--out", str(tmp_path / "tables")]) == 0
    printed = capsys.readouterr().out
    heads = ("What it came to", "What they did", "What they worked on", "What came of it", "Mean price by tax year")
    for word in (*heads, "productivity", "equality", "welfare", "13 files", "outcome.csv"):
        assert word in printed
    assert (tmp_path / "tables" / "income.svg").is_file()


@pytest.mark.parametrize("draw", [draw_activity, draw_income, draw_trades])
def test_pictures_of_a_breakdown_say_of_what(draw):
    # Property: the episode's own title, above and clear of all else.
    figure, _ = draw(break_down(read_map(read_episode(PATH))))
    figure.draw_without_rendering()
    (title,) = [text for text in figure.texts if text.get_text() == read_episode(PATH).title]
    bottom = title.get_window_extent().y0
    others = [*figure.axes, *figure.legends]
    assert all(part.get_tightbbox(figure.canvas.get_renderer()).y1 < bottom for part in others)


def test_the_page_lists_every_file_of_a_breakdown_with_its_columns(tmp_path):
    # Property: the tables themselves, goods replaced by GOOD.
    rows = [line.split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    told = {name: columns for _, names, *_, columns, _ in rows for name in re.findall(r"`(\w+\.csv)`", names)}
    paths = write_breakdown(break_down(read_map(read_episode(PATH))), tmp_path)
    tables = {path.name: path.read_text().splitlines()[0] for path in paths if path.suffix == ".csv"}
    assert told.keys() == tables.keys()
    for name, head in tables.items():
        columns = re.sub("stone|wood", "GOOD", head).split(",")
        assert re.findall(r"`(\w+)`", told[name]) == list(dict.fromkeys(columns)), name


@pytest.mark.parametrize(
    "words, there",
    [
        (["watch", VILLAGE, "--out", "copy.npz"], "copy.npz"),
        (["watch", VILLAGE, "--out", "strip.png"], "strip.csv"),
        (["breakdown", VILLAGE, "--out", "tables"], "tables/years.csv"),
    ],
)
def test_files_that_exist_are_left_alone_unless_forced(words, there, tmp_path, capsys, monkeypatch):
    # Property: refused in one line before anything is played or written; --force replaces.
    monkeypatch.chdir(tmp_path)
    Path(there).parent.mkdir(exist_ok=True)
    Path(there).write_text("mine")
    assert main(words) == 2
    error = capsys.readouterr().err
    assert f"{there} already exists: choose another --out, or give --force to replace it" in error
    assert error.count("\n") == 1
    assert [path.read_text() for path in tmp_path.rglob("*.*")] == ["mine"]
    if there == "copy.npz":
        assert main([*words, "--force"]) == 0
        assert Path(there).stat().st_size > 1000


REFUSED = {
    "ending": (["watch", VILLAGE, "--out", "town.avi"], "its ending must be one of .gif, .mp4, .png, .svg, .npz"),
    "no such episode": (["watch", "nowhere.npz"], "no episode nowhere.npz"),
    "no such source": (["watch", "gtb"], "nothing to watch in 'gtb'"),
    "no such configuration": (["watch", "town.yaml"], "no configuration file 'town.yaml'"),
    "arm of an episode": (["watch", VILLAGE, "--arm", "saez"], "--arm: "),
    "seed of an episode": (["breakdown", VILLAGE, "--seed", "1"], "--seed: "),
    "keys of an episode": (["watch", VILLAGE, "--set", "economy.eta=0.5"], "--set: "),
    "keys of a configuration": (["watch", "town.yaml", "--set", "economy.eta=0.5"], "fisc import-foundation"),
    "unknown key": (["watch", "gtb-open-quadrant", "--set", "economy.etta=0.5"], "did you mean 'economy.eta'?"),
    "steps in words": (["watch", VILLAGE, "--steps", "all"], "--steps all: expected FIRST:LAST within 0:200"),
    "steps beyond": (["watch", VILLAGE, "--steps", "100:300"], "expected FIRST:LAST within 0:200"),
    "steps backward": (["watch", VILLAGE, "--steps", "30:20"], "expected FIRST:LAST within 0:200"),
    "steps of a strip": (["watch", VILLAGE, "--steps", "0:9", "--out", "a.png"], "--steps is for films"),
    "every": (["watch", VILLAGE, "--every", "0"], "--every is 0: expected at least 1"),
    "speed": (["watch", VILLAGE, "--speed", "0"], "--speed is 0: expected frames per second"),
    "seed": (["watch", "one-step", "--seed", "-1"], "--seed is -1: expected at least 0"),
    "no map": (["watch", "one-step", "--arm", "free_market"], "which has no map to show"),
    "unknown arm": (["watch", "one-step", "--arm", "saes"], "did you mean 'saez'?"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_shown_is_refused_in_one_line(case, tmp_path, capsys, monkeypatch):
    arguments, message = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
