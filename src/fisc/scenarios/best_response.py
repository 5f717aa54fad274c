"""Is a finished run an equilibrium? Freeze everybody, retrain one role (or one agent of it), see what that gains.

`best_response` is the function behind `fisc best-response`. It names no economy and no role: who there is and how they
learn comes from the run. Axes: `e` episodes, `n` agents of a role.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

from fisc.analysis.best_response import summarize_gain
from fisc.core.economy import Economy
from fisc.core.errors import DivergenceError, RunError
from fisc.core.knobs import full_knobs
from fisc.core.ledger import tolerance
from fisc.core.policy import Policy
from fisc.learning.curriculum import Retraining
from fisc.learning.freeze import apart, both_remember, frozen, split
from fisc.learning.rollout import play_episodes
from fisc.learning.train import unstack
from fisc.learning.two_level import TrainState, TwoLevel
from fisc.records.store import RunFolder, check_free
from fisc.scenarios import build, checkpoint
from fisc.scenarios.compare import group_jobs, open_finished
from fisc.scenarios.evaluation import EVALUATION
from fisc.scenarios.plan import Plan
from fisc.scenarios.provenance import go_on, versions
from fisc.scenarios.question import Question, Recipe, folder_name, resolve, whom
from fisc.scenarios.training import Group, Job, Report, load_kept, new_states, train_group
from fisc.scenarios.worlds import known_worlds

QUESTION_FILE = "question.json"
"""What makes a folder that of an answer: what was asked of which run, which `--resume` checks."""
ANOTHER = ("answer", "ask the same of the same run")
"""What a folder holds that cannot be gone on with, and how to mend it."""
TRIES = 10
"""How often, at most, a policy is tried on other episodes while it is retrained; the best one is kept."""
VALIDATION, RETRAINING = EVALUATION + 1, EVALUATION + 2
"""Numbers that set the randomness of these tries, and of the retraining itself, apart from all other."""


@dataclass(frozen=True)
class Answer:
    """What retraining gained."""

    folder: Path
    summary: dict[str, Any]
    """As in `summary.json`."""


@dataclass(frozen=True)
class Case:
    """A question about a run, checked, with every default filled in."""

    run: RunFolder
    question: Question
    planned: Plan
    systems: dict[Recipe, TwoLevel]
    """In which one role learns, or one agent, and all others stay as they are: one for each way to retrain."""
    jobs: list[Job]
    """One for each seed; labor costs in full."""
    profiles: dict[str, list[TrainState]]
    """'trained' and 'untrained', for each job: a state of `system` in which everybody plays by these policies."""

    @property
    def system(self) -> TwoLevel:
        """One of `systems`: in all of them policies are read alike."""
        return next(iter(self.systems.values()))

    @property
    def starts(self) -> list[TrainState]:
        """Where the retraining begins."""
        return self.profiles[self.question.start]


@dataclass(frozen=True)
class Kept:
    """The best that was found for one job."""

    value: float
    """Mean reward in episodes apart from those that are reported."""
    learners: dict[str, Any]
    update: int
    """Of retraining, after which it was so."""
    recipe: str
    """How it was retrained."""


def best_response(
    path: str | os.PathLike,
    question: Question,
    *,
    out: str | os.PathLike | None = None,
    resume: bool = False,
    say: Callable[[Report], None] = lambda report: None,
    note: Callable[[str], None] = lambda text: None,
) -> Answer:
    """Retrain one role, or one agent, of a finished run against all others as they are, and measure its gain.

    Args:
        path: the run folder; but for the answer in its folder `best-response` nothing in it is changed.
        question: who is retrained and how.
        out: a new folder for the answer; one in the run folder by default.
        resume: go on with an interrupted answer to the same question.
        say: told after every block of training.
        note: told in words what happens.

    Raises:
        ConfigError: an arm, role, agent, seed or number that the run does not have.
        RecordError: if `path` is not a run folder, or on a full disk.
        RunError: if the run is not finished, a checkpoint is missing or damaged, or `out` is in the way.
        DivergenceError: retraining broke down.
    """
    run, planned, group, asked = ask(path, question, note)
    target = Path(out) if out is not None else run.path / "best-response" / folder_name(asked)
    folder = open_answer(target, identity_of(run, asked), resume, note)  # refuses before loading, which takes long
    return answer(load_case(run, planned, group, asked), folder, say, note)


def answer(
    case: Case, folder: RunFolder, say: Callable[[Report], None], note: Callable[[str], None] = lambda text: None
) -> Answer:
    """Retrain, evaluate, and write the answer into its folder; see `best_response`."""
    asked, provenance = case.question, case.run.read_json("provenance.json")
    if not folder.has_file(QUESTION_FILE):
        about = {"run": str(case.run.path), "plan": identity_of(case.run, asked), "versions": versions()}
        folder.write_json(QUESTION_FILE, about)
    kept, tried = retrain(case, folder, say, note)
    note("evaluating")
    profiles = {
        **case.profiles,
        "retrained": [replace(run, learners=own.learners) for run, own in zip(case.starts, kept, strict=True)],
    }
    frame = evaluate(case, profiles)
    folder.write_table("best_response", frame)
    info = {
        "run": str(case.run.path),
        **{key: provenance[key] for key in ("scenario", "title", "money")},
        **{key: getattr(asked, key) for key in ("arm", "role", "agent", "start", "at", "updates", "episodes")},
        "retrained_agents": case.jobs[0].economy.spec.roles[asked.role].num_agents if asked.agent is None else 1,
        "actions": case.planned.scenario.evaluation.actions,
        "kept": [own.update for own in kept],
        "kept_recipe": [own.recipe for own in kept],
        "tried": tried,
        "caveats": [caveat for caveat in provenance["caveats"] if caveat not in case.planned.scenario.caveats],
    }
    summary = summarize_gain(frame, info)
    folder.write_json("summary.json", summary)
    return Answer(folder.path, summary)


def retrain(
    case: Case, folder: RunFolder, say: Callable[[Report], None], note: Callable[[str], None]
) -> tuple[list[Kept], dict[str, list[float]]]:
    """Retrain every job in every way, and keep of each the learners that did best.

    They are tried in episodes apart from those that are reported. Goes on from what is in the folder, and writes there
    the course of retraining.

    Returns:
        What was kept of each job, and the best value of each job that each recipe found.
    """
    asked, path, rows = case.question, folder.path / "checkpoints" / "kept.ckpt", []
    best, tried = _read_kept(path, case)
    tries = next(number for number in range(TRIES, 0, -1) if asked.updates % number == 0)
    for recipe, system in case.systems.items():
        name = "retrained" if len(case.systems) == 1 else f"retrained-{recipe.algorithm}-{recipe.learning_rate:g}"
        group = Group(name, case.jobs, system, asked.updates // tries, starts=case.starts)
        seeds = _count(len(case.jobs), "seed")
        note(f"retraining {whom(asked)} for {asked.updates} updates by {recipe}: {seeds}")

        def look(run: Any, done: int, group: Group = group, how: str = str(recipe)) -> None:
            """Try every job's policies, and keep those that do better than all before."""
            if done > group.block and not path.exists():
                raise RunError(f"{path} is missing: restore it, or delete {path.parent} to retrain from the start")
            for j in range(len(case.jobs)):
                found = _try(case, j, unstack(run.learners, j), done, how)
                tried[how][j] = max(tried[how][j], found.value)
                best[j] = found if found.value > best[j].value else best[j]
            told = [{"value": kept.value, "update": kept.update, "recipe": kept.recipe} for kept in best]
            checkpoint.save(path, [kept.learners for kept in best], {"kept": told, "tried": tried})

        train_group(group, folder, say, note=note, look=look)
        rows += group.rows
    folder.write_table("metrics", pl.concat(rows))
    return best, tried


def _try(case: Case, j: int, learners: dict[str, Any], done: int, recipe: str) -> Kept:
    """What the learners of a job earn in episodes apart from those that are reported."""
    asked, learners = case.question, _at_home(learners)
    earned = _returns(case, j, replace(case.starts[j], learners=learners), VALIDATION)[asked.role]
    value = float(earned.mean() if asked.agent is None else earned[:, asked.agent].mean())
    return Kept(value, learners, done, recipe)


def _read_kept(path: Path, case: Case) -> tuple[list[Kept], dict[str, list[float]]]:
    """Of each job the best so far, and the best value of each job that each recipe found so far."""
    starts = [start.learners for start in case.starts]
    if not path.exists():
        nothing = {str(recipe): [-np.inf] * len(starts) for recipe in case.systems}
        return [Kept(-np.inf, learners, 0, "") for learners in starts], nothing
    kept, told = checkpoint.load(path, starts)
    return [Kept(learners=learners, **about) for learners, about in zip(kept, told["kept"], strict=True)], told["tried"]


def open_case(path: str | os.PathLike, question: Question, note: Callable[[str], None]) -> Case:
    """Check a question about a run and fill in what it leaves open. The folder is only read.

    Raises:
        ConfigError, RecordError, RunError: as `best_response` does.
    """
    return load_case(*ask(path, question, note))


def ask(
    path: str | os.PathLike, question: Question, note: Callable[[str], None]
) -> tuple[RunFolder, Plan, Group, Question]:
    """Check a question about a run: the run, its plan, the jobs that it is about, and the question with its defaults.

    Raises:
        ConfigError, RecordError, RunError: as `best_response` does.
    """
    folder, planned = open_finished(path)
    worlds = known_worlds(planned, folder, note)
    groups = {job.arm: group for group in group_jobs(planned, worlds) for job in group.jobs}
    return folder, planned, *resolve(path, question, planned, groups)


def load_case(folder: RunFolder, planned: Plan, group: Group, asked: Question) -> Case:
    """Read the policies of a run that a question is about.

    Raises:
        RunError: if their checkpoint is missing or damaged.
    """
    learner = group.system.learners[asked.role]
    holds_scale = asked.start == "trained"

    def prepare(run: TrainState, seed: int) -> TrainState:
        """The state in which a job's retraining begins, with luck of its own."""
        state = run.learners[asked.role]
        own = (
            learner.restart(state, None, holds_scale)
            if asked.agent is None
            else split(learner, state, asked.agent, holds_scale=holds_scale)
        )
        key = jax.random.fold_in(jax.random.key(seed), RETRAINING)
        learners = run.learners | {asked.role: own}
        memory = run.memories[asked.role] if asked.agent is None else both_remember(run.memories[asked.role])
        start = replace(run, update=jnp.zeros((), jnp.int32), key=key, learners=learners, reserve={})
        return _at_home(replace(start, memories=run.memories | {asked.role: memory}))

    fresh = new_states(group)
    group.starts = [unstack(fresh, j) for j in range(len(group.jobs))]
    if asked.at is None:
        trained = train_group(group, folder, lambda report: None, may_train=False)
    else:
        trained = load_kept(group, folder, asked.at)
    picks = [j for j, job in enumerate(group.jobs) if job.arm == asked.arm and job.seed in asked.seeds]
    kind = build.kind_of(planned.scenario)
    jobs = [replace(group.jobs[j], economy=kind.at_full_cost(group.jobs[j].economy)) for j in picks]
    profiles = {
        "untrained": [prepare(group.starts[j], group.jobs[j].seed) for j in picks],
        "trained": [prepare(trained[j], group.jobs[j].seed) for j in picks],
    }
    systems = {recipe: _system(planned, group, asked, recipe) for recipe in asked.recipes}
    return Case(folder, asked, planned, systems, jobs, profiles)


def identity_of(run: RunFolder, asked: Question) -> dict[str, Any]:
    """All that makes an answer the one it is, as JSON holds it."""
    provenance = run.read_json("provenance.json")
    return {
        "run": provenance["plan"],
        "started": provenance["started"],
        "question": json.loads(json.dumps(asdict(asked))),
    }


def open_answer(path: Path, identity: dict[str, Any], resume: bool, note: Callable[[str], None]) -> RunFolder:
    """The folder of an answer, which is not made yet, or one to go on with that answers the same question.

    Raises:
        RecordError: if something is there already.
        RunError: if it cannot be gone on with.
    """
    folder = RunFolder(path)
    if resume and folder.has_file(QUESTION_FILE):
        go_on(folder, QUESTION_FILE, identity, note, ANOTHER)
        return folder
    if resume and path.is_dir() and any(path.iterdir()):
        raise RunError(f"{path} has no {QUESTION_FILE} to go on from: choose another --out, or delete it")
    if resume:
        note(f"nothing to resume at {path}: a new answer begins")
    check_free(path)
    return folder


def _system(planned: Plan, group: Group, asked: Question, recipe: Recipe) -> TwoLevel:
    """Learning as in the run, but only for whom the question is about, and by a recipe.

    The entropy bonus is that of the end of training, so that a trained policy is not driven away from where it is; the
    step size falls over the retraining as it did over the training.
    """
    system, scenario = group.system, planned.scenario
    play = {role: partial(build.judged_policy, scenario, role) for role in system.learners}
    learners = {role: frozen(learner, play[role]) for role, learner in system.learners.items()}
    own = build.make_learner(scenario.learning.roles[asked.role].by(*astuple(recipe)))
    learners[asked.role] = own if asked.agent is None else apart(own, asked.agent, play[asked.role])
    last = system.curriculum(system.progress(jnp.asarray(system.num_updates - 1)))
    roles = tuple(next(job for job in group.jobs if job.arm == asked.arm).economy.spec.roles)
    steps = (1.0, float(last.learning_rate[asked.role]))
    curriculum = Retraining(roles, asked.role, float(last.entropy[asked.role]), steps)
    return replace(system, learners=learners, curriculum=curriculum, num_updates=asked.updates)


def evaluate(case: Case, profiles: dict[str, list[TrainState]]) -> pl.DataFrame:
    """What everybody earns under each profile, episode by episode, with the same luck in all of them."""
    rows, asked = [], case.question
    for profile, runs in profiles.items():
        for j, run in enumerate(runs):
            for role, earned in _returns(case, j, run, EVALUATION).items():
                whose = [(None, earned.mean(axis=1))]
                whose += (
                    [(asked.agent, earned[:, asked.agent])] if role == asked.role and asked.agent is not None else []
                )
                rows += [
                    (profile, case.jobs[j].seed, episode, role, agent, float(reward))
                    for agent, rewards in whose
                    for episode, reward in enumerate(rewards)
                ]
    columns = ["profile", "seed", "episode", "role", "agent", "reward"]
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)


def _returns(case: Case, j: int, run: TrainState, purpose: int) -> dict[str, np.ndarray]:
    """What every role's agents earn in each episode, [e, n], in the world as it was at the start of a job.

    Raises:
        DivergenceError: a reward that is not finite, or a ledger that does not balance.
    """
    job, learners = case.jobs[j], case.system.learners
    judged = partial(build.judged_policy, case.planned.scenario)
    policies = {role: judged(role, learners[role].policy(run.learners[role])) for role in job.economy.spec.roles}
    first = jax.tree.map(lambda x: x[0], run.environments)
    # Drawn as in the run's own evaluation: the trained profile has the luck that it had there.
    keys = jax.random.split(jax.random.fold_in(jax.random.key(job.seed), purpose), 3)[1:]
    earned, residual = _play(job.economy, policies, first, keys, case.question.episodes)
    earned, worst = {role: np.asarray(rewards, float) for role, rewards in earned.items()}, float(residual.max())
    if not worst <= tolerance(jnp.float32) or not all(np.isfinite(rewards).all() for rewards in earned.values()):
        raise DivergenceError(
            f"evaluation stopped: rewards are not finite or the ledger does not balance (residual {worst:.3g}) in arm "
            f"{job.arm}, seed {job.seed}"
        )
    return earned


@eqx.filter_jit
def _play(economy: Economy, policies: dict[str, Policy], first: Any, keys: Any, num_episodes: int) -> Any:
    """Sum the rewards of every episode and role."""
    states = jax.vmap(lambda key: economy.reset(key, first))(jax.random.split(keys[0], num_episodes))
    played = play_episodes(economy, policies, keys[1], states, full_knobs())
    return {role: jnp.sum(t.reward, axis=0) for role, t in played.trajectories.items()}, played.residual


def _at_home(tree: Any) -> Any:
    """Everything on one device: states of several jobs come from several."""
    return jax.tree.map(lambda x: jax.device_put(x, jax.devices()[0]) if eqx.is_array(x) else x, tree)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
