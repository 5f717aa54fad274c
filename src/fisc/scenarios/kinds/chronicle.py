"""What is written down about an episode of one kind of economy; who records it knows no economy."""

from typing import Any

import numpy as np

from fisc.core.economy import Economy
from fisc.core.knobs import Knobs


class Chronicle:
    """What a recorded episode tells: by default the accounts of all citizens after every step, and nothing else."""

    def facts(self, economy: Economy, start: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What stays the same for the whole episode: plain data for the header, and arrays by name."""
        return {}, {}

    def frame(self, economy: Economy, state: Any) -> dict[str, Any]:
        """What is kept of a state."""
        return economy.accounts(state)

    def between(self, economy: Economy, state: Any, actions: Any, draws: Any, knobs: Knobs) -> Any:
        """What happens within a step and cannot be read off the states around it; None: nothing."""
        return None

    def tell(self, economy: Economy, frames: dict[str, np.ndarray], between: Any) -> dict[str, np.ndarray]:
        """The arrays of the file, by name.

        Args:
            frames: from `frame`, with a leading axis of steps + 1.
            between: from `between`, with a leading axis of steps.
        """
        return {f"frames/{name}": frame for name, frame in frames.items()}
