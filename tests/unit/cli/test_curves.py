"""Curves for other programs while a run goes on: all that are asked for, and none that can stop the run.

A stand-in is in the place of the library wandb and its server, and another one in that of training.
"""

import sys
from types import SimpleNamespace

import pytest

from fisc.cli.main import main
from fisc.scenarios import compare
from fisc.scenarios.training import Report

from ..records.learned import learn, make_run, rows
from ..records.wandb_stand_in import StandIn

BLOCKS = 3


@pytest.fixture
def wandb(monkeypatch):
    """The stand-in in the place of the library."""
    library = StandIn()
    monkeypatch.setitem(sys.modules, "wandb", library)
    return library


@pytest.fixture
def training(tmp_path, monkeypatch):
    """A run of three blocks of two updates, in place of a comparison; `before` is called before each block is told."""
    monkeypatch.chdir(tmp_path)
    stand_in = SimpleNamespace(before=lambda block: None)

    def run_comparison(scenario, *, out, say, **_):
        run = make_run(out)
        for block in range(1, BLOCKS + 1):
            learn(run, "fixed", rows("saez", range(1, 2 * block + 1)))
            stand_in.before(block)
            say(Report("fixed", 2 * block, 2 * BLOCKS, None, 1.0, None))

    monkeypatch.setattr(compare, "compare", run_comparison)
    return stand_in


def start(*words):
    """Compare with what is in the place of training, which returns no run: as a process that only helps."""
    return main(["compare", "one-step", "--out", "run", *words])


def steps(library):
    """Updates that the server has of the only curve, if it has been told of it."""
    assert len(library.history) < 2
    return [step for points in library.history.values() for step, _ in points]


def test_curves_go_everywhere_they_were_asked_for(training, wandb, tmp_path, capsys):
    # By hand: after each block the server has its two updates; where they are is said once.
    had = []
    training.before = lambda block: had.append(steps(wandb))
    assert start("--wandb", "taxes", "--tensorboard") == 0
    assert had == [[], [1, 2], [1, 2, 3, 4]] and steps(wandb) == [1, 2, 3, 4, 5, 6]
    assert [code for _, code in wandb.finished] == [0]
    assert len(list((tmp_path / "run" / "tensorboard" / "saez" / "seed-0").glob("events.out.tfevents.*"))) == 1
    assert capsys.readouterr().out.count("curves: https://example.org/me/taxes, group run-") == 1


@pytest.mark.parametrize("what, sent", [("init", []), ("log", [1, 2]), ("finish", [1, 2, 3, 4, 5, 6])])
def test_what_fails_at_the_server_is_said_once_and_the_run_goes_on(training, wandb, what, sent, tmp_path, capsys):
    # Contract: from the second block on (for init: from the first) nothing reaches the server. TensorBoard's files go
    # on, and the line on the screen says how to send the rest; it does, and nothing comes twice.
    training.before = lambda block: wandb.failing.update({what} if block > 1 or what == "init" else ())
    assert start("--wandb", "taxes", "--tensorboard") == 0
    assert steps(wandb) == sent
    assert (tmp_path / "run" / "tensorboard").exists()
    said = capsys.readouterr().out
    assert said.count(f"Weights & Biases: no {what}: server is down; ") == 1 == said.count("fisc export wandb")
    wandb.failing = set()
    assert main(said.partition("mended: fisc ")[2].split("\n")[0].split()) == 0
    assert steps(wandb) == [1, 2, 3, 4, 5, 6]


def test_a_run_that_breaks_off_is_shown_as_such(training, wandb):
    # Contract: Ctrl-C is not hidden by the curves, and the server is told that the run did not end.
    def interrupt(block):
        if block == 2:
            raise KeyboardInterrupt

    training.before = interrupt
    assert start("--wandb", "taxes") == 130
    assert steps(wandb) == [1, 2] and [code for _, code in wandb.finished] == [1]


def test_who_is_not_logged_in_is_told_so_before_anything_is_spent(training, wandb, tmp_path, capsys):
    # Contract: training does not begin.
    wandb.has_login = False
    assert start("--wandb", "taxes") == 2
    assert "run `wandb login`" in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.parametrize("words", [["wandb", "run", "--out", "x"], ["tensorboard", "run", "--project", "x"], []])
def test_each_program_has_flags_of_its_own(words, capsys):
    # Contract: a flag that would do nothing is refused.
    with pytest.raises(SystemExit):
        main(["export", *words])
    assert "error: " in capsys.readouterr().err
