"""Economies small enough to follow by hand. Axis `n`: citizens."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fisc.core.economy import Block, Economy, EconomySpec, Observation, RoleSpec, Transition
from fisc.core.knobs import full_knobs
from fisc.core.ledger import Ledger
from fisc.core.spaces import Box, Discrete, Space

KNOBS = full_knobs(("citizen", "planner"))


class State(eqx.Module):
    """What a toy remembers."""

    step: Int[Array, ""]
    total: Float[Array, " n"]
    """Rewards so far."""
    heard: Float[Array, ""]
    """The planner's actions, as digits base ten: one for each step."""


class Clock(Economy[State, tuple]):
    """Citizens are paid 1, 2, 4, 8, … as steps go by; the planner ten times that; nobody's action matters."""

    periods: int = eqx.field(static=True, default=2)
    steps: int = eqx.field(static=True, default=3)
    idle: tuple[int, ...] = eqx.field(static=True, default=())

    @property
    def spec(self) -> EconomySpec:
        """Two citizens act at every step, a planner once a period."""
        blocks = {"time": Block(("step",), is_public=True)}
        citizen = RoleSpec(2, Discrete(2), blocks, "step", self.idle)
        planner = RoleSpec(1, Discrete(10), blocks, "period")
        return EconomySpec("clock", {"citizen": citizen, "planner": planner}, self.periods, self.steps)

    def init(self, key):
        """Nothing earned yet."""
        return State(jnp.zeros((), jnp.int32), jnp.zeros(2), jnp.zeros(()))

    def reset(self, key, state):
        """Start over."""
        return self.init(key)

    def observe(self, state, knobs):
        """Everybody sees the step."""
        seen = {"time": state.step.astype(jnp.float32).reshape(1, 1)}
        roles = self.spec.roles
        return {r: Observation(seen, jnp.ones((s.num_agents, s.actions.mask_size), bool)) for r, s in roles.items()}

    def draw(self, key, state):
        """Nothing is random."""
        return ()

    def transition(self, state, actions, draws, knobs):
        """Pay, and note what the planner said."""
        pay = jnp.full(2, 2.0 ** state.step.astype(jnp.float32))
        heard = 10.0 * state.heard + actions["planner"][0].astype(jnp.float32)
        books = {"coin": jnp.zeros(())}
        rewards = {"citizen": pay, "planner": 10.0 * pay[:1]}
        return Transition(State(state.step + 1, state.total + pay, heard), rewards, Ledger(books, books, books))

    def metrics(self, state):
        """What was earned."""
        return {"welfare": jnp.mean(state.total)}

    def accounts(self, state):
        """Nothing to tell."""
        return {}


class Bandit(Economy[State, tuple]):
    """Each of four citizens makes one decision: an arm with a known payoff, or a number whose best value is known."""

    payoff: Float[Array, " a"]
    """Of each arm; with a box, the one best number."""
    choice: Space = eqx.field(static=True)

    @property
    def spec(self) -> EconomySpec:
        """Citizens alone, one step."""
        blocks = {"nothing": Block(("one",), is_public=True)}
        return EconomySpec("bandit", {"citizen": RoleSpec(4, self.choice, blocks, "step")}, 1, 1)

    def init(self, key):
        """Nothing earned yet."""
        return State(jnp.zeros((), jnp.int32), jnp.zeros(4), jnp.zeros(()))

    def reset(self, key, state):
        """Start over."""
        return self.init(key)

    def observe(self, state, knobs):
        """There is nothing to see; everything is legal."""
        return {"citizen": Observation({"nothing": jnp.ones((1, 1))}, jnp.ones((4, self.choice.mask_size), bool))}

    def draw(self, key, state):
        """Nothing is random."""
        return ()

    def transition(self, state, actions, draws, knobs):
        """Pay the arm's payoff, or less the further the number is from the best one."""
        action = actions["citizen"]
        reward = -((action[:, 0] - self.payoff[0]) ** 2) if isinstance(self.choice, Box) else self.payoff[action]
        books = {"coin": jnp.zeros(())}
        after = State(state.step + 1, state.total + reward, state.heard)
        return Transition(after, {"citizen": reward}, Ledger(books, books, books))

    def metrics(self, state):
        """What was earned."""
        return {"welfare": jnp.mean(state.total)}

    def accounts(self, state):
        """Nothing to tell."""
        return {}


class View(eqx.Module):
    """What the four citizens of a lookout see: on which side the ore is, and whether somebody stands on it."""

    step: Int[Array, ""]
    side: Int[Array, " n"]
    is_taken: Bool[Array, " n"]


class Lookout(Economy[View, View]):
    """Go where the ore is, or the other way if somebody else stands on it: 1 for being right, at every step."""

    @property
    def spec(self) -> EconomySpec:
        """Four citizens, four periods of two steps; a map of ore, and labels that say who is where."""
        blocks = {
            "map": Block(("ore", "noise"), is_public=False, grid=(5, 5)),
            "labels": Block(("citizen",), is_public=False, grid=(5, 5), num_labels=6),
        }
        return EconomySpec("lookout", {"citizen": RoleSpec(4, Discrete(4), blocks, "step")}, 4, 2)

    def draw(self, key, state):
        """What is seen next. `key`: consumed."""
        key_side, key_taken = jax.random.split(key)
        side = jax.random.randint(key_side, (4,), 0, 4)
        return View(state.step + 1, side, jax.random.bernoulli(key_taken, 0.5, (4,)))

    def init(self, key):
        """The first view. `key`: consumed."""
        return self.reset(key, View(jnp.zeros((), jnp.int32), jnp.zeros(4, jnp.int32), jnp.zeros(4, bool)))

    def reset(self, key, state):
        """Another first view. `key`: consumed."""
        drawn = self.draw(key, state)
        return View(jnp.zeros((), jnp.int32), drawn.side, drawn.is_taken)

    def observe(self, state, knobs):
        """Sides 0 to 3 are two cells to the left, the right, up and down; oneself stands in the center."""
        rows, columns = jnp.array([2, 2, 0, 4])[state.side], jnp.array([0, 4, 2, 2])[state.side]
        who = jnp.arange(4)
        ore = jnp.zeros((4, 2, 5, 5), jnp.int8).at[who, 0, rows, columns].set(1)
        label = jnp.where(state.is_taken, 3, 0).astype(jnp.int16)
        labels = jnp.zeros((4, 1, 5, 5), jnp.int16).at[who, 0, rows, columns].set(label).at[:, 0, 2, 2].set(1)
        return {"citizen": Observation({"map": ore, "labels": labels}, jnp.ones((4, 4), bool))}

    def transition(self, state, actions, draws, knobs):
        """The other way is the neighbor of an even number, or the one before an odd one."""
        best = jnp.where(state.is_taken, state.side ^ 1, state.side)
        books = {"coin": jnp.zeros(())}
        reward = (actions["citizen"] == best).astype(jnp.float32)
        return Transition(draws, {"citizen": reward}, Ledger(books, books, books))

    def metrics(self, state):
        """Steps taken."""
        return {"welfare": state.step.astype(jnp.float32)}

    def accounts(self, state):
        """Nothing to tell."""
        return {}


def copies(state, num: int):
    """The same state in several environments."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (num, *x.shape)), state)
