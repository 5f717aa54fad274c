"""What retraining gained: differences, ratios and intervals, by hand."""

import numpy as np
import polars as pl
import pytest

from fisc.analysis.best_response import ratio_interval, summarize_gain
from fisc.records.schema import check_rows

INFO = {"role": "citizen", "agent": None, "start": "trained"}
REWARDS = {"untrained": (0.0, 2.0), "trained": (10.0, 14.0), "retrained": (11.0, 14.0)}


def frame(rewards=REWARDS, agent=None, episodes=2):
    """Rewards by seed, one apart in two episodes; the planner earns a tenth."""
    rows = [
        (profile, seed, episode, role, number, share * (value + episode))
        for profile, values in rewards.items()
        for seed, value in enumerate(values)
        for episode in range(episodes)
        for role, number, share in {("citizen", None, 1.0), ("citizen", agent, 1.0), ("planner", None, 0.1)}
    ]
    columns = ["profile", "seed", "episode", "role", "agent", "reward"]
    return check_rows(pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None), "best_response")


def test_gain_is_taken_seed_by_seed():
    # By hand: gains 1 and 0 of 10 and 12 gained in training: 0.5 / 11; the planner's tenth of it.
    found = summarize_gain(frame(), INFO)
    assert found["over"] == "seeds"
    assert found["gain"]["values"] == [1.0, 0.0] and found["gain"]["mean"] == 0.5
    assert found["gained_in_training"]["values"] == [10.0, 12.0]
    assert found["relative"]["mean"] == pytest.approx(0.5 / 11)
    assert (found["relative"]["low"], found["relative"]["high"]) == pytest.approx((0.0, 0.1))
    assert found["relative_to_before"]["mean"] == pytest.approx(0.5 / 12.5)
    assert found["others"]["planner"]["mean"] == pytest.approx(0.05)
    assert found["rewards"]["trained"]["mean"] == 12.5
    assert list(found["others"]) == ["planner"]


def test_from_the_untrained_the_gain_is_over_them():
    # By hand: 11 - 0 and 14 - 2.
    found = summarize_gain(frame(), INFO | {"start": "untrained"})
    assert found["gain"]["values"] == [11.0, 12.0]


def test_a_gain_is_also_in_units_of_the_size_of_the_reward_before():
    """By hand: from -10 and -14 (and half more for the second episode) a gain of 1 and 0 is 0.5 of 11.5."""
    rewards = {"untrained": (0.0, 2.0), "trained": (-10.0, -14.0), "retrained": (-9.0, -14.0)}
    found = summarize_gain(frame(rewards), INFO)
    assert found["relative"]["mean"] is None, "training gained nothing"
    assert found["relative_to_before"]["mean"] == pytest.approx(0.5 / 11.5)


def test_with_one_seed_the_interval_is_over_episodes():
    # By hand: the same gain in both episodes has an interval without width.
    found = summarize_gain(frame().filter(pl.col("seed") == 0), INFO)
    assert (found["over"], found["seeds"]) == ("episodes", [0])
    assert found["gain"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "values": [1.0, 1.0]}
    once = summarize_gain(frame(episodes=1).filter(pl.col("seed") == 0), INFO)
    assert (once["gain"]["low"], once["relative"]["low"]) == (None, None)


def test_of_one_agent_the_others_are_its_own_role_too():
    found = summarize_gain(frame(agent=3), INFO | {"agent": 3})
    assert set(found["others"]) == {"citizen", "planner"}
    assert found["gain"]["values"] == [1.0, 0.0]


def test_a_gain_has_no_unit_where_training_gained_nothing():
    # By hand: a mean of -1 is no unit; one of 1 that may be -3 is one without an interval.
    gains = np.array([1.0, 1.0])
    assert ratio_interval(gains, np.array([-3.0, 1.0])) == {"mean": None, "low": None, "high": None}
    assert ratio_interval(gains, np.array([-3.0, 5.0])) == {"mean": 1.0, "low": None, "high": None}
