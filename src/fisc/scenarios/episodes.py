"""Play an episode of an economy, write it down, and play it again.

An episode is made by its economy, its first state, one random key and the actions; everything else follows. So it is
recorded in two passes: policies play to find the actions, and then the actions are replayed by the same compiled
program that replays the file later. The key of step t is `fold_in(key, t)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.economy import Economy, Role
from fisc.core.errors import ConfigError, RunError
from fisc.core.knobs import full_knobs
from fisc.learning.rollout import play_actions
from fisc.policies.scripted import UniformRandom
from fisc.records.episode import Episode
from fisc.scenarios import build
from fisc.scenarios.kinds.chronicle import Chronicle
from fisc.scenarios.kinds.kind import Kind
from fisc.scenarios.settings import Setting

PLAYERS = ("thumb", "random")
"""Who plays where nobody was trained: citizens by rule of thumb, or everybody at random."""


@dataclass(frozen=True)
class Stage:
    """An economy with everybody who plays in it, and from what it can be made again."""

    setting: Setting
    """With a policy for every role."""
    title: str
    source: Mapping[str, Any] = field(default_factory=dict)
    """Plain data for `fisc.scenarios.sources.rebuild`; empty if the economy was made by hand."""
    players: Mapping[Role, str] = field(default_factory=dict)
    """In words, who plays each role."""


def cast(setting: Setting, title: str, source: Mapping[str, Any] | None = None, players: str = "thumb") -> Stage:
    """Give every role that has no policy one that needs no training.

    Args:
        setting: the economy, and the policies that there are.
        title: what is played, in a line.
        source: see `Stage`.
        players: one of `PLAYERS`.

    Raises:
        ConfigError: if there are no such players.
    """
    if players not in PLAYERS:
        raise ConfigError(f"no players '{players}': choose one of {', '.join(PLAYERS)}")
    economy, policies, words = setting.economy, dict(setting.policies), dict.fromkeys(setting.policies, "trained")
    kind = build.KINDS.get(economy.spec.name)
    rule = kind.untrained_citizens(economy) if kind is not None and players == "thumb" else None
    for role, entry in economy.spec.roles.items():
        if role not in policies:
            is_rule = rule is not None and role == kind.people_role
            policies[role] = rule if is_rule else UniformRandom(entry.actions)
            words[role] = "rule of thumb" if is_rule else "random"
    return Stage(Setting(economy, policies, setting.earlier), title, source or {}, words)


def record(stage: Stage, seed: int = 0) -> Episode:
    """Play one whole episode and write it down.

    Args:
        stage: from `cast`.
        seed: of everything random; the same seed gives the same episode.

    Raises:
        ConfigError: a negative seed.
    """
    if seed < 0:
        raise ConfigError(f"seed is {seed}: expected at least 0")
    setting, spec = stage.setting, stage.setting.economy.spec
    key_start, key_act, key_world = jax.random.split(jax.random.key(seed), 3)
    economy, earlier = setting.economy, setting.earlier
    start = _first(economy, key_start) if earlier is None else economy.reset(key_start, earlier)
    actions = play_actions(economy, dict(setting.policies), start, key_act, key_world)
    arrays = {
        **{f"actions/{role}": _small(action) for role, action in _by_clock(economy, actions).items()},
        **{f"start/{name}": leaf for name, leaf in _leaves(start).items()},
        "key": np.asarray(jax.random.key_data(key_world)),
        **_history(economy, start, actions, key_world),
    }
    world, fixed = _chronicle_of(economy).facts(economy, start)
    arrays |= {f"facts/{name}": array for name, array in fixed.items()}
    header = {
        "economy": spec.name,
        "title": stage.title,
        "seed": seed,
        "steps": spec.steps,
        "periods": spec.periods,
        "steps_per_period": spec.steps_per_period,
        "citizens": spec.roles[_people_role(economy)].num_agents,
        "money": spec.money,
        "players": dict(stage.players),
        "source": dict(stage.source),
        "world": world,
        "versions": _versions(),
    }
    return Episode(header, arrays)


def replay(episode: Episode, economy: Economy) -> None:
    """Play a recorded episode again and hold every state against the record, bit for bit.

    Args:
        episode: from `record`, or read from a file.
        economy: the same economy again.

    Raises:
        RunError: if the economy is another one, or at the first step that comes out differently.
    """
    spec = economy.spec
    if (spec.name, spec.steps) != (episode.header["economy"], episode.steps):
        raise RunError(
            f"the episode is of '{episode.header['economy']}' with {episode.steps} steps, not of '{spec.name}' with "
            f"{spec.steps}: give the economy it was recorded in"
        )
    start = _restored(economy, episode.group("start"))
    actions = {}
    for role, entry in spec.roles.items():
        stored = episode.group("actions").get(role)
        if stored is None:
            raise RunError(f"the episode has no actions of role '{role}': give the economy it was recorded in")
        held = spec.steps_per_period if entry.acts_each == "period" else 1
        actions[role] = jnp.asarray(np.repeat(stored, held, axis=0)).astype(_action_dtype(stored))
    key = jax.random.wrap_key_data(jnp.asarray(episode.arrays["key"]))
    again = _history(economy, start, actions, key)
    _compare(episode, again)


def _compare(episode: Episode, again: dict[str, np.ndarray]) -> None:
    """Say where a replay first differs from its record."""
    differs = np.flatnonzero(episode.arrays["digests"] != again["digests"])
    wrong = [name for name, array in again.items() if not _is_same(array, episode.arrays.get(name))]
    if not len(differs) and not wrong:
        return
    step = f"from step {differs[0]} on" if len(differs) else f"in {', '.join(sorted(wrong))}"
    made, now = episode.header.get("versions", {}), _versions()
    changed = [f"{name} {made.get(name)} then, {now[name]} now" for name in now if made.get(name) != now[name]]
    why = f"; it was recorded with other versions ({'; '.join(changed)})" if changed else ""
    raise RunError(f"the replay differs from the record {step}{why}: record the episode again to trust it")


def _is_same(one: np.ndarray, other: np.ndarray | None) -> bool:
    return (
        other is not None and one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


def _people_role(economy: Economy) -> Role:
    """Who its people are."""
    return build.KINDS.get(economy.spec.name, Kind).people_role


def _chronicle_of(economy: Economy) -> Chronicle:
    """What is told about an economy; of one made by hand, what is told by default."""
    return build.KINDS.get(economy.spec.name, Kind).chronicle


@eqx.filter_jit
def _first(economy: Economy, key):
    return economy.init(key)


def _history(economy: Economy, start, actions: dict[Role, Any], key) -> dict[str, np.ndarray]:
    """Everything that follows from start, actions and key: checksums, frames and events."""
    chronicle = _chronicle_of(economy)
    digests, frames, between = jax.device_get(_replay(economy, chronicle, start, actions, key))
    return {"digests": digests, **chronicle.tell(economy, frames, between)}


@eqx.filter_jit
def _replay(economy: Economy, chronicle: Chronicle, start, actions: dict[Role, Any], key):
    """Checksums and frames with the first state in front, and what happened between the states."""
    knobs = full_knobs()

    def step(state, inputs):
        """Go on by a recorded action with the draws that it met; what is to be told of it."""
        index, action = inputs
        draws = economy.draw(jax.random.fold_in(key, index), state)
        after = economy.transition(state, action, draws, knobs).state
        between = chronicle.between(economy, state, action, draws, knobs)
        return after, (_digest(after), chronicle.frame(economy, after), between)

    steps = jnp.arange(economy.spec.steps)
    _, (digests, frames, between) = jax.lax.scan(step, start, (steps, actions))
    first = (_digest(start), chronicle.frame(economy, start))
    digests, frames = jax.tree.map(lambda x, rest: jnp.concatenate([x[None], rest]), first, (digests, frames))
    return digests, frames, between


def _digest(state):
    """A checksum of every bit of a state: each word is mixed with its place, and the sum with the sums before it."""
    total = jnp.zeros((), jnp.uint32)
    for leaf in jax.tree.leaves(state):
        words = _words(leaf)
        place = jnp.arange(words.size, dtype=jnp.uint32)
        mixed = (words ^ (place * np.uint32(0x9E3779B9))) * np.uint32(0x85EBCA6B)
        mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(0xC2B2AE35)
        total = total * np.uint32(31) + jnp.sum(mixed ^ (mixed >> np.uint32(13)), dtype=jnp.uint32)
    return total


def _words(leaf):
    """The bits of an array as unsigned 32-bit words."""
    if leaf.dtype.itemsize >= 4:
        return jax.lax.bitcast_convert_type(leaf, jnp.uint32).reshape(-1)
    return leaf.astype(jnp.int32).astype(jnp.uint32).reshape(-1)


def _by_clock(economy: Economy, actions: dict[Role, Any]) -> dict[Role, np.ndarray]:
    """Actions on each role's own clock: one a period for those who act once a period."""
    spec = economy.spec
    strides = {role: spec.steps_per_period if e.acts_each == "period" else 1 for role, e in spec.roles.items()}
    return {role: np.asarray(action)[:: strides[role]] for role, action in actions.items()}


def _small(action: np.ndarray) -> np.ndarray:
    """Actions are small integers, or real numbers that stay as they are."""
    is_small = np.issubdtype(action.dtype, np.integer) and abs(action).max(initial=0) < np.iinfo(np.int16).max
    return action.astype(np.int16) if is_small else action


def _action_dtype(stored: np.ndarray):
    return jnp.int32 if np.issubdtype(stored.dtype, np.integer) else stored.dtype


def _leaves(state) -> dict[str, np.ndarray]:
    """The arrays of a state by their path."""
    listed, _ = jax.tree.flatten_with_path(state)
    return {_path(path): np.asarray(leaf) for path, leaf in listed}


def _path(path) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _restored(economy: Economy, stored: dict[str, np.ndarray]):
    """The state whose arrays were stored.

    Raises:
        RunError: if the economy's state has other arrays.
    """
    wanted, shape = jax.tree.flatten_with_path(eqx.filter_eval_shape(economy.init, jax.random.key(0)))
    leaves = []
    for path, leaf in wanted:
        found = stored.get(_path(path))
        if found is None or (found.shape, found.dtype) != (leaf.shape, leaf.dtype):
            had = "nothing" if found is None else f"{found.dtype}{list(found.shape)}"
            raise RunError(
                f"the episode's first state has {had} for '{_path(path)}', the economy {leaf.dtype}{list(leaf.shape)}: "
                "give the economy it was recorded in"
            )
        leaves.append(jnp.asarray(found))
    return jax.tree.unflatten(shape, leaves)


def _versions() -> dict[str, str]:
    return {"fisc": version("fisc"), "jax": jax.__version__, "platform": jax.default_backend()}
