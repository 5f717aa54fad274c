"""What may be asked of a run, before anything is loaded."""

from itertools import product

import numpy as np
import pytest

from fisc.cli.commands import listed, numbers_of
from fisc.core.errors import ConfigError
from fisc.scenarios import build
from fisc.scenarios.compare import group_jobs, plan
from fisc.scenarios.evaluation import World
from fisc.scenarios.learning_config import ScheduledRoleConfig
from fisc.scenarios.question import Question, Recipe, folder_name, resolve

EXACT = {"learning.citizens": "best_response"}


def ask(question, arms=("free_market", "planner", "optimum"), path="run", **overrides):
    """The question with its defaults filled in, of a run with seeds 0 and 2."""
    planned = plan("one-step", arms=arms, seeds=[0, 2], budget="smoke", overrides=overrides)
    people = build.population(planned.scenario, 0)
    rates = {"planner": None}
    worlds = [World(arm, seed, people, rates.get(arm, np.zeros(7))) for seed in (0, 2) for arm in arms]
    groups = {job.arm: group for group in group_jobs(planned, worlds) for job in group.jobs}
    return resolve(path, question, planned, groups)[1]


def build_rate(role):
    """The learning rate that the preset trains a role with."""
    return plan("one-step", budget="smoke").scenario.learning.roles[role].learning_rate


def test_what_is_not_asked_is_as_the_run_has_it():
    # By hand: the planner, who learns first under it, all seeds, as long as the arm was trained (smoke: 20, else 10).
    how = {"algorithms": ("ppo",), "learning_rates": (build_rate("citizen"),)}
    assert ask(Question()) == Question("planner", "citizen", None, "trained", 20, (0, 2), 1, **how)
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
        (Question(algorithms=("ppo", "pg")), {}, "unknown --algorithm 'pg': .*policy_gradient"),
        (Question(algorithms=("ppo", "ppo")), {}, "--algorithm is ppo,ppo: give at least one, each only once"),
        (Question(learning_rates=()), {}, "--learning-rate is : give at least one"),
        (Question(learning_rates=(0.1, 0.0)), {}, "--learning-rate is 0: it must be above 0"),
        (Question(learning_rates=(float("nan"),)), {}, "--learning-rate is nan: it must be above 0"),
        (Question(at=7), {}, "--at is 7: run has the policies of update 20; to keep more, train with --set budgets"),
        (Question(at=-1), {}, "--at is -1"),
    ],
)
def test_what_cannot_be_asked_is_refused(question, overrides, said):
    with pytest.raises(ConfigError, match=said):
        ask(question, **overrides)


def test_every_algorithm_meets_every_learning_rate():
    """Property: and each of them is a recipe that a role's configuration accepts."""
    asked = ask(Question(algorithms=("policy_gradient", "ppo"), learning_rates=(0.01, 0.001)))
    assert asked.recipes == tuple(Recipe(*parts) for parts in product(("policy_gradient", "ppo"), (0.01, 0.001)))
    assert str(asked.recipes[0]) == "policy_gradient, 0.01"


@pytest.mark.parametrize("before", ["ppo", "policy_gradient"])
def test_an_algorithm_changes_how_a_role_learns_and_not_its_networks(before):
    """By hand: one step on each batch by the plain gradient; the usual number of them by the clipped ratio."""
    trained = ScheduledRoleConfig(hidden=(7,), epochs=4, clip=0.3, entropy=0.2).by(before, 0.5)
    assert trained.by(before, 0.25).by(before, 0.5) == trained, "what it has is kept, but for the rate"
    plain, clipped = trained.by("policy_gradient", 0.1), trained.by("ppo", 0.1)
    assert (plain.surrogate, plain.epochs, plain.minibatches) == ("policy_gradient", 1, 1)
    assert (clipped.surrogate, clipped.epochs) == ("clipped", 4 if before == "ppo" else 2)
    for config in (plain, clipped):
        assert (config.hidden, config.clip, config.entropy, config.learning_rate) == ((7,), 0.3, 0.2, 0.1)


def test_an_earlier_time_can_be_asked_about_where_its_checkpoint_was_kept(tmp_path):
    """Contract: the end needs none, and an answer about another time has another folder."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "planner-at-10.ckpt").write_bytes(b"")
    assert ask(Question(at=10), path=tmp_path).at == 10
    assert ask(Question(at=20), path=tmp_path).at is None
    with pytest.raises(ConfigError, match="has the policies of update 10, 20; to keep more"):
        ask(Question(at=5), path=tmp_path)
    assert folder_name(ask(Question(at=10), path=tmp_path)) == "planner-citizen-trained-at-10"


def test_checkpoints_are_kept_after_whole_blocks():
    """Contract."""
    with pytest.raises(ConfigError, match=r"keep_every is 7: it must be 0, or a multiple of block \(5\)"):
        plan("one-step", budget="smoke", overrides={"budgets.smoke.keep_every": 7, "budgets.smoke.block": 5})


def test_lists_are_read_with_commas():
    """By hand."""
    assert listed(None) is None and listed("ppo, policy_gradient,") == ("ppo", "policy_gradient")
    assert numbers_of("--learning-rate", "3e-3,0.1") == (0.003, 0.1)
    with pytest.raises(ConfigError, match="--learning-rate fast: expected numbers with commas"):
        numbers_of("--learning-rate", "fast")
