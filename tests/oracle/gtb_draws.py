"""What the reference program draws in the gather-trade-build economy, recorded and named after the event it is for.

The reference draws from NumPy's global generator wherever it needs to. While a `Recorder` is on, every such call is
noted together with the part of the program that made it; `of_step` and `of_reset` give the notes their meaning.
Axes: `n` citizens, `H` x `W` map, `b` brackets; commodities are Stone, then Wood.
"""

import contextlib
import functools
from typing import Any, NamedTuple

import numpy as np

COMMODITIES = ("Stone", "Wood")
FUNCTIONS = ("permutation", "shuffle", "rand", "randn", "randint", "pareto", "lognormal", "uniform")
"""Functions of `np.random` that the reference calls while an environment is played."""
NOTHING_DRAWN = 1.0
"""In place of a uniform number that was not drawn: never below a probability."""


class Draw(NamedTuple):
    """One call of the generator."""

    phase: str
    """The part of the program that asked: layout, place, rank, regeneration, or a component's name."""
    function: str
    value: np.ndarray
    """A copy. Of `uniform`: shares of its range; of `shuffle`: the shuffled array."""


class Recorder:
    """Takes down what is drawn, and for what."""

    def __init__(self):
        self.draws: list[Draw] = []
        self.phase = "elsewhere"

    def mark(self, owner: Any, method: str, phase: str) -> None:
        """Let calls of a bound method count as `phase`."""
        setattr(owner, method, functools.partial(self._run_in_phase, phase, getattr(owner, method)))

    def _run_in_phase(self, phase: str, method, *arguments, **options):
        before, self.phase = self.phase, phase
        try:
            return method(*arguments, **options)
        finally:
            self.phase = before

    def note(self, function: str, value: Any) -> None:
        """Take down one draw of the present phase."""
        self.draws.append(Draw(self.phase, function, np.array(value)))

    def of(self, phase: str, *functions: str) -> list[np.ndarray]:
        """What was drawn in a phase, by any of these functions (by default all), in order."""
        wanted = functions or FUNCTIONS
        return [draw.value for draw in self.draws if draw.phase == phase and draw.function in wanted]

    @contextlib.contextmanager
    def on(self):
        """Record from a clean sheet meanwhile."""
        # The module of the gathering component has its own name for `rand`.
        from ai_economist.foundation.components import move

        self.draws = []
        originals = {name: getattr(np.random, name) for name in FUNCTIONS}
        for name, original in originals.items():
            setattr(np.random, name, functools.partial(self._call, name, original))
        own_rand, move.rand = move.rand, np.random.rand
        try:
            yield
        finally:
            move.rand = own_rand
            for name, original in originals.items():
                setattr(np.random, name, original)

    def _call(self, name: str, original, *arguments, **options):
        if name == "uniform":
            return self._uniform(*arguments, **options)
        value = original(*arguments, **options)
        # Shuffling works in place and returns nothing.
        self.note(name, arguments[0] if name == "shuffle" else value)
        return value

    def _uniform(self, low=0.0, high=1.0, size=None):
        share = np.random.random_sample(size)
        self.note("uniform", share)
        return low + (high - low) * share


def of_step(recorder: Recorder, env) -> dict[str, np.ndarray]:
    """Name the draws of one step; see `gtb_reference` for the keys.

    Raises:
        RuntimeError: if the reference drew something that is not understood.
    """
    names = [component.name for component in env._components]
    n, understood = env.n_agents, 2
    wood, stone = recorder.of("regeneration")
    draws: dict[str, np.ndarray] = {"regeneration": np.stack([stone, wood])}
    if "Build" in names:
        (draws["build_order"],) = recorder.of("Build")
        understood += 1
    if "Gather" in names:
        (draws["gather_order"],) = recorder.of("Gather", "permutation")
        uniforms, drawn = _bonus_draws(recorder.of("Gather", "rand"), env.get_component("Gather").gathers[-1], n)
        draws |= {"gather_uniforms": uniforms, "gather_drawn": drawn}
        understood += 1 + int(drawn.sum())
    if "PeriodicBracketTax" in names:
        shares = recorder.of("PeriodicBracketTax")
        num_brackets = len(env.get_component("PeriodicBracketTax").bracket_cutoffs)
        draws["tax_shares"] = shares[0] if shares else np.zeros(num_brackets)
        draws["tax_drawn"] = np.array(bool(shares))
        understood += len(shares)
    if understood != len(recorder.draws):
        raise RuntimeError(f"{len(recorder.draws)} draws of the reference in a step, {understood} understood")
    return draws


def _bonus_draws(values: list[np.ndarray], gathers: list[dict], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniform numbers by citizen and commodity: the reference draws one for each thing gathered, in that order."""
    uniforms, drawn = np.full((n, 2), NOTHING_DRAWN), np.zeros((n, 2), bool)
    for value, gather in zip(values, gathers, strict=True):
        place = gather["agent"], COMMODITIES.index(gather["resource"])
        if drawn[place]:
            raise RuntimeError(f"citizen {place[0]} gathered the same commodity twice in a step")
        uniforms[place], drawn[place] = value, True
    return uniforms, drawn


def of_reset(recorder: Recorder, env, start_cells: np.ndarray) -> dict[str, Any]:
    """Name the draws of a reset; see `gtb_reference` for the keys.

    Args:
        start_cells: [n, 2], where everybody stood after the first placement.
    """
    n = env.n_agents
    orders = recorder.of("place", "permutation")
    order = orders[0] if orders else np.arange(n)
    tries = _cells(recorder.of("place", "randint"))
    draws: dict[str, Any] = {
        "start_order": order,
        "start_cells": start_cells,
        "start_attempts": _attempts(tries, start_cells[order]),
        "locations": np.array([agent.loc for agent in env.world.agents]),
    }
    for component, key in (("Build", "build_skills"), ("Gather", "gather_skills")):
        if component in env._components_dict:
            skills = recorder.of(component)
            without_skill = float(component == "Build")
            draws[key] = np.array(skills) if skills else np.full(n, without_skill)
    ranked = recorder.of("rank", "permutation")
    if ranked:
        draws["skill_order"] = ranked[0]
        tries = _cells(recorder.of("rank", "randint"))
        if len(tries):
            draws["ranked_attempts"] = _attempts(tries, draws["locations"][ranked[0]])
    zones = recorder.of("layout", "shuffle")
    if zones:
        draws["zones"] = zones[0].reshape(env.num_partitions_row, env.num_partitions_col)
    if hasattr(env, "source_prob_maps"):
        draws["layout_attempts"] = _layout_attempts(recorder)
    return draws


def _cells(numbers: list[np.ndarray]) -> np.ndarray:
    return np.array(numbers, int).reshape(-1, 2)


def _attempts(tries: np.ndarray, taken: np.ndarray) -> list[np.ndarray]:
    """Cut the cells that were tried into one list for each citizen: the first that could be taken was."""
    lists, start = [], 0
    for cell in taken:
        hit = start + int(np.flatnonzero((tries[start:] == cell).all(axis=1))[0])
        lists.append(tries[start : hit + 1])
        start = hit + 1
    if start != len(tries):
        raise RuntimeError(f"{len(tries)} cells were tried, {start} understood")
    return lists


def _layout_attempts(recorder: Recorder) -> list[dict[str, dict[str, np.ndarray]]]:
    """One entry for each layout that the reference tried: for Wood, then Stone, a uniform map and pairs of normals."""
    resources: list[dict[str, Any]] = []
    for draw in recorder.draws:
        if draw.phase != "layout" or draw.function == "shuffle":
            continue
        if draw.function == "rand":
            resources.append({"uniform": draw.value, "kernels": [], "noises": []})
        else:
            current = resources[-1]
            is_kernel = len(current["kernels"]) == len(current["noises"])
            current["kernels" if is_kernel else "noises"].append(draw.value)
    for resource in resources:
        resource["kernels"] = np.array(resource["kernels"]).reshape(-1, 7, 7)
        resource["noises"] = np.array(resource["noises"]).reshape(-1, *resource["uniform"].shape)
    return [{"Wood": wood, "Stone": stone} for wood, stone in zip(resources[::2], resources[1::2], strict=True)]
