"""Is a finished run an equilibrium? Freeze everybody, retrain one role (or one agent of it), see what that gains.

`best_response` is the function behind `fisc best-response`. It names no economy and no role: who there is and how they
learn comes from the run. Axes: `e` episodes, `n` agents of a role.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

from fisc.analysis.best_response import summarize_gain
from fisc.core.economy import Economy
from fisc.core.errors import ConfigError, DivergenceError, RunError, unknown
from fisc.core.knobs import full_knobs
from fisc.core.ledger import tolerance
from fisc.core.policy import Policy
from fisc.learning.curriculum import Retraining
from fisc.learning.freeze import apart, frozen, split
from fisc.learning.rollout import play_episodes
from fisc.learning.train import unstack
from fisc.learning.two_level import TrainState, TwoLevel
from fisc.policies.scripted import Greedy
from fisc.records.store import RunFolder
from fisc.scenarios import build
from fisc.scenarios.compare import file_name, group_jobs, open_finished, solve_worlds
from fisc.scenarios.evaluation import EVALUATION
from fisc.scenarios.plan import Plan
from fisc.scenarios.training import Group, Job, Report, new_states, train_group

TRIES = 10
"""How often, at most, a policy is tried on other episodes while it is retrained; the best one is kept."""
VALIDATION, RETRAINING = EVALUATION + 1, EVALUATION + 2
"""Numbers that set the randomness of these tries, and of the retraining itself, apart from all other."""


@dataclass(frozen=True)
class Question:
    """Who is retrained, from where, how long, and on what it is judged. None: as the run has it."""

    arm: str | None = None
    """By default the planner's, if there is one."""
    role: str | None = None
    """By default the first one that learns."""
    agent: int | None = None
    """Only this agent of the role, all others of the role being frozen too; None: the whole role together."""
    start: Literal["trained", "untrained"] = "trained"
    """The policies that everybody begins with. The untrained are the control, in which there is something to gain."""
    updates: int | None = None
    seeds: int | Sequence[int] | None = None
    """How many of the run's, or which."""
    episodes: int | None = None


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
    system: TwoLevel
    """In which one role learns, or one agent, and all others stay as they are."""
    jobs: list[Job]
    """One for each seed; labor costs in full."""
    profiles: dict[str, list[TrainState]]
    """'trained' and 'untrained', for each job: a state of `system` in which everybody plays by these policies."""

    @property
    def starts(self) -> list[TrainState]:
        """Where the retraining begins."""
        return self.profiles[self.question.start]


def best_response(
    path: str | os.PathLike,
    question: Question,
    *,
    out: str | os.PathLike | None = None,
    say: Callable[[Report], None] = lambda report: None,
    note: Callable[[str], None] = lambda text: None,
) -> Answer:
    """Retrain one role, or one agent, of a finished run against all others as they are, and measure its gain.

    Args:
        path: the run folder; but for the answer in its folder `best-response` nothing in it is changed.
        question: who is retrained and how.
        out: a new folder for the answer; one in the run folder by default.
        say: told after every block of training.
        note: told in words what happens.

    Raises:
        ConfigError: an arm, role, agent, seed or number that the run does not have.
        RecordError: if `path` is not a run folder, or on a full disk.
        RunError: if the run is not finished, a checkpoint is missing or damaged, or `out` is in the way.
        DivergenceError: retraining broke down.
    """
    case = open_case(path, question, note)
    target = Path(out) if out is not None else Path(path) / "best-response" / _name(case.question)
    return answer(case, _make_folder(target), say, note)


def answer(
    case: Case, folder: RunFolder, say: Callable[[Report], None], note: Callable[[str], None] = lambda text: None
) -> Answer:
    """Retrain, evaluate, and write the answer into a new folder; see `best_response`."""
    asked, provenance = case.question, case.run.read_json("provenance.json")
    tries = next(number for number in range(TRIES, 0, -1) if asked.updates % number == 0)
    group = Group("retrained", case.jobs, case.system, asked.updates // tries, starts=case.starts)
    note(f"retraining {_whom(asked)} for {asked.updates} updates, {_count(len(case.jobs), 'seed')}")
    learned, kept = retrain(case, group, folder, say, note)
    folder.write_table("metrics", pl.concat(group.rows))

    note("evaluating")
    profiles = {
        **case.profiles,
        "retrained": [replace(run, learners=own) for run, own in zip(case.starts, learned, strict=True)],
    }
    frame = evaluate(case, profiles)
    folder.write_table("best_response", frame)
    info = {
        "run": str(case.run.path),
        **{key: provenance[key] for key in ("scenario", "title", "money")},
        **{key: getattr(asked, key) for key in ("arm", "role", "agent", "start", "updates", "episodes")},
        "retrained_agents": case.jobs[0].economy.spec.roles[asked.role].num_agents if asked.agent is None else 1,
        "actions": case.planned.scenario.evaluation.actions,
        "kept": kept,
        "caveats": [caveat for caveat in provenance["caveats"] if caveat not in case.planned.scenario.caveats],
    }
    summary = summarize_gain(frame, info)
    folder.write_json("summary.json", summary)
    return Answer(folder.path, summary)


def retrain(
    case: Case, group: Group, folder: RunFolder, say: Callable[[Report], None], note: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[int]]:
    """Retrain every job, and keep of each the learners that did best in episodes apart from those that are reported.

    Returns:
        The learners' states of each job, and after how many updates they were.
    """
    asked = case.question
    best: list[tuple[float, dict[str, Any], int]] = [(-np.inf, {}, 0) for _ in case.jobs]

    def look(run: Any, done: int) -> None:
        for j, start in enumerate(case.starts):
            learners = _at_home(unstack(run.learners, j))
            earned = _returns(case, j, replace(start, learners=learners), VALIDATION)[asked.role]
            value = float(earned.mean() if asked.agent is None else earned[:, asked.agent].mean())
            if value > best[j][0]:
                best[j] = (value, learners, done)

    train_group(group, folder, say, note=note, look=look)
    return [learners for _, learners, _ in best], [done for *_, done in best]


def open_case(path: str | os.PathLike, question: Question, note: Callable[[str], None]) -> Case:
    """Check a question about a run and fill in what it leaves open. The folder is only read.

    Raises:
        ConfigError, RecordError, RunError: as `best_response` does.
    """
    folder, planned = open_finished(path)
    worlds = solve_worlds(planned, folder, note)
    groups = {job.arm: group for group in group_jobs(planned, worlds) for job in group.jobs}
    group, asked = resolve(path, question, planned, groups)
    learner = group.system.learners[asked.role]
    holds_scale = asked.start == "trained"

    def prepare(run: TrainState, seed: int) -> TrainState:
        state = run.learners[asked.role]
        own = (
            learner.restart(state, None, holds_scale)
            if asked.agent is None
            else split(learner, state, asked.agent, holds_scale=holds_scale)
        )
        key = jax.random.fold_in(jax.random.key(seed), RETRAINING)
        learners = run.learners | {asked.role: own}
        return _at_home(replace(run, update=jnp.zeros((), jnp.int32), key=key, learners=learners, reserve={}))

    fresh = new_states(group)
    group.starts = [unstack(fresh, j) for j in range(len(group.jobs))]
    trained = train_group(group, folder, lambda report: None, may_train=False)
    picks = [j for j, job in enumerate(group.jobs) if job.arm == asked.arm and job.seed in asked.seeds]
    kind = build.kind_of(planned.scenario)
    jobs = [replace(group.jobs[j], economy=kind.at_full_cost(group.jobs[j].economy)) for j in picks]
    profiles = {
        "untrained": [prepare(group.starts[j], group.jobs[j].seed) for j in picks],
        "trained": [prepare(trained[j], group.jobs[j].seed) for j in picks],
    }
    return Case(folder, asked, planned, _system(planned, group, asked), jobs, profiles)


def resolve(
    path: str | os.PathLike, question: Question, planned: Plan, groups: dict[str, Group]
) -> tuple[Group, Question]:
    """The group of jobs that a question is about, and the question with its defaults filled in."""
    arms = planned.scenario.arms
    arm = question.arm or ("planner" if "planner" in groups else next(iter(groups), arms[0]))
    if arm not in arms:
        raise unknown(f"arm of {Path(path)}", arm, arms)
    if arm not in groups:
        mend = f"choose one of {', '.join(groups)}" if groups else "nobody learned in this run"
        raise ConfigError(f"nobody learned under arm '{arm}' of {path}: {mend}")
    group, roles = groups[arm], next(job for job in groups[arm].jobs if job.arm == arm).economy.spec.roles
    able = [role for role in roles if group.system.learners[role].restart is not None]
    role = question.role or able[0]
    if role not in roles:
        raise unknown("role", role, roles)
    if role not in able:
        raise ConfigError(f"role '{role}' follows a rule and cannot learn: choose --role {' or '.join(able)}")
    agent, num = question.agent, roles[role].num_agents
    if agent is not None and not 0 <= agent < num:
        raise ConfigError(f"--agent is {agent}: role '{role}' has agents 0 to {num - 1}")
    updates = group.system.num_updates if question.updates is None else question.updates
    episodes = planned.scenario.evaluation.episodes if question.episodes is None else question.episodes
    for name, number in (("updates", updates), ("episodes", episodes)):
        if number < 1:
            raise ConfigError(f"--{name} is {number}: expected at least 1")
    seeds = _choose_seeds(path, question.seeds, planned.seeds)
    return group, Question(arm, role, agent, question.start, updates, seeds, episodes)


def _choose_seeds(
    path: str | os.PathLike, asked: int | Sequence[int] | None, seeds: tuple[int, ...]
) -> tuple[int, ...]:
    """The run's seeds that are asked for: all, the first so many, or these."""
    has = f"{path} has seeds {', '.join(map(str, seeds))}"
    if asked is None:
        return seeds
    if isinstance(asked, int):
        if not 1 <= asked <= len(seeds):
            raise ConfigError(f"--seeds is {asked}: {has}; give 1 to {len(seeds)}, or name some with a comma (0,)")
        return seeds[:asked]
    strange = [seed for seed in asked if seed not in seeds]
    if strange or not asked or len(set(asked)) < len(asked):
        raise ConfigError(f"--seeds is {','.join(map(str, asked))}: {has}; choose among them, each only once")
    return tuple(asked)


def _system(planned: Plan, group: Group, asked: Question) -> TwoLevel:
    """Learning as in the run, but only for whom the question is about.

    The entropy bonus is that of the end of training, so that a trained policy is not driven away from where it is; the
    step size falls over the retraining as it did over the training.
    """
    system, play = group.system, _play_as(planned)
    learners = {role: frozen(learner, play) for role, learner in system.learners.items()}
    own = system.learners[asked.role]
    learners[asked.role] = own if asked.agent is None else apart(own, asked.agent, play)
    last = system.curriculum(system.progress(jnp.asarray(system.num_updates - 1)))
    roles = tuple(next(job for job in group.jobs if job.arm == asked.arm).economy.spec.roles)
    steps = (1.0, float(last.learning_rate[asked.role]))
    curriculum = Retraining(roles, asked.role, float(last.entropy[asked.role]), steps)
    return replace(system, learners=learners, curriculum=curriculum, num_updates=asked.updates)


def _play_as(planned: Plan) -> Callable[[Policy], Policy]:
    """How a policy that no longer learns plays: as in the run's evaluation."""
    return Greedy if planned.scenario.evaluation.actions == "greedy" else lambda policy: policy


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
    job, play, learners = case.jobs[j], _play_as(case.planned), case.system.learners
    policies = {role: play(learners[role].policy(run.learners[role])) for role in job.economy.spec.roles}
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


def _make_folder(path: Path) -> RunFolder:
    """A new folder for an answer.

    Raises:
        RunError: if something is there already, or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        is_empty = not any(path.iterdir())
    except OSError as error:
        raise RunError(f"cannot make the folder {path}: {error.strerror}; choose another --out") from None
    if not is_empty:
        raise RunError(f"{path} already exists and is not empty: delete it, or choose another --out")
    return RunFolder(path)


def _name(question: Question) -> str:
    agent = "" if question.agent is None else f"-{question.agent}"
    return f"{file_name(question.arm)}-{question.role}{agent}-{question.start}"


def _whom(question: Question) -> str:
    return f"role {question.role}" if question.agent is None else f"{question.role} {question.agent} alone"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
