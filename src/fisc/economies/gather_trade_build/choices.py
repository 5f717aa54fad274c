"""What citizens can choose, and how an action says it.

An action space is a list of menus: build; bid and ask for each good at each price; walk. In single-action mode a
citizen picks one entry of one menu (0: nothing), in multi-action mode one entry of every menu (0: nothing there).

Axes: `n` citizens, `g` goods, `a` entries of a mask, `d` menus.
"""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Shaped

from fisc.core.spaces import Discrete, MultiDiscrete
from fisc.economies.gather_trade_build.state import GOODS

NO_PRICE = -1
STAY = 0
DIRECTIONS = ((0, -1), (0, 1), (-1, 0), (1, 0))
"""Rows and columns of a move to the left, to the right, up and down: directions 1 to 4."""


class Choices(eqx.Module):
    """What everybody wants to do in this step, legal or not."""

    build: Bool[Array, " n"]
    bids: Int[Array, "g n"]
    """Price of the bid that a citizen wants to place, or NO_PRICE."""
    asks: Int[Array, "g n"]
    direction: Int[Array, " n"]
    """STAY, or 1 to 4 for one of DIRECTIONS."""


@dataclass(frozen=True)
class Menus:
    """The menus of a citizen, in the order of the economy's events."""

    sizes: tuple[tuple[str, int], ...]
    """Name and number of entries of each menu, without doing nothing."""
    is_multi: bool
    """Whether a citizen picks from every menu."""

    @property
    def space(self) -> Discrete | MultiDiscrete:
        """The action space."""
        if self.is_multi:
            return MultiDiscrete(tuple(size + 1 for _, size in self.sizes))
        return Discrete(1 + sum(size for _, size in self.sizes))

    def read(self, action: Shaped[Array, "n ..."]) -> dict[str, Int[Array, " n"]]:
        """The entry picked from each menu, from 1; 0 for none. An action outside the space is no action."""
        picked, offset = {}, 0
        for d, (name, size) in enumerate(self.sizes):
            entry = action[:, d] if self.is_multi else action - offset
            picked[name] = jnp.where((entry >= 1) & (entry <= size), entry, 0).astype(jnp.int32)
            offset += size
        return picked

    def choices(self, action: Shaped[Array, "n ..."]) -> Choices:
        """What the actions mean."""
        picked = self.read(action)
        nothing = jnp.zeros(action.shape[0], jnp.int32)
        get = lambda name: picked.get(name, nothing)  # noqa: E731
        return Choices(
            build=get("build") == 1,
            bids=jnp.stack([get(f"buy {good}") for good in GOODS]) - 1,
            asks=jnp.stack([get(f"sell {good}") for good in GOODS]) - 1,
            direction=get("walk"),
        )

    def entries(self, name: str) -> np.ndarray:
        """Which entry of a menu, from 1, each flag of a mask stands for, shape [a]; 0 for anything else."""
        number, offset = np.zeros(self.space.mask_size, np.int32), 1
        for menu, size in self.sizes:
            if menu == name:
                number[offset : offset + size] = np.arange(1, size + 1)
            offset += size + self.is_multi
        return number

    def idle(self) -> np.ndarray:
        """Which flags of a mask stand for doing nothing, shape [a]."""
        return sum(self.entries(name) for name, _ in self.sizes) == 0


def menus(events: tuple[str, ...], num_prices: int, is_multi: bool) -> Menus:
    """The menus that the events offer, in their order."""
    offers = {
        "build": [("build", 1)],
        "trade": [(f"{verb} {good}", num_prices) for good in GOODS for verb in ("buy", "sell")],
        "gather": [("walk", len(DIRECTIONS))],
    }
    return Menus(tuple(menu for event in events for menu in offers.get(event, [])), is_multi)
