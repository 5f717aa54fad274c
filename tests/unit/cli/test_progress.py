"""What a run shows while it is going on."""

import io
import time

import pytest
from rich.console import Console

from fisc.cli import progress
from fisc.cli.progress import ProgressLine
from fisc.scenarios.training import Report


def line(is_terminal: bool) -> tuple[ProgressLine, io.StringIO]:
    """A progress line, and what it writes."""
    written = io.StringIO()
    return ProgressLine(Console(file=written, force_terminal=is_terminal, width=80, highlight=False)), written


def test_a_long_compilation_says_now_and_then_that_it_goes_on():
    # By hand: nothing for 29 seconds, a line at 30, none at 45, another at 75; and none once a block was reported.
    shown, written = line(is_terminal=False)
    shown.note("compiling planner")
    began = shown.said
    for seconds in (29, 30, 45, 75):
        shown.beat(began + seconds)
    shown.report(Report("planner", 20, 60, None, 3.0, None))
    shown.beat(began + 500)
    lines = ["compiling planner", "compiling planner · 0:30", "compiling planner · 1:15", "planner: update 20/60 · "]
    assert written.getvalue().splitlines()[:3] == lines[:3]
    assert written.getvalue().splitlines()[3:] == [f"{lines[3]}welfare 3"]


def test_a_terminal_shows_how_long_it_has_taken():
    # By hand: after 75 seconds one row says so, and it is gone when the block was reported.
    shown, _ = line(is_terminal=True)
    shown.note("compiling planner")
    shown.beat(shown.said + 75)
    pulse = shown.bar.tasks[0]
    assert (pulse.visible, pulse.fields["text"]) == (True, "compiling planner · 1:15")
    shown.report(Report("planner", 20, 60, 1000.0, 3.0, 61.0))
    shown.beat(shown.said + 76)
    assert not shown.bar.tasks[0].visible
    assert shown.bar.tasks[1].fields["text"] == "1,000 steps/s · welfare 3 · 1:01 left"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_the_heart_beats_by_itself_and_stops(is_terminal, monkeypatch):
    # Contract: while the main thread is busy, what it is busy with is shown; afterwards no thread is left.
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_BEATS", 0.01)
    monkeypatch.setattr(progress, "SECONDS_OF_SILENCE", 0.0)
    shown, written = line(is_terminal)
    with shown:
        shown.note("compiling")
        time.sleep(0.3)
    assert "compiling · 0:00" in written.getvalue()
    assert not shown.heart.is_alive()


def test_a_line_is_whole_however_narrow_the_terminal_and_a_path_keeps_its_brackets():
    # By hand: a file that a run is piped into has one line for each thing said.
    shown, written = line(is_terminal=False)
    shown.console.width = 30
    text = "nothing to resume at runs/[red]a: a new run begins"
    shown.note(text)
    shown.report(Report("planner", 20, 60, 1000.0, 3.0, 61.0))
    assert written.getvalue().splitlines() == [text, "planner: update 20/60 · 1,000 steps/s · welfare 3 · 1:01 left"]
