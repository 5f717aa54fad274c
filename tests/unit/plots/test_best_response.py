"""What retraining gained, as printed: numbers, sentences and their width. Expected by hand."""

import io

import pytest
from rich.console import Console

from fisc.plots.best_response import print_gain

ONE = {"mean": 8.0, "low": 2.0, "high": 14.0, "values": [2.0, 14.0]}
SUMMARY = {
    "scenario": "one-step",
    "arm": "planner",
    "role": "citizen",
    "agent": None,
    "start": "trained",
    "at": None,
    "updates": 10,
    "retrained_agents": 8,
    "over": "seeds",
    "rewards": {"untrained": ONE, "trained": ONE, "retrained": ONE},
    "gain": ONE,
    "gained_in_training": ONE | {"mean": 80.0, "low": 70.0, "high": 90.0},
    "relative": {"mean": 0.1, "low": 0.02, "high": 0.2},
    "relative_to_before": {"mean": 0.3, "low": 0.1, "high": 0.5},
    "others": {"planner": ONE},
    "caveats": ["It is a model."],
}


def printed(width=100, **changes) -> str:
    written = io.StringIO()
    print_gain(SUMMARY | changes, Console(file=written, width=width, highlight=False))
    return written.getvalue()


@pytest.mark.parametrize("width", [60, 100])
def test_it_fits_the_terminal_and_says_what_to_be_careful_about(width):
    said = printed(width)
    assert max(len(line.rstrip()) for line in said.splitlines()) <= min(width, 80)
    assert "range of 2 seeds" in said and "+10.0%" in said and "Caveat: It is a model." in said
    assert "gain, relative to before" in said and "+30.0%" in said and "everybody trained" in said
    assert "everybody after update 40" in printed(width, at=40)


@pytest.mark.parametrize(
    "changes, verdict",
    [
        ({}, "all together; whether one would gain alone is another question: --agent."),
        ({"agent": 3, "retrained_agents": 1}, "citizen 3 gains 8.0, 10.0% of what training gained: no equilibrium"),
        ({"gain": ONE | {"low": -1.0}}, "finds nothing that is surely better."),
        ({"gain": {"mean": 8.0, "low": None, "high": None, "values": [8.0]}}, "one seed shows no spread."),
        ({"gain": {"mean": None, "low": None, "high": None, "values": [8.0]}}, "nothing can be said."),
    ],
)
def test_the_verdict_claims_no_more_than_the_interval(changes, verdict):
    assert verdict in " ".join(printed(**changes).split())
