"""An economy with a map, so small that it can be followed by hand: what adapters must also fit.

Axes: `n` citizens, `c` channels, `h` and `w` height and width of a map.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fisc.core.economy import Block, Economy, EconomySpec, Observation, RoleSpec, Transition
from fisc.core.ledger import Ledger
from fisc.core.spaces import Box, Discrete, MultiDiscrete, Space

CITIZENS, HEIGHT, WIDTH = 2, 2, 3
TRACES: list[str] = []
"""A word for every time that a transition is traced."""


class State(eqx.Module):
    """What the village remembers."""

    step: Int[Array, ""]
    episode: Int[Array, ""]
    coin: Float[Array, " n"]
    rates: Int[Array, " b"]
    """The planner's last effective action."""
    heard: Int[Array, " b"]
    """The planner's action as it came in at the last step."""


class Village(Economy[State, Float[Array, " n"]]):
    """Citizens earn their action plus luck; the planner earns the sum. It has two brackets with 3 and 4 choices."""

    citizen: Space = eqx.field(static=True, default=MultiDiscrete((2, 3)))
    idle: tuple[int, ...] = eqx.field(static=True, default=())
    periods: int = eqx.field(static=True, default=2)
    steps: int = eqx.field(static=True, default=3)

    @property
    def spec(self) -> EconomySpec:
        """Two periods of three steps."""
        blocks = {
            "coin": Block(("coin",), is_public=False),
            "episode": Block(("episode",), is_public=True),
            "map": Block(("water", "wood"), is_public=False),
            "labels": Block(("owner",), is_public=True),
        }
        citizen = RoleSpec(CITIZENS, self.citizen, blocks, "step", self.idle)
        planner = RoleSpec(1, MultiDiscrete((3, 4)), {"rates": Block(("a", "b"), is_public=True)}, "period")
        return EconomySpec("village", {"citizen": citizen, "planner": planner}, self.periods, self.steps)

    def init(self, key):
        """Coin by luck."""
        zero, zeros = jnp.zeros((), jnp.int32), jnp.zeros(2, jnp.int32)
        return State(zero, zero, jax.random.uniform(key, (CITIZENS,)), zeros, zeros)

    def reset(self, key, state):
        """Another episode, which is counted."""
        return eqx.tree_at(lambda s: s.episode, self.init(key), state.episode + 1)

    def observe(self, state, knobs):
        """A map of [n, c, h, w] with the citizen's own coin on it, and labels, which are integers."""
        maps = jnp.broadcast_to(state.coin[:, None, None, None], (CITIZENS, 2, HEIGHT, WIDTH))
        features = {
            "coin": state.coin[:, None],
            "episode": state.episode.astype(jnp.float32).reshape(1, 1),
            "map": maps,
            "labels": jnp.arange(HEIGHT * WIDTH, dtype=jnp.int16).reshape(1, 1, HEIGHT, WIDTH),
        }
        space = self.citizen
        mask = jnp.ones((CITIZENS, space.mask_size), bool)
        if not isinstance(space, Box):
            mask = mask.at[1, -1].set(False)  # the second citizen may not do the last thing
        rates = {"rates": state.rates.astype(jnp.float32)[None, :]}
        return {"citizen": Observation(features, mask), "planner": Observation(rates, jnp.ones((1, 7), bool))}

    def draw(self, key, state):
        """Luck."""
        return jax.random.uniform(key, (CITIZENS,))

    def transition(self, state, actions, draws, knobs):
        """Announce rates in the first step of a period; earn."""
        TRACES.append("transition")
        own, heard = actions["citizen"].astype(jnp.float32), actions["planner"][0]
        pay = draws + (own if own.ndim == 1 else jnp.sum(own, axis=1))
        rates = jnp.where(state.step % self.steps == 0, heard, state.rates)
        after = State(state.step + 1, state.episode, state.coin + pay, rates, heard)
        books = {"coin": jnp.zeros(())}
        return Transition(after, {"citizen": pay, "planner": jnp.sum(pay)[None]}, Ledger(books, books, books))

    def metrics(self, state):
        """Coin per citizen."""
        return {"productivity": jnp.mean(state.coin)}

    def accounts(self, state):
        """Nothing to tell."""
        return {}


VILLAGES = {
    "several choices": Village(),
    "one choice": Village(citizen=Discrete(4)),
    "any number": Village(citizen=Box(0.0, 2.0, 2)),
}
