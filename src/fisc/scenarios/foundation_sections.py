"""The training sections of a configuration of the reference program, read strictly. No jax here.

They are those of its training script: `general`, `trainer`, `agent_policy` and `planner_policy`, the last three in
RLlib's terms. What fisc reads has to be right; what has no consequence here is passed over; and everything else that is
set is named by `left_over`, so that nothing is dropped without a word.
"""

import difflib
import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from fisc.core.errors import ConfigError

ANY = math.inf
TINY = 1e-12
WHOLE = {
    "episodes": 1,
    "num_workers": 0,
    "num_envs_per_worker": 1,
    "train_batch_size": 1,
    "sgd_minibatch_size": 1,
    "num_sgd_iter": 1,
    "max_seq_len": 1,
    "fc_dim": 1,
    "num_fc": 1,
    "num_conv": 0,
    "lstm_cell_size": 0,
}
"""Whole numbers, and the least they can be."""
NUMBERS = {
    "lr": (TINY, ANY),
    "gamma": (0.0, 1.0),
    "lambda": (0.0, 1.0),
    "clip_param": (TINY, ANY),
    "entropy_coeff": (0.0, ANY),
    "grad_clip": (TINY, ANY),
}
"""Numbers and what they lie between, both ends included."""
SCHEDULES = ("lr_schedule", "entropy_coeff_schedule")
"""Lists of [environment steps, value]."""
POLICY = (*NUMBERS, *SCHEDULES, "model")
READ: dict[str, tuple[str, ...]] = {
    "general": ("episodes", "train_planner", "restore_tf_weights_agents", "restore_tf_weights_planner"),
    "trainer": (
        *("num_workers", "num_envs_per_worker", "train_batch_size", "sgd_minibatch_size", "num_sgd_iter"),
        "shuffle_sequences",
    ),
    "agent_policy": POLICY,
    "planner_policy": POLICY,
}
"""What fisc reads of each section."""
MODEL = ("custom_model", "max_seq_len", "custom_model_config", "custom_options")
NETWORK = ("fc_dim", "num_fc", "num_conv", "lstm_cell_size")
"""What fisc reads of a network's own options: custom_model_config or, in older files, custom_options."""
OF_THE_MACHINE = (
    *("ckpt_frequency_steps", "cpus", "gpus", "num_gpus", "num_gpus_per_worker", "num_cpus_per_worker"),
    *("num_cpus_for_driver", "local_tf_session_args", "tf_session_args", "metrics_smoothing_episodes", "multiagent"),
    *("seed", "rollout_fragment_length", "kl_target", "idx_emb_dim", "input_emb_vocab"),
)
"""What says how the reference program is run, follows from the rest, or matters with something else alone."""
OTHERWISE_HERE = ("vf_clip_param", "vf_loss_coeff")
"""What the reference's users set and fisc does otherwise."""
AS_HERE = {
    "use_gae": True,
    "vf_share_layers": False,
    "kl_coeff": 0.0,
    "observation_filter": "NoFilter",
    "batch_mode": "truncate_episodes",
    "no_done_at_end": False,
}
"""Values that say what fisc does anyway."""
PUBLISHED = "keras_conv_lstm"
"""The name of the published network; another is "random", for a planner that does not learn."""


def check(training: Mapping[str, Mapping[str, Any]]) -> None:
    """Check everything that is read.

    Raises:
        ConfigError: a value that cannot be, or a key that is nearly, but not quite, one that is read.
    """
    for section, given in training.items():
        for where, key, value, known in _settings(section, given):
            if key in known:
                _check_value(f"{where}.{key}", key, value)
            elif key not in (*OF_THE_MACHINE, *OTHERWISE_HERE, *AS_HERE):
                close = difflib.get_close_matches(str(key), known, n=1, cutoff=0.85)
                if close:
                    raise ConfigError(f"unknown key '{key}' in {where}: did you mean '{close[0]}'?")


def network_of(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a policy's network, by either name; empty if nothing is said."""
    model = policy.get("model") or {}
    return dict(model.get("custom_model_config") or model.get("custom_options") or {})


def left_over(section: str, given: Mapping[str, Any]) -> list[str]:
    """What a section sets that has a consequence there and none here."""
    return [
        f"{where}.{key}".removeprefix(f"{section}.")
        for where, key, value, known in _settings(section, given)
        if key not in known and key not in OF_THE_MACHINE and value is not None and AS_HERE.get(key, ...) != value
    ]


def _settings(section: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str, Any, tuple[str, ...]]]:
    """(where, key, value, what is read there) of everything that a section sets, also inside its network."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"section {section} is {given!r}: expected {{key: value}}")
    known = READ[section]
    yield from ((section, key, value, known) for key, value in given.items())
    model = given.get("model") if "model" in known else None
    if model is None:
        return
    if not isinstance(model, Mapping):
        raise ConfigError(f"{section}.model is {model!r}: expected {{key: value}}")
    yield from ((f"{section}.model", key, value, MODEL) for key, value in model.items())
    if model.get("custom_model_config") and model.get("custom_options"):
        raise ConfigError(f"{section}.model has custom_model_config and custom_options: give one of them")
    for name in ("custom_model_config", "custom_options"):
        options = model.get(name) or {}
        if not isinstance(options, Mapping):
            raise ConfigError(f"{section}.model.{name} is {options!r}: expected {{key: value}}")
        yield from ((f"{section}.model.{name}", key, value, NETWORK) for key, value in options.items())


def _check_value(where: str, key: str, value: Any) -> None:
    if value is None:
        return
    if key in WHOLE and not (_is_number(value) and value == int(value) and value >= WHOLE[key]):
        raise ConfigError(f"{where} is {value!r}: expected a whole number of at least {WHOLE[key]}")
    if key in NUMBERS:
        low, high = NUMBERS[key]
        if not (_is_number(value) and low <= value <= high):
            span = f"from {low:g} to {high:g}" if high < ANY else "above 0" if low else "of at least 0"
            raise ConfigError(f"{where} is {value!r}: expected a number {span}")
    if key in SCHEDULES:
        _check_schedule(where, value)
    if key in ("train_planner", "shuffle_sequences") and value not in (True, False):
        raise ConfigError(f"{where} is {value!r}: expected true or false")


def _check_schedule(where: str, value: Any) -> None:
    points = value if isinstance(value, list | tuple) else ()
    are_pairs = all(isinstance(point, list | tuple) and len(point) == 2 for point in points)
    are_numbers = are_pairs and all(_is_number(number) and number >= 0 for point in points for number in point)
    is_in_order = are_numbers and all(a[0] < b[0] for a, b in pairwise(points))
    has_start = is_in_order and bool(points) and (points[0][1] > 0 or not where.endswith("lr_schedule"))
    if not has_start:
        form = "[[environment steps, value], …], steps rising, no value below 0, no rate of 0 to begin with"
        raise ConfigError(f"{where} is {value!r}: expected {form}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
