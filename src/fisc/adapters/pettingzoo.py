"""An economy as a PettingZoo environment in which everybody acts at once.

>>> from fisc.adapters.pettingzoo import parallel_env
>>> env = parallel_env("one-step", overrides={"economy.workers": 8})  # doctest: +SKIP
>>> observations, infos = env.reset(seed=0)  # doctest: +SKIP
"""

from typing import Any

try:
    import pettingzoo
except ModuleNotFoundError as error:
    if error.name != "pettingzoo":
        raise
    from fisc.adapters.extra import missing

    raise missing("pettingzoo") from None

import jax
import numpy as np
from gymnasium import spaces

from fisc.adapters import engine
from fisc.adapters.episodes import Episodes, find_setting
from fisc.adapters.spaces import action_space, agent_names, observation_space, read_actions, read_views
from fisc.core.economy import Economy
from fisc.core.errors import ActionError, unknown
from fisc.core.knobs import Knobs, full_knobs
from fisc.scenarios.config import Scenario
from fisc.scenarios.settings import Setting


def parallel_env(
    world: str | Scenario | Economy | Setting,
    *,
    arm: str | None = None,
    people_seed: int | None = None,
    overrides: dict[str, Any] | None = None,
    knobs: Knobs | None = None,
) -> "ParallelEconomy":
    """Make a PettingZoo environment.

    Args:
        world: a preset, a .toml file or a scenario; or an economy, or the setting of a finished run.
        arm: tax system of a scenario; "planner" by default, which has the agent `planner`.
        people_seed: which people are drawn for a scenario; 0 by default.
        overrides: dotted keys of a scenario that is given by name, and their values.
        knobs: labor cost and ceiling on rates; the economy as it is by default.

    Raises:
        ConfigError: a wrong name, key, value or combination.
    """
    setting = find_setting(world, arm=arm, people_seed=people_seed, overrides=overrides)
    return ParallelEconomy(setting, knobs)


class ParallelEconomy(pettingzoo.ParallelEnv):
    """Every agent of every role acts at every step; see the page on adapters for masks, seeds and the episode's end."""

    def __init__(self, setting: Setting, knobs: Knobs | None = None):
        self.economy = setting.economy
        spec = self.economy.spec
        self.spec = spec
        self.knobs = full_knobs(tuple(spec.roles)) if knobs is None else knobs
        self.metadata = {"name": f"fisc_{spec.name}", "render_modes": [], "is_parallelizable": True}
        self.render_mode = None
        self._names = {role: agent_names(role, entry.num_agents) for role, entry in spec.roles.items()}
        self._role_of = {name: role for role, names in self._names.items() for name in names}
        self.possible_agents = list(self._role_of)
        self.agents: list[str] = []
        self._shapes = engine.view_shapes(self.economy, self.knobs)
        self._observation_spaces: dict[str, spaces.Dict] = {}
        self._action_spaces: dict[str, spaces.Space] = {}
        self._episodes = Episodes(setting.earlier)
        self._held: dict[str, np.ndarray] = {}

    @property
    def economy_state(self) -> Any:
        """The economy's own state, such as `economy.accounts` reads; None before the first reset."""
        return self._episodes.state

    def observation_space(self, agent: str) -> spaces.Dict:
        """What an agent sees: named blocks and its mask. The same object at every call."""
        if agent not in self._observation_spaces:
            role = self._find_role(agent)
            self._observation_spaces[agent] = observation_space(self.spec.roles[role], self._shapes[role])
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space:
        """What an agent can do. The same object at every call."""
        if agent not in self._action_spaces:
            self._action_spaces[agent] = action_space(self.spec.roles[self._find_role(agent)].actions)
        return self._action_spaces[agent]

    def _find_role(self, agent: str) -> str:
        if agent not in self._role_of:
            raise unknown("agent", agent, self.possible_agents)
        return self._role_of[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict, dict]:
        """Start an episode: a fresh world with a seed, the next episode of the same world without. `options`: not used.

        Returns:
            Observations and empty infos by agent.
        """
        keys = self._episodes.start(seed)
        self._episodes.state, views = engine.begin(self.economy, keys.start, self._episodes.earlier, self.knobs)
        self.agents = list(self.possible_agents)
        return self._read(views), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        """Take one step.

        Args:
            actions: of every agent. Those of a role that acts once a period may be left out between its decisions:
                there its last action stays, whatever is given.

        Returns:
            Observations, rewards, terminations, truncations (never) and empty infos, by agent.

        Raises:
            ActionError: an action outside its space, an agent without one, or no episode to step in.
        """
        if not self.agents:
            raise ActionError("no episode is being played: call reset() before step()")
        episodes, live = self._episodes, self.agents
        taken = self._take(actions)
        episodes.state, views, rewards = engine.advance(
            self.economy, episodes.keys.steps, episodes.now(), episodes.state, taken, self.knobs
        )
        episodes.step += 1
        is_over = episodes.step == self.spec.steps
        self.agents = [] if is_over else list(live)
        earned = jax.device_get(rewards)
        return (
            self._read(views),
            {name: float(earned[role][i]) for role, names in self._names.items() for i, name in enumerate(names)},
            dict.fromkeys(live, is_over),
            dict.fromkeys(live, False),
            {agent: {} for agent in live},
        )

    def _take(self, actions: dict[str, Any]) -> dict[str, np.ndarray]:
        """Actions by role, with those that stay."""
        for agent in actions:
            self._find_role(agent)
        is_start = self._episodes.step % self.spec.steps_per_period == 0
        taken = {}
        for role, names in self._names.items():
            entry = self.spec.roles[role]
            stays = entry.acts_each == "period" and not is_start
            absent = [name for name in names if name not in actions]
            if absent and not stays:
                raise ActionError(
                    f"no action for {', '.join(absent[:3])}{' …' if len(absent) > 3 else ''}: "
                    "give one for every agent in env.agents"
                )
            present = [name for name in names if name in actions]
            read = read_actions(entry.actions, [actions[name] for name in present], present) if present else None
            taken[role] = self._held[role] if stays else read
        self._held = taken
        return taken

    def _read(self, views: dict[str, engine.View]) -> dict[str, dict[str, Any]]:
        """Observations by agent."""
        seen = jax.device_get(views)
        read = {}
        for role, names in self._names.items():
            rows = read_views(self.spec.roles[role], seen[role], range(len(names)))
            read |= dict(zip(names, rows, strict=True))
        return read

    def metrics(self) -> dict[str, float]:
        """The economy's aggregates as it stands, such as welfare and equality."""
        if self.economy_state is None:
            raise ActionError("nothing to measure yet: call reset() before metrics()")
        return {name: float(value) for name, value in engine.measure(self.economy, self.economy_state).items()}

    def render(self) -> None:
        """Nothing is drawn."""
