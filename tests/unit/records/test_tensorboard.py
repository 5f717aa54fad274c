"""TensorBoard's files hold what the run folder holds. The files are read back by hand, by their published framing."""

import struct

import polars as pl
import pytest

from fisc.records.errors import RecordError
from fisc.records.tensorboard import EventWriter, export

from .learned import learn, make_run, rows


def read_back(folder):
    """All (tag, step, value) of the event files of a folder.

    A record is its length (8 bytes), a checksum (4), an event as a protocol buffer, and a checksum (4).
    """
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
            at += 12 + length + 4
    return found


@pytest.fixture
def run(tmp_path):
    """An empty run folder."""
    return make_run(tmp_path / "run")


def test_every_row_is_a_point_of_its_arms_curve(run, tmp_path):
    # By hand: two updates of one arm and seed, one of another seed, one of a role, and the common start.
    parts = [
        rows("saez", [1, 2]),
        rows("saez", [3], seed=4),
        rows("saez", [2], role="citizen", metric="entropy"),
        rows("free_market", [1], group="common"),
        rows("dir/mine.py:make", [1], group="mine_make_0123"),
    ]
    run.write_table("metrics", pl.concat(parts))
    assert export(run, tmp_path / "tb") == 6
    first = read_back(tmp_path / "tb" / "saez" / "seed-0")
    assert sorted(first) == [("citizen/entropy", 20, 1.0), ("economy/welfare", 10, 0.5), ("economy/welfare", 20, 1.0)]
    assert read_back(tmp_path / "tb" / "saez" / "seed-4") == [("economy/welfare", 30, 1.5)]
    assert {path.name for path in (tmp_path / "tb").iterdir()} == {"saez", "common", "mine_make_0123"}


def test_a_run_that_goes_on_is_written_bit_by_bit_and_nothing_twice(run, tmp_path):
    # Property: what is written in parts, with a restart in between, is what is written at once.
    with EventWriter(run, tmp_path / "tb") as writer:
        for last in (2, 4):
            learn(run, "fixed", rows("saez", range(1, last + 1)))
            assert writer.update() == 2
        assert writer.update() == 0
    assert [step for _, step, _ in read_back(tmp_path / "tb" / "saez" / "seed-0")] == [10, 20, 30, 40]
    assert export(run, tmp_path / "tb") == 4
    assert [step for _, step, _ in read_back(tmp_path / "tb" / "saez" / "seed-0")] == [10, 20, 30, 40]


def test_a_run_without_curves_is_refused(run, tmp_path):
    # Contract: one line that says why; nothing is written.
    with pytest.raises(RecordError, match="nothing in it has learned yet"):
        learn(run, "fixed", rows("saez", []).cast({"value": pl.Float64}))
        export(run, tmp_path / "tb")
    assert not (tmp_path / "tb").exists()
