"""`fisc best-response` where the answer is known: in the one-step economy best responses are exact."""

import contextlib
import io
import json
import os
import shutil
from dataclasses import replace

import equinox as eqx
import jax
import polars as pl
import pytest

import fisc
from fisc.cli.main import main
from fisc.cli.progress import ProgressLine
from fisc.core.knobs import full_knobs
from fisc.economies.one_step.best_response import best_actions
from fisc.learning.rollout import play_episodes
from fisc.policies.scripted import Constant, Greedy
from fisc.records.store import RunFolder
from fisc.scenarios import best_response as response
from fisc.scenarios.best_response import Question

UPDATES, WORKERS = 150, 8
SMALL = {
    "economy.workers": WORKERS,
    "economy.skills": "quantiles",
    "learning.environments": 16,
    "learning.citizen.hidden": [16],
    "learning.citizen.learning_rate": 1e-2,
    "learning.citizen.starts_fresh": False,
    "learning.planner.hidden": [8],
    "learning.planner.joins_at": 0.0,
    "learning.planner.settles_at": 0.01,
    # Low rates: under high ones work is a gift to the others, so that of several policies equally good for oneself the
    # one that gives most looks like a gain of the role.
    "learning.planner.begins_at": 0.1,
    "learning.planner.begins_within": 0.05,
    "budgets.smoke.planner_updates": UPDATES,
    "budgets.smoke.block": UPDATES,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run in which a planner settles after two updates, having learned nothing, and workers learn to answer it."""
    out = tmp_path_factory.mktemp("runs") / "run"
    fisc.compare("one-step", arms=["planner"], seeds=1, budget="smoke", out=out, overrides=SMALL, draw=False)
    return out


def exact(case):
    """What every worker earns if all answer the planner of the start exactly, and if only the most skilled one does.

    A share 1/n of one's own tax comes back, so the best hours are those under rates less that share, whatever others
    do: utility is linear in coin.
    """
    economy, run = case.jobs[0].economy, case.starts[0]
    policies = {role: Greedy(case.system.learners[role].policy(run.learners[role])) for role in economy.spec.roles}
    states = jax.tree.map(lambda x: x[:1], run.environments)

    @jax.jit
    def play(citizens):
        played = play_episodes(economy, policies | {"citizen": citizens}, jax.random.key(0), states, full_knobs())
        citizen = played.trajectories["citizen"]
        return citizen.reward.sum(axis=0)[0], citizen.latent[-1, 0], played.state.treasury.rates[0]

    _, usual, rates = play(policies["citizen"])
    best = best_actions(economy, economy.skills, rates * (1 - 1 / WORKERS))
    return play(Constant(best))[0], play(Constant(usual.at[-1].set(best[-1])))[0]


def test_retraining_finds_what_the_exact_best_response_gains(folder, tmp_path):
    """Learning: from a profile in which nobody is trained, workers find at least 90 % of what is to be gained."""
    case = response.open_case(folder, Question(role="citizen", start="untrained"), print)
    summary = response.answer(case, RunFolder(tmp_path), lambda report: None).summary
    possible = float(exact(case)[0].mean()) - summary["rewards"]["untrained"]["mean"]
    assert possible > 100.0, "there is something to gain"
    assert 0.9 < summary["gain"]["mean"] / possible < 1.1


@pytest.mark.slow
def test_one_worker_alone_finds_its_own_best_response(folder, tmp_path):
    """Learning: of all hours the most skilled worker finds nearly the best; everybody else keeps every bit."""
    agent = WORKERS - 1
    case = response.open_case(folder, Question(role="citizen", agent=agent, start="untrained"), print)
    (kept,), _ = response.retrain(case, RunFolder(tmp_path), lambda report: None, lambda text: None)
    start, after = case.starts[0], kept.learners
    assert kept.update > 0
    assert eqx.tree_equal(start.learners["planner"], after["planner"])
    assert eqx.tree_equal(start.learners["citizen"].rest, after["citizen"].rest)
    assert not eqx.tree_equal(start.learners["citizen"].own.policy, after["citizen"].own.policy)
    rewards = response.evaluate(case, {"start": [start], "retrained": [replace(start, learners=after)]})
    before, found = rewards.filter(pl.col("agent") == agent)["reward"].to_list()
    possible = float(exact(case)[1][agent]) - before
    assert possible > 50.0, "there is something to gain"
    assert 0.9 < (found - before) / possible <= 1.0001


@pytest.fixture(scope="module")
def environment():
    """The command line prepares jax by environment variables, which must not outlive these tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def answered(folder, environment, tmp_path_factory):
    """The answer of the command without any option, what it said, and what a kill after three blocks would leave.

    That is the worst moment: the checkpoint is there, but its policy has not been tried yet.
    """
    out, said = tmp_path_factory.mktemp("answers") / "answer", io.StringIO()

    def copy(line, report):
        """In place of the progress line."""
        if report.update == 3 * UPDATES // response.TRIES:
            shutil.copytree(out, out.with_name("killed"))

    with contextlib.redirect_stdout(said), pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProgressLine, "report", copy)
        assert main(["best-response", str(folder), "--out", str(out)]) == 0
    return out, said.getvalue(), out.with_name("killed")


def test_trained_workers_have_little_to_gain_and_the_command_says_so(folder, answered):
    """Learning: workers who were trained gain less than 5 % of what training brought; untrained ones gain it all."""
    out, said, _ = answered
    assert "gain from retraining" in said
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["arm"], summary["role"], summary["updates"]) == ("planner", "citizen", UPDATES)
    assert summary["gained_in_training"]["mean"] > 100.0
    assert abs(summary["relative"]["mean"]) < 0.05
    # Oracle: rewards add up to utility and to welfare, so the trained profile earns what the run's evaluation found.
    found = RunFolder.open(folder).read_table("evaluation").filter(pl.col("metric") == "utilitarian")["value"].item()
    assert summary["rewards"]["trained"]["mean"] == pytest.approx(found, rel=1e-5)
    rows = RunFolder(out).read_table("best_response")
    assert set(rows["profile"]) == {"untrained", "trained", "retrained"}
    assert set(RunFolder(out).read_table("metrics")["run"]) == {"retrained"}


def test_a_killed_answer_goes_on_to_the_same_bits(folder, answered):
    """Property: what was done is not done again, and nothing is different in the end."""
    whole, _, killed = answered
    assert not (killed / "summary.json").exists()
    updates = []
    again = response.best_response(
        folder, Question(), out=killed, resume=True, say=lambda report: updates.append(report.update)
    )
    assert updates[0] == 4 * UPDATES // response.TRIES
    assert again.summary == json.loads((whole / "summary.json").read_text())
    for table in ("best_response", "metrics"):
        assert RunFolder(killed).read_table(table).equals(RunFolder(whole).read_table(table)), table


def test_an_answer_is_not_overwritten_nor_gone_on_with_by_another_question(folder, answered, tmp_path, capsys):
    """Contract: exit code 2, one line, and the answer stays as it is."""
    out, before = str(answered[0]), (answered[0] / "summary.json").read_bytes()
    (tmp_path / "other.txt").write_text("mine")
    for words, said in (
        (["--out", out], "holds a run already: go on with it by --resume"),
        (["--out", out, "--resume", "--updates", "7"], f"another answer (plan.question.updates was {UPDATES}, now 7)"),
        (["--out", str(tmp_path), "--resume"], "has no question.json to go on from"),
    ):
        assert main(["best-response", str(folder), *words]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
    assert (answered[0] / "summary.json").read_bytes() == before


WRONG = {
    "arm": (["--arm", "plannner"], "unknown arm of"),
    "role": (["--role", "citzen"], "did you mean 'citizen'?"),
    "agent": (["--agent", "8"], "--agent is 8: role 'citizen' has agents 0 to 7"),
    "negative agent": (["--agent", "-1"], "--agent is -1"),
    "seed": (["--seeds", "3,"], "has seeds 0; choose among them"),
    "too many seeds": (["--seeds", "2"], "--seeds is 2"),
    "no updates": (["--updates", "0"], "--updates is 0: expected at least 1"),
    "no episodes": (["--episodes", "0"], "--episodes is 0"),
    "algorithm": (["--algorithm", "pppo"], "unknown --algorithm 'pppo': did you mean 'ppo'"),
    "learning rate": (["--learning-rate", "0"], "--learning-rate is 0: it must be above 0"),
    "no number": (["--learning-rate", "fast"], "--learning-rate fast: expected numbers with commas"),
    "time": (["--at", "7"], "--at is 7: "),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_a_run_does_not_have_is_refused_in_one_line(wrong, folder, tmp_path, environment, capsys):
    """Contract: exit code 2, one line, nothing written."""
    more, said = WRONG[wrong]
    assert main(["best-response", str(folder), *more, "--out", str(tmp_path / "a")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "a").exists()


def test_a_run_that_cannot_answer_is_refused_in_one_line(folder, tmp_path, environment, capsys):
    """Contract: no run, an unfinished one, and one without its checkpoint."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "checkpoints" / "planner.ckpt").unlink()
    assert main(["best-response", str(copy)]) == 2
    assert "planner.ckpt is missing" in capsys.readouterr().err
    (copy / "status.json").write_text('{"state": "stopped", "seconds": 1.0}')
    assert main(["best-response", str(copy)]) == 2
    assert "is not finished: go on with" in capsys.readouterr().err
    assert main(["best-response", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
    assert not (copy / "best-response").exists()
