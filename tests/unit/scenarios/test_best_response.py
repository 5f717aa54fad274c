"""What may be asked of a run, before anything is loaded."""

import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.scenarios import build
from fisc.scenarios.compare import group_jobs, plan
from fisc.scenarios.evaluation import World
from fisc.scenarios.question import Question, resolve

EXACT = {"learning.citizens": "best_response"}


def ask(question, arms=("free_market", "planner", "optimum"), **overrides):
    """The question with its defaults filled in, of a run with seeds 0 and 2."""
    planned = plan("one-step", arms=arms, seeds=[0, 2], budget="smoke", overrides=overrides)
    people = build.population(planned.scenario, 0)
    rates = {"planner": None}
    worlds = [World(arm, seed, people, rates.get(arm, np.zeros(7))) for seed in (0, 2) for arm in arms]
    groups = {job.arm: group for group in group_jobs(planned, worlds) for job in group.jobs}
    return resolve("run", question, planned, groups)[1]


def test_what_is_not_asked_is_as_the_run_has_it():
    # By hand: the planner, who learns first under it, all seeds, as long as the arm was trained (smoke: 20, else 10).
    assert ask(Question()) == Question("planner", "citizen", None, "trained", 20, (0, 2), 1)
    assert ask(Question(), arms=["free_market"]).updates == 10
    assert ask(Question(seeds=1)).seeds == (0,) and ask(Question(seeds=[2])).seeds == (2,)
    assert ask(Question(), **EXACT).role == "planner", "citizens who are exact do not learn"


@pytest.mark.parametrize(
    "question, overrides, said",
    [
        (Question(role="citizen"), EXACT, "role 'citizen' follows a rule and cannot learn: choose --role planner"),
        (Question(arm="optimum"), {}, "nobody learned under arm 'optimum' of run: choose one of free_market, planner"),
        (Question(arm="free_market"), EXACT, "nobody learned under arm 'free_market'"),
        (Question(arm="free_market", role="planner"), {}, "unknown role 'planner': allowed are citizen"),
        (Question(role="planner", agent=1), {}, "role 'planner' has agents 0 to 0"),
        (Question(seeds=[0, 1]), {}, "--seeds is 0,1: run has seeds 0, 2"),
        (Question(seeds=[0, 0]), {}, "each only once"),
    ],
)
def test_what_cannot_be_asked_is_refused(question, overrides, said):
    with pytest.raises(ConfigError, match=said):
        ask(question, **overrides)
