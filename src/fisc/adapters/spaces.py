"""Spaces, observations and actions in Gymnasium's words. Axis `n`: agents of a role.

An observation is a dictionary of the economy's named blocks and `action_mask`, flags of type int8 as
`space.sample(mask)` wants them: one array for a Discrete space, a tuple of one array for each component of a
MultiDiscrete one. Gymnasium has no mask for real numbers; there the block `may_act` holds the one flag.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from fisc.adapters.engine import View
from fisc.core.economy import Role, RoleSpec
from fisc.core.errors import ActionError
from fisc.core.spaces import Box, Discrete, MultiDiscrete, Space

MASK, MAY_ACT = "action_mask", "may_act"
DIGITS = 3
"""Agents are numbered with at least so many digits, so that names sort like numbers."""


def agent_names(role: Role, num_agents: int) -> list[str]:
    """The role's name if it has one agent, such as `planner`; else numbered, such as `citizen_007`."""
    if num_agents == 1:
        return [role]
    digits = max(DIGITS, len(str(num_agents - 1)))
    return [f"{role}_{number:0{digits}d}" for number in range(num_agents)]


def action_space(space: Space) -> spaces.Space:
    """A new space of one agent's actions."""
    if isinstance(space, Discrete):
        return spaces.Discrete(space.size)
    if isinstance(space, MultiDiscrete):
        return spaces.MultiDiscrete(np.asarray(space.sizes))
    return spaces.Box(space.low, space.high, (space.size,), np.float32)


def observation_space(role: RoleSpec, shapes: View) -> spaces.Dict:
    """A new space of what one agent sees. `shapes`: of the role's view; blocks may have any."""
    blocks = {name: _block_space(entry.shape[1:], entry.dtype) for name, entry in shapes.features.items()}
    return spaces.Dict(blocks | _mask_spaces(role.actions))


def _block_space(shape: tuple[int, ...], dtype: Any) -> spaces.Space:
    """Everything that the type can hold: an economy promises no bounds."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return _flags(shape)
    if dtype.kind == "f":
        return spaces.Box(-np.inf, np.inf, shape, np.float32)
    return spaces.Box(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype.type)


def _mask_spaces(space: Space) -> dict[str, spaces.Space]:
    if isinstance(space, MultiDiscrete):
        return {MASK: spaces.Tuple([_flags((size,)) for size in space.sizes])}
    return {MAY_ACT if isinstance(space, Box) else MASK: _flags((space.mask_size,))}


def _flags(shape: tuple[int, ...]) -> spaces.Box:
    return spaces.Box(0, 1, shape, np.int8)


def read_views(role: RoleSpec, view: View, agents: Sequence[int]) -> list[dict[str, Any]]:
    """Observations of some agents of a role, each with memory of its own. `view`: on the host."""
    rows = range(len(agents))
    features = {name: _rows_of(values, agents) for name, values in view.features.items()}
    flags = view.mask[list(agents)].astype(np.int8)
    if isinstance(role.actions, MultiDiscrete):
        ends = np.cumsum(role.actions.sizes)[:-1]
        masks = [{MASK: tuple(np.split(flags[i], ends))} for i in rows]
    else:
        masks = [{MAY_ACT if isinstance(role.actions, Box) else MASK: flags[i]} for i in rows]
    return [{name: values[i] for name, values in features.items()} | masks[i] for i in rows]


def _rows_of(values: np.ndarray, agents: Sequence[int]) -> np.ndarray:
    """One row for each agent; what all of them see is repeated. Always a copy."""
    chosen = [0] * len(agents) if len(values) == 1 else list(agents)
    rows = values[chosen]
    return rows.astype(np.int8) if rows.dtype.kind == "b" else rows


def read_actions(space: Space, given: Sequence[Any], agents: Sequence[str]) -> np.ndarray:
    """Stack the actions of agents, shape [n, …].

    An action that is in the space but not legal now is passed on: the economy treats it as doing nothing.

    Raises:
        ActionError: if one is not in the space.
    """
    try:
        stacked = np.asarray(given)
        if stacked.ndim and _are_inside(space, stacked).all():
            return stacked.astype(_dtype(space))
    except (ValueError, TypeError):  # ragged: some action has another shape
        pass
    for agent, action in zip(agents, given, strict=True):
        try:
            one = np.asarray(action)[None]
            is_inside = _are_inside(space, one).all()
        except (ValueError, TypeError):
            is_inside = False
        if not is_inside:
            text = " ".join(np.array2string(np.asarray(action, dtype=object), threshold=8).split())
            raise ActionError(
                f"the action of {agent} is {text}: expected {_describe(space)}, as env.action_space draws"
            )
    return np.stack([np.asarray(action) for action in given]).astype(_dtype(space))


def _dtype(space: Space) -> Any:
    return np.float32 if isinstance(space, Box) else np.int32


def _are_inside(space: Space, actions: np.ndarray) -> np.ndarray:
    """Whether each of n actions has the type, shape and range of the space."""
    size = {Discrete: (), MultiDiscrete: (len(getattr(space, "sizes", ())),), Box: (getattr(space, "size", 0),)}
    if actions.shape[1:] != size[type(space)] or actions.dtype.kind not in ("iuf" if isinstance(space, Box) else "iu"):
        return np.zeros(len(actions), bool)
    if isinstance(space, Discrete):
        return (actions >= 0) & (actions < space.size)
    if isinstance(space, MultiDiscrete):
        return ((actions >= 0) & (actions < np.asarray(space.sizes))).all(axis=1)
    single = actions.astype(np.float32)
    return ((single >= np.float32(space.low)) & (single <= np.float32(space.high))).all(axis=1)


def _describe(space: Space) -> str:
    if isinstance(space, Discrete):
        return f"one integer in 0, …, {space.size - 1}"
    if isinstance(space, MultiDiscrete):
        return f"{len(space.sizes)} integers, at least 0 and below {', '.join(map(str, space.sizes))}"
    return f"{space.size} numbers in [{space.low:g}, {space.high:g}]"
