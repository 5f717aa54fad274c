"""An economy as a Gymnasium environment of one agent: the planner, or one citizen. All others follow given policies.

>>> from fisc.adapters.gymnasium import single_agent_env
>>> env = single_agent_env("one-step", agent="planner", others="best_response")  # doctest: +SKIP
>>> observation, info = env.reset(seed=0)  # doctest: +SKIP
"""

from collections.abc import Mapping
from typing import Any

try:
    import gymnasium
except ModuleNotFoundError as error:
    if error.name != "gymnasium":
        raise
    from fisc.adapters.extra import missing

    raise missing("gymnasium") from None

import jax
import jax.numpy as jnp
import numpy as np

from fisc.adapters import engine
from fisc.adapters.episodes import Episodes, find_setting
from fisc.adapters.spaces import action_space, agent_names, observation_space, read_actions, read_views
from fisc.core.economy import Economy, Role
from fisc.core.errors import ActionError, ConfigError, unknown
from fisc.core.knobs import Knobs, full_knobs
from fisc.core.policy import Policy
from fisc.scenarios.config import Scenario
from fisc.scenarios.settings import Setting, make_player

Player = str | Policy
"""A policy, or the name of one that needs no training: "best_response" or "random"."""


def single_agent_env(
    world: str | Scenario | Economy | Setting,
    *,
    agent: str = "planner",
    others: Player | Mapping[Role, Player] | None = None,
    arm: str | None = None,
    people_seed: int | None = None,
    overrides: dict[str, Any] | None = None,
    knobs: Knobs | None = None,
) -> "SingleAgentEconomy":
    """Make a Gymnasium environment of one agent.

    Args:
        world: a preset, a .toml file or a scenario; or an economy, or the setting of a finished run.
        agent: its name, such as "planner" or "citizen_003".
        others: who decides for everybody else: one for all, or one by role. A role that is not named is played by the
            setting's own policy (of a finished run), else at random.
        arm: tax system of a scenario; "planner" by default, which has the agent `planner`.
        people_seed: which people are drawn for a scenario; 0 by default.
        overrides: dotted keys of a scenario that is given by name, and their values.
        knobs: labor cost and ceiling on rates; the economy as it is by default.

    Raises:
        ConfigError: a wrong name, key, value or combination.
    """
    setting = find_setting(world, arm=arm, people_seed=people_seed, overrides=overrides)
    return SingleAgentEconomy(setting, agent, others, knobs)


class SingleAgentEconomy(gymnasium.Env):
    """One agent on its own clock: a step is one decision, the reward what it earns until the next one."""

    metadata = {"render_modes": []}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(
        self,
        setting: Setting,
        agent: str,
        others: Player | Mapping[Role, Player] | None = None,
        knobs: Knobs | None = None,
    ):
        self.economy = setting.economy
        roles = self.economy.spec.roles
        names = {role: agent_names(role, entry.num_agents) for role, entry in roles.items()}
        places = {name: (role, i) for role in roles for i, name in enumerate(names[role])}
        if agent not in places:
            raise unknown("agent", agent, places)
        self.agent = agent
        self._role, self._index = places[agent]
        knobs = full_knobs(tuple(roles)) if knobs is None else knobs
        policies = _choose_players(setting, self._role, others)
        self._seat = engine.Seat(self.economy, policies, knobs, jnp.asarray(self._index, jnp.int32), self._role)
        self._decisions = (*engine.decision_steps(self.economy.spec, self._role), self.economy.spec.steps)
        self._idle = np.asarray(engine.idle_action(roles[self._role].actions))
        shapes = engine.view_shapes(self.economy, knobs)
        self.observation_space = observation_space(roles[self._role], shapes[self._role])
        self.action_space = action_space(roles[self._role].actions)
        self._episodes = Episodes(setting.earlier)
        self._place: engine.Place | None = None
        self._made = len(self._decisions)
        """Decisions made in this episode; as many as there are after it."""

    @property
    def economy_state(self) -> Any:
        """The economy's own state, such as `economy.accounts` reads; None before the first reset."""
        return self._episodes.state

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict, dict]:
        """Start an episode: a fresh world with a seed, the next episode of the same world without. `options`: not used.

        Returns:
            What the agent sees when it first decides, and an empty info.
        """
        keys = self._episodes.start(seed)
        super().reset(seed=seed)
        self._place = engine.take_seat(self._seat, keys.start, self._episodes.earlier)
        seen, _ = self._play(self._idle, 0, self._decisions[0])
        self._made = 0
        return seen, {}

    def step(self, action: Any) -> tuple[dict, float, bool, bool, dict]:
        """Decide once, and let the world go on until the agent's next decision.

        Returns:
            Observation, reward, whether the episode ended, False (it is never cut short), and an info that holds the
            economy's aggregates as `metrics` when it ended.

        Raises:
            ActionError: an action outside the space, or no episode to step in.
        """
        if self._made + 1 >= len(self._decisions):
            raise ActionError("no episode is being played: call reset() before step()")
        own = read_actions(self.economy.spec.roles[self._role].actions, [action], [self.agent])[0]
        seen, reward = self._play(own, self._decisions[self._made], self._decisions[self._made + 1])
        self._made += 1
        is_over = self._made + 1 == len(self._decisions)
        return seen, reward, is_over, False, {"metrics": self.metrics()} if is_over else {}

    def _play(self, action: np.ndarray, start: int, stop: int) -> tuple[dict[str, Any], float]:
        """Play some steps; what the agent sees after them, and what it earned."""
        first, last = (np.asarray(t, np.int32) for t in (start, stop))
        self._place, view, reward = engine.play(self._seat, self._place, self._episodes.keys, action, first, last)
        self._episodes.state = self._place.state
        role = self.economy.spec.roles[self._role]
        return read_views(role, jax.device_get(view), [self._index])[0], float(reward)

    def metrics(self) -> dict[str, float]:
        """The economy's aggregates as it stands, such as welfare and equality."""
        if self.economy_state is None:
            raise ActionError("nothing to measure yet: call reset() before metrics()")
        return {name: float(value) for name, value in engine.measure(self.economy, self.economy_state).items()}


def _choose_players(setting: Setting, own: Role, others: Player | Mapping[Role, Player] | None) -> dict[Role, Policy]:
    """A policy for every role in which somebody else than the agent decides."""
    roles = setting.economy.spec.roles
    needed = [role for role, entry in roles.items() if role != own or entry.num_agents > 1]
    if isinstance(others, Mapping):
        for role in others:
            if role not in needed:
                raise unknown("role in others", role, needed)
    named = dict(others) if isinstance(others, Mapping) else dict.fromkeys(needed, others)
    chosen = {}
    for role in needed:
        player = named.get(role)
        if player is None:
            player = setting.policies.get(role, "random")
        if isinstance(player, str):
            player = make_player(setting.economy, role, player)
        if not isinstance(player, Policy):
            raise ConfigError(
                f"the policy of role '{role}' is a {type(player).__name__}: "
                "expected 'best_response', 'random' or a fisc.core.policy.Policy"
            )
        chosen[role] = player
    return chosen
