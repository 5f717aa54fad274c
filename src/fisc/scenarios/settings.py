"""An economy ready to be played by somebody else's program: made from a scenario, or taken from a finished run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from fisc.core.economy import Economy, Role
from fisc.core.errors import ConfigError, RunError, unknown
from fisc.core.policy import Policy
from fisc.policies.scripted import Greedy, UniformRandom
from fisc.records.policies import SUFFIX, read_policies
from fisc.scenarios import build
from fisc.scenarios.compare import group_jobs, open_finished
from fisc.scenarios.config import Scenario
from fisc.scenarios.reading import parse
from fisc.scenarios.registry import check_arm, load_scenario
from fisc.scenarios.training import train_group
from fisc.scenarios.worlds import known_worlds

MOST = 127
"""The largest whole number of eight bits, sign included."""
LARGE = 4096
"""Numbers from which on an array of weights is kept in eight bits."""
PLAYERS = ("best_response", "random")
"""Policies that need no training, by name."""


@dataclass(frozen=True)
class Setting:
    """An economy, who plays in it, and what its institutions know."""

    economy: Economy
    policies: Mapping[Role, Policy] = field(default_factory=dict)
    """Of the roles that were trained, or that solve their own problem."""
    earlier: Any = None
    """A state of the economy whose institutions have learned (a tax memory); None to start with fresh ones."""


def make_setting(
    scenario: str | Scenario, arm: str = "planner", people_seed: int = 0, overrides: dict[str, Any] | None = None
) -> Setting:
    """Make the economy of one arm of a scenario; nobody plays in it yet.

    Args:
        scenario: a preset, a .toml file, or what `fisc.load_scenario` returns.
        arm: the tax system; "planner" has the role that sets rates.
        people_seed: which people are drawn, as the seed of a comparison.
        overrides: dotted keys of the scenario and their values.

    Raises:
        ConfigError: a wrong name, key, value or combination.
    """
    if isinstance(scenario, str):
        scenario = load_scenario(scenario, overrides)
    elif overrides:
        raise ConfigError("overrides change a scenario that is read by name: give its name, or change it yourself")
    people = build.population(scenario, people_seed)
    tax = build.make_tax(scenario, people, check_arm(arm), build.exact_rates(scenario, people, arm))
    return Setting(build.make_economy(scenario, people, tax))


def load_setting(
    path: str | os.PathLike, arm: str | None = None, seed: int | None = None, greedy: bool | None = True
) -> Setting:
    """Take the economy of a finished run with the policies that were trained in it. The run is only read.

    Args:
        path: the run folder, or a file of policies from `fisc pack`.
        arm, seed: which of its tax systems and seeds; by default "planner" and 0, and of a file those that it has.
        greedy: True to let everybody do what they find most likely; False to draw, as in training; None to let them
            play as in the run's evaluation.

    Raises:
        ConfigError: if the run has no such arm or seed.
        RecordError: if it is neither a run folder nor a file of policies.
        RunError: if its training is not finished, a checkpoint is damaged, or the file does not fit this version.
    """
    if Path(path).suffix == SUFFIX:
        return _load_packed(Path(path), arm, seed, greedy)
    arm, seed = "planner" if arm is None else arm, seed or 0
    folder, planned = open_finished(path)
    if arm not in planned.scenario.arms:
        raise unknown(f"arm of {Path(path)}", arm, planned.scenario.arms)
    if seed not in planned.seeds:
        raise ConfigError(f"{path} has no seed {seed}: choose one of {', '.join(map(str, planned.seeds))}")
    worlds = known_worlds(planned, folder, lambda text: None)
    world = next(world for world in worlds if (world.arm, world.seed) == (arm, seed))
    economy = build.make_economy(
        planned.scenario, world.people, build.make_tax(planned.scenario, world.people, arm, world.rates)
    )
    for group in group_jobs(planned, worlds):
        names = [(job.arm, job.seed) for job in group.jobs]
        if (arm, seed) in names:
            run = train_group(group, folder, lambda report: None, may_train=False)[names.index((arm, seed))]
            learners = build.make_learners(planned.scenario)
            policies = {role: learners[role].policy(run.learners[role]) for role in economy.spec.roles}
            first = jax.tree.map(lambda x: x[0], run.environments)
            return Setting(economy, _as_wanted(planned.scenario, policies, greedy), first)
    kind = build.kind_of(planned.scenario)
    return Setting(economy, {kind.people_role: kind.exact_citizens(economy)})


def what_is_observed(economy: Economy) -> dict[Role, list[list[Any]]]:
    """The blocks that each role observes, [name, names of its numbers], in their order.

    Networks know a number by its place alone: where names differ, policies would play and mean nothing.
    """
    roles = economy.spec.roles.items()
    return {role: [[name, list(block.names)] for name, block in spec.blocks.items()] for role, spec in roles}


def learned_arrays(setting: Setting) -> list[np.ndarray]:
    """Every array of the policies and of what institutions know; the policies' weights as `in_bytes` has them."""
    learned, known = (
        [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]
        for tree in (dict(setting.policies), setting.earlier)
    )
    return [part for array in learned for part in (in_bytes(array) if _is_weight(array) else (array,))] + known


def in_bytes(weights: Float[np.ndarray, "*n rows columns"]) -> tuple[np.ndarray, np.ndarray]:
    """Weights as whole numbers from -127 to 127, and the unit of each column: a quarter of the size.

    Raises:
        RunError: if they are not finite.
    """
    unit = np.max(np.abs(weights), axis=-2, keepdims=True, initial=0.0) / MOST
    if not np.isfinite(unit).all():
        raise RunError("a network has weights that are not finite: its training broke down, and it cannot be packed")
    return np.round(weights / np.where(unit > 0, unit, 1.0)).astype(np.int8), unit.astype(np.float32)


def from_bytes(whole: np.ndarray, unit: np.ndarray) -> Float[np.ndarray, "*n rows columns"]:
    """The weights again, each within half a unit of what it was."""
    return whole.astype(np.float32) * unit


def _is_weight(leaf: Any) -> bool:
    """Whether an array is kept in eight bits: a large one; biases and the like are small and stay as they are."""
    return np.issubdtype(leaf.dtype, np.floating) and leaf.ndim > 1 and leaf.size >= LARGE


def _are_weights(whole: np.ndarray, unit: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether two arrays are weights of a shape, as `in_bytes` makes them."""
    fits = whole.dtype == np.int8 and whole.shape == shape and unit.shape == (*shape[:-2], 1, shape[-1])
    return fits and bool(np.isfinite(unit).all())


def _load_packed(path: Path, arm: str | None, seed: int | None, greedy: bool | None) -> Setting:
    card, arrays = read_policies(path)
    for name, given in (("arm", arm), ("seed", seed)):
        if given is not None and given != card[name]:
            raise ConfigError(f"{path} has no {name} {given}: it was packed with {name} {card[name]}")
    try:
        scenario = parse(Scenario, card["scenario"])
    except ConfigError as error:
        raise RunError(f"{path} was packed with another version of fisc ({card['commit']}): {error}") from None
    people, given = build.population(scenario, card["seed"]), card["rates_given"]
    tax = build.make_tax(scenario, people, card["arm"], None if given is None else np.asarray(given))
    economy, learners = build.make_economy(scenario, people, tax), build.make_learners(scenario)

    def first(key):
        """Policies and a state of the right shapes."""
        policies = {role: learners[role].policy(learners[role].init(key, economy, role)) for role in economy.spec.roles}
        return policies, economy.init(key)

    if card["observed"] != what_is_observed(economy):
        raise RunError(
            f"{path} holds policies that read other numbers than this version of fisc shows: train them again, or go "
            f"back to the version they were packed with ({card['commit']})"
        )
    template = eqx.filter_eval_shape(first, jax.random.key(0))
    blank, static = eqx.partition(template, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    shapes, structure = jax.tree.flatten(blank)
    num_learned = len(jax.tree.leaves(blank[0]))
    in_two = [number < num_learned and _is_weight(leaf) for number, leaf in enumerate(shapes)]
    if len(arrays) == len(shapes) + sum(in_two):
        parts, arrays = iter(arrays), []
        for leaf, is_in_two in zip(shapes, in_two, strict=True):
            array = next(parts)
            if is_in_two:
                unit = next(parts)
                array = from_bytes(array, unit) if _are_weights(array, unit, leaf.shape) else np.zeros(0)
            arrays.append(array)
    if [leaf.shape for leaf in shapes] != [array.shape for array in arrays]:
        raise RunError(
            f"{path} holds policies of other shapes than this version of fisc makes: train them again, or go back to "
            f"the version they were packed with ({card['commit']})"
        )
    filled = [jax.numpy.asarray(array, leaf.dtype) for array, leaf in zip(arrays, shapes, strict=True)]
    policies, earlier = eqx.combine(jax.tree.unflatten(structure, filled), static)
    return Setting(economy, _as_wanted(scenario, policies, greedy), earlier)


def _as_wanted(scenario: Scenario, policies: Mapping[Role, Policy], greedy: bool | None) -> dict[Role, Policy]:
    if greedy is None:
        return {role: build.judged_policy(scenario, role, policy) for role, policy in policies.items()}
    return {role: Greedy(policy) if greedy else policy for role, policy in policies.items()}


def make_player(economy: Economy, role: Role, name: str) -> Policy:
    """Make a policy that needs no training.

    Args:
        economy: where it plays.
        role: whom it decides for.
        name: "best_response", the exact solution of the role's own problem where it is known, or "random", legal
            actions drawn uniformly.

    Raises:
        ConfigError: if there is no such policy, or not for this role of this economy.
    """
    if name not in PLAYERS:
        raise unknown("policy", name, PLAYERS)
    if name == "random":
        return UniformRandom(economy.spec.roles[role].actions)
    kind = build.KINDS.get(economy.spec.name)
    policy = kind.exact_citizens(economy) if kind is not None and role == kind.people_role else None
    if policy is None:
        raise ConfigError(
            f"no exact best response is known for role '{role}' of the economy '{economy.spec.name}': "
            "give 'random' or a policy"
        )
    return policy
