"""What every economy is: roles that act in nested time, a pure transition, and a ledger.

An episode has `periods` tax years of `steps_per_period` steps. Roles that act once a period (the planner) do so in the
first step of the period; the others act at every step. A step takes its random draws as a value, so that a recorded
history of another program can be replayed exactly.
"""

import abc
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, Shaped

from fisc.core.errors import ConfigError
from fisc.core.knobs import Knobs
from fisc.core.ledger import Ledger
from fisc.core.mandate import BLOCK, Mandate
from fisc.core.spaces import Space

Role = str
State = TypeVar("State")
Draws = TypeVar("Draws")
Actions = Mapping[Role, Shaped[Array, "n ..."]]


@dataclass(frozen=True)
class Block:
    """A named group of numbers in an observation: what each number is, and whether all agents of the role share it."""

    names: tuple[str, ...]
    is_public: bool
    """Public blocks are the same for all agents of the role and are stored once, with leading axis 1."""
    grid: tuple[int, ...] = ()
    """Height and width if each name is a channel of a map; empty if each name is one number."""
    num_labels: int = 0
    """If above 0, the entries are labels 0, …, num_labels - 1, of which none is more than another."""
    is_centered: bool = False
    """Whether the observer is on the middle cell of the map."""

    @property
    def size(self) -> int:
        """Numbers in the block."""
        return len(self.names) * math.prod(self.grid)


MANDATE_BLOCKS = {BLOCK: Block(("equality_weight",), is_public=True)}
"""What a planner under a mandate sees of it."""


@dataclass(frozen=True)
class RoleSpec:
    """One kind of agent: all agents of a role share an action space, an observation layout and a policy."""

    num_agents: int
    actions: Space
    blocks: Mapping[str, Block]
    acts_each: Literal["step", "period"]
    idle_steps: tuple[int, ...] = ()
    """Steps of every period in which nobody of the role has a choice: nothing is learned from them, or remembered."""

    def is_awake(self, step: Int[Array, ""]) -> Bool[Array, ""]:
        """Whether a role that acts at every step has a choice in this step of a period."""
        idle = jnp.asarray(self.idle_steps, step.dtype)
        return jnp.all(idle != jnp.broadcast_to(step, idle.shape))


@dataclass(frozen=True)
class EconomySpec:
    """The static description of an economy."""

    name: str
    roles: Mapping[Role, RoleSpec]
    periods: int
    steps_per_period: int
    money: str = "coin"

    @property
    def steps(self) -> int:
        """Steps in one episode."""
        return self.periods * self.steps_per_period


class Observation(eqx.Module):
    """What the n agents of one role see."""

    features: dict[str, Shaped[Array, "_ k *grid"]]
    """Named blocks: [n, k], or [n, k, h, w] for maps, which may be integers; 1 in place of n if the block is public."""
    mask: Bool[Array, "n a"]
    """Legal actions. It only advertises legality: the transition enforces it."""
    luck: Float[Array, " n"] | None = None
    """Which quantile of its intentions each agent's action will be, in [0, 1), in an economy where luck is given; None:
    the policy draws."""
    memory: PyTree[Shaped[Array, "..."]] = None
    """What each agent remembers of the episode, where the policy remembers: whoever plays it keeps this, see `Policy`.
    An economy knows nothing of it."""

    def with_memory(self, memory: PyTree[Shaped[Array, "..."]]) -> "Observation":
        """The same, of one environment or of many, by somebody who remembers this."""
        return eqx.tree_at(lambda seen: seen.memory, self, memory, is_leaf=lambda x: x is None)


class Transition(eqx.Module, Generic[State]):
    """What one step brings about."""

    state: State
    rewards: dict[Role, Float[Array, " n"]]
    """Change of each agent's utility (the planner's: of welfare) during the step."""
    ledger: Ledger


class Economy(eqx.Module, Generic[State, Draws]):
    """A world with its rules. Sizes are static fields; numbers (skills, costs, rates) are traced leaves."""

    @property
    @abc.abstractmethod
    def spec(self) -> EconomySpec:
        """Roles, spaces and nested time."""

    @abc.abstractmethod
    def init(self, key: Key[Array, ""]) -> State:
        """The first state of the first episode. `key`: consumed."""

    @abc.abstractmethod
    def reset(self, key: Key[Array, ""], state: State) -> State:
        """The first state of a new episode; what institutions learned (a tax memory) stays. `key`: consumed."""

    @abc.abstractmethod
    def observe(self, state: State, knobs: Knobs) -> dict[Role, Observation]:
        """What every role sees now."""

    @abc.abstractmethod
    def draw(self, key: Key[Array, ""], state: State) -> Draws:
        """Every random number of one step, as a value. `key`: consumed."""

    @abc.abstractmethod
    def transition(self, state: State, actions: Actions, draws: Draws, knobs: Knobs) -> Transition[State]:
        """One step, without randomness of its own. Illegal actions are treated as doing nothing; or, where
        there is no such action, as leaving what they would have set."""

    def step(self, key: Key[Array, ""], state: State, actions: Actions, knobs: Knobs) -> Transition[State]:
        """Draw and take one step. `key`: consumed."""
        return self.transition(state, actions, self.draw(key, state), knobs)

    @abc.abstractmethod
    def metrics(self, state: State) -> dict[str, Float[Array, ""]]:
        """Named aggregates of the economy as it stands; each name is defined once, in the records' schema."""

    @abc.abstractmethod
    def accounts(self, state: State) -> dict[str, Float[Array, " n"]]:
        """Citizen by citizen: income, tax, transfer, consumption, labor, utility, rates of the episode so far."""

    def pool(self, states: PyTree[Any]) -> PyTree[Any]:
        """Share between parallel environments (leading axis) what their institutions learned. Nothing by default."""
        return states

    def under(self, mandate: Mandate) -> "Economy[State, Draws]":
        """The same with a planner that is told how much equality counts, and judged by that.

        The weight is drawn in `init` and `reset` and kept in the state; the planner alone sees it, as the block
        `MANDATE_BLOCKS`.

        Raises:
            ConfigError: if the economy knows no such planner.
        """
        raise ConfigError(
            f"economy '{self.spec.name}' cannot tell its planner how much equality counts: "
            "leave frontier.weights at 0, or define `under` in the economy"
        )
