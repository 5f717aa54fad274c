"""What all adapters share: finding the economy that somebody means, and counting episodes."""

from typing import Any

import numpy as np

from fisc.adapters.engine import Keys, episode_keys
from fisc.core.economy import Economy
from fisc.core.errors import ConfigError
from fisc.scenarios.config import Scenario
from fisc.scenarios.settings import Setting, make_setting

LARGEST_SEED = 2**32 - 1


def find_setting(
    world: str | Scenario | Economy | Setting,
    *,
    arm: str | None,
    people_seed: int | None,
    overrides: dict[str, Any] | None,
) -> Setting:
    """Make or take the setting that `world` means.

    Raises:
        ConfigError: a wrong name, key, value or combination.
    """
    if isinstance(world, str | Scenario):
        return make_setting(world, arm or "planner", people_seed or 0, overrides)
    if not isinstance(world, Economy | Setting):
        raise ConfigError(
            f"expected a scenario, its name, an Economy or a Setting, not {type(world).__name__}: "
            "see fisc.load_scenario and fisc.scenarios.settings"
        )
    options = {"arm": arm, "people_seed": people_seed, "overrides": overrides}
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ConfigError(
            f"{', '.join(given)} given with {'an economy' if isinstance(world, Economy) else 'a setting'} that is "
            "already made: leave it out, or give the name of a scenario"
        )
    return world if isinstance(world, Setting) else Setting(world)


class Episodes:
    """Where an environment stands: its state, the step, and the random keys of the episode."""

    def __init__(self, learned: Any):
        self._learned = learned
        self._seed: int | None = None
        self._episode = 0
        self.state: Any = None
        self.step = 0
        self.keys: Keys | None = None

    def start(self, seed: int | None) -> Keys:
        """Make the keys of the next episode; with a seed, of the first one of a fresh world.

        Raises:
            ConfigError: if the seed is not an integer in range.
        """
        if seed is not None:
            if not isinstance(seed, int | np.integer) or not 0 <= seed <= LARGEST_SEED:
                raise ConfigError(f"seed is {seed!r}: expected an integer in 0, …, {LARGEST_SEED}")
            self._seed, self._episode, self.state = int(seed), 0, None
        elif self._seed is None:
            self._seed = int(np.random.SeedSequence().generate_state(1)[0])
        else:
            self._episode += 1
        self.step = 0
        self.keys = episode_keys(self._seed, self._episode)
        return self.keys

    @property
    def earlier(self) -> Any:
        """The state that institutions remember from: the last episode's, or what they learned before the first."""
        return self._learned if self.state is None else self.state

    def now(self) -> np.ndarray:
        """The step, as compiled functions take it."""
        return np.asarray(self.step, np.int32)
