"""The gather-trade-build economy of the reference program, played step by step with all its draws recorded.

    game = open_game(env, seed)              `env`: arguments of the reference's environment, as `read` returns them
    moment = game.reset()                    draws of the reset, and a snapshot after it
    moment = game.step(citizens, planner)    draws of the step, and a snapshot after it

Axes: n citizens, b brackets, H x W map, P prices; commodities are always Stone, then Wood. What belongs to a component
that is not in the configuration is absent.

Draws of a step: `build_order` [n], `gather_order` [n] (who comes k-th), `gather_uniforms` [n, 2] (1.0 if not drawn),
`gather_drawn` [n, 2], `regeneration` [2, H, W], `tax_shares` [b] of the range of rates, `tax_drawn`. The market draws
nothing.

Draws of a reset: `start_order` [n], `start_cells` [n, 2] and `start_attempts` (by `start_order`, the cells tried, the
last of them taken); `build_skills` [n], `gather_skills` [n] (raw); with ranked skills `skill_order` [n] (who gets rank
k) and in the split layout `ranked_attempts`; in procedural layouts `layout_attempts` (by resource: `uniform` [H, W],
`kernels` [k, 7, 7] and `noises` [k, H, W], standard normal) and `zones`. And what came of it: `locations`,
`source_maps` [2, H, W], `water` [H, W], `build_payments`, `bonus_gather_prob`.

The keys of a snapshot are in `gtb_snapshot`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fisc.core.errors import ConfigError

from . import reference
from .gtb_draws import Recorder, of_reset, of_step
from .gtb_snapshot import maps, take


@dataclass(frozen=True)
class Moment:
    """The reference after a reset or a step, and what it drew to get there."""

    draws: dict[str, Any]
    snapshot: dict[str, Any]


def read(path: str | Path) -> dict[str, Any]:
    """Read the `env` section of a YAML or JSON file.

    Raises:
        ConfigError: no such file, not readable, or no such section.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"no configuration file '{path}'")
    text = path.read_text(encoding="utf-8")
    import yaml

    try:
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"'{path}' cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not isinstance(content.get("env"), dict):
        raise ConfigError(f"'{path}' has no section 'env' with the environment's arguments")
    return content["env"]


def open_game(env: dict[str, Any], seed: int) -> "Game":
    """Construct the reference's environment; `seed` starts NumPy's global generator, which it draws from.

    Raises:
        ReferenceMissing: if it is not installed.
        ConfigError: if it refuses the configuration.
    """
    return Game(reference.make(env, seed))


class Game:
    """One environment of the reference."""

    def __init__(self, env):
        self.env = env
        self.recorder = Recorder()
        self._start_cells = np.zeros((env.n_agents, 2), int)
        self._masks: dict[str, Any] = {}
        self._place = env.reset_agent_states
        env.reset_agent_states = self._place_and_look
        for method, phase in (
            ("reset_starting_layout", "layout"),
            ("reset_agent_states", "place"),
            ("additional_reset_steps", "rank"),
            ("scenario_step", "regeneration"),
        ):
            self.recorder.mark(env, method, phase)
        for component in env._components:
            self.recorder.mark(component, "reset", component.name)
            self.recorder.mark(component, "component_step", component.name)

    def _place_and_look(self) -> None:
        self._place()
        self._start_cells = np.array([agent.loc for agent in self.env.world.agents], int)

    @property
    def action_sizes(self) -> list[tuple[str, int]]:
        """A citizen's choices in the reference's order: name, and how many there are besides doing nothing."""
        return _sizes(self.env.world.agents[0])

    @property
    def planner_sizes(self) -> list[tuple[str, int]]:
        """The planner's choices, one for each bracket; none if there is nothing to decide."""
        return _sizes(self.env.world.planner)

    @property
    def constants(self) -> dict[str, Any]:
        """What was fixed at construction."""
        env = self.env
        found: dict[str, Any] = {
            "component_names": [component.name for component in env._components],
            "num_agents": env.n_agents,
            "world_size": tuple(env.world_size),
            "episode_length": env.episode_length,
            "ranked_payments": _array_or_none(getattr(env, "_avg_ranked_skill", None)),
            "ranked_cells": _array_or_none(getattr(env, "_ranked_locs", None)),
            "water_row": getattr(env, "_water_line", None),
            "top_ranks": getattr(env, "skill_rank_of_top_agents", None),
            "source_probabilities": {name: np.array(one) for name, one in getattr(env, "source_prob_maps", {}).items()},
        }
        if "PeriodicBracketTax" in env._components_dict:
            tax = env.get_component("PeriodicBracketTax")
            found |= {
                "cutoffs": np.array(tax.bracket_cutoffs),
                "bracket_names": [f"{int(cutoff):03d}" for cutoff in tax.bracket_cutoffs],
                "disc_rates": _array_or_none(tax.disc_rates),
                "period": tax.period,
            }
        if "ContinuousDoubleAuction" in env._components_dict:
            found["num_prices"] = env.get_component("ContinuousDoubleAuction").max_bid_ask + 1
        return found

    def reset(self) -> Moment:
        """Start an episode.

        Raises:
            ConfigError: if the reference finds no free cell for somebody.
        """
        try:
            with self.recorder.on():
                seen = self.env.reset()
        except TimeoutError as error:
            raise ConfigError(f"the reference finds no free cell for one of {self.env.n_agents} citizens") from error
        draws = of_reset(self.recorder, self.env, self._start_cells)
        snapshot = take(self.env, seen, None, is_done=False)
        terrain = maps(self.env)
        draws |= {"source_maps": np.stack([terrain["StoneSource"], terrain["WoodSource"]]), "water": terrain["Water"]}
        for key, field in (("build_payments", "build_payment"), ("bonus_gather_prob", "bonus_gather_prob")):
            if field in snapshot:
                draws[key] = snapshot[field]
        self._masks = snapshot["masks"]
        return Moment(draws, snapshot)

    def step(self, citizens: np.ndarray, planner: np.ndarray | None = None) -> Moment:
        """Take one step.

        The reference raises on actions outside the space, and executes rates above an annealed ceiling, which its mask
        only advertises: both count as doing nothing here. It ignores every other illegal action by itself.

        Args:
            citizens: integers [n] over all choices, or [n, d], one for each choice, in multi-action mode; 0 is nothing.
            planner: integers [b], 0 keeps the rate; if the planner has single actions at most one is not 0.

        Raises:
            ValueError: if the planner does two things in single-action mode.
        """
        citizens = np.asarray(citizens, int)
        actions: dict[str, Any] = {
            str(agent.idx): _encode(agent, citizens[agent.idx]) for agent in self.env.world.agents
        }
        if planner is not None and self.planner_sizes:
            actions["p"] = self._encode_planner(np.asarray(planner, int))
        with self.recorder.on():
            seen, rewards, done, _ = self.env.step(actions)
        draws = of_step(self.recorder, self.env)
        snapshot = take(self.env, seen, rewards, is_done=bool(done["__all__"]))
        self._masks = snapshot["masks"]
        return Moment(draws, snapshot)

    def planner_flags(self) -> np.ndarray:
        """Which rates the planner's present mask allows: booleans [b, r], without doing nothing."""
        sizes = self.planner_sizes
        mask = self._masks["p"]
        if isinstance(mask, dict):
            return np.array([mask[name] for name, _ in sizes], bool)
        if self.env.world.planner.multi_action_mode:
            return np.asarray(mask).reshape(len(sizes), -1)[:, 1:].astype(bool)
        return np.asarray(mask)[1:].reshape(len(sizes), -1).astype(bool)

    def citizen_flags(self) -> np.ndarray:
        """Which actions the citizens' present masks allow: booleans [n, sum of choices], without doing nothing."""
        names, n = [name for name, _ in self.action_sizes], self.env.n_agents
        masks = [self._masks[str(i)] for i in range(n)]
        if isinstance(masks[0], dict):
            return np.array([np.concatenate([mask[name] for name in names]) for mask in masks], bool)
        if not self.env.multi_action_mode_agents:
            return np.array(masks)[:, 1:].astype(bool)
        ends = np.cumsum([size + 1 for _, size in self.action_sizes])
        return np.delete(np.array(masks), [0, *ends[:-1]], axis=1).astype(bool)

    def _encode_planner(self, chosen: np.ndarray) -> Any:
        sizes = np.array([size for _, size in self.planner_sizes])
        chosen = np.where((chosen >= 0) & (chosen <= sizes), chosen, 0)
        if self.env.get_component("PeriodicBracketTax").tax_cycle_pos == 1:
            allowed = self.planner_flags()[np.arange(len(sizes)), np.maximum(chosen, 1) - 1]
            chosen = np.where(allowed, chosen, 0)
        if self.env.world.planner.multi_action_mode:
            return chosen.tolist()
        acting = np.flatnonzero(chosen)
        if len(acting) > 1:
            raise ValueError(f"a planner with single actions cannot set {len(acting)} brackets at once")
        return int(sizes[: acting[0]].sum() + chosen[acting[0]]) if len(acting) else 0


def _encode(agent, action: np.ndarray) -> Any:
    """An action as the reference takes it; doing nothing in place of what is outside the space."""
    sizes = np.array([size for _, size in _sizes(agent)])
    if agent.multi_action_mode:
        return np.where((action >= 0) & (action <= sizes), action, 0).tolist() or [0]
    return int(action) if 0 <= action <= sizes.sum() else 0


def _sizes(agent) -> list[tuple[str, int]]:
    if agent._passive_multi_action_agent:
        return []
    extra = 1 if agent.multi_action_mode else 0
    return [(name, agent.action_dim[name] - extra) for name in agent._action_names]


def _array_or_none(values) -> np.ndarray | None:
    return None if values is None else np.array(values)
