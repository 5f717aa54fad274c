"""The run folder: what is written is whole, and what is broken is named. Expected values by construction."""

import errno
import json
import os

import polars as pl
import pytest

from fisc.records.errors import RecordError
from fisc.records.store import RunFolder, replace_file


def evaluation(value: float = 1.0) -> pl.DataFrame:
    return pl.DataFrame({"arm": ["saez"], "seed": [0], "metric": ["equality"], "value": [value]})


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    made = RunFolder.create(tmp_path / "deep" / "run")
    made.write_text("scenario.toml", "")
    made.write_json("provenance.json", {})
    return made


def test_a_table_comes_back_as_it_was_written(folder):
    folder.write_table("evaluation", evaluation(0.25))
    assert folder.has_table("evaluation")
    assert folder.read_table("evaluation").equals(evaluation(0.25))


def test_json_comes_back_as_it_was_written(folder):
    folder.write_json("summary.json", {"ü": [1, None, "x"]})
    assert folder.read_json("summary.json") == {"ü": [1, None, "x"]}


def test_a_new_file_is_readable_by_others_as_the_mask_allows(folder):
    mask = os.umask(0o022)
    os.umask(mask)
    assert folder.write_text("a.txt", "a").stat().st_mode & 0o777 == 0o666 & ~mask


def test_create_refuses_a_folder_with_something_in_it(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    for path, said in (
        (folder.path, "holds a run already: .*--resume.*--out"),
        (tmp_path / "mine", "is no run: .*--out"),
    ):
        with pytest.raises(RecordError, match=said):
            RunFolder.create(path)


def test_create_takes_an_empty_folder_and_refuses_a_file(tmp_path):
    (tmp_path / "empty").mkdir()
    assert RunFolder.create(tmp_path / "empty").figures.is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="is a file, expected a folder"):
        RunFolder.create(tmp_path / "file")


def test_open_names_what_is_missing(tmp_path, folder):
    assert RunFolder.open(folder.path).name == "run"
    (folder.path / "provenance.json").unlink()
    with pytest.raises(RecordError, match=r"not a run folder: provenance\.json missing"):
        RunFolder.open(folder.path)
    with pytest.raises(RecordError, match="no run folder at"):
        RunFolder.open(tmp_path / "nowhere")


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_a_write_that_is_stopped_midway_leaves_the_earlier_table(folder, monkeypatch, step, stop):
    folder.write_table("evaluation", evaluation(1.0))

    def stopped(*_):
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(os, step, stopped)
        with pytest.raises(stop):
            folder.write_table("evaluation", evaluation(2.0))
    assert folder.read_table("evaluation")["value"].to_list() == [1.0]
    assert not list(folder.path.glob(".*.tmp"))


def test_a_full_disk_is_reported_with_path_and_bytes_and_leaves_the_earlier_file(folder, monkeypatch):
    folder.write_json("summary.json", {"old": True})

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    new = {"new": "x" * 100}
    size = len(json.dumps(new, indent=2)) + 1  # and the last newline
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RecordError, match=rf"disk full.*summary\.json \({size} bytes\).*intact.*--resume"):
            folder.write_json("summary.json", new)
    assert folder.read_json("summary.json") == {"old": True}
    assert not list(folder.path.glob(".*.tmp"))


def test_a_leftover_of_a_killed_write_does_not_disturb_the_next(folder):
    leftover = folder.path / ".evaluation.parquet.1.2.tmp"
    leftover.write_bytes(b"half a table")
    folder.write_table("evaluation", evaluation(3.0))
    assert folder.read_table("evaluation")["value"].to_list() == [3.0]


@pytest.mark.parametrize("keep", [0, 4, 200])
def test_a_truncated_table_is_named_with_the_way_to_mend_it(folder, keep):
    path = folder.write_table("evaluation", evaluation())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RecordError, match=r"evaluation\.parquet is not readable as Parquet.*--resume") as caught:
        folder.read_table("evaluation")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", '{"schema": 1,', "\udcff"])
def test_truncated_json_is_named_with_the_way_to_mend_it(folder, content):
    (folder.path / "summary.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RecordError, match=r"summary\.json is not readable as JSON.*--resume"):
        folder.read_json("summary.json")


def test_an_absent_file_is_said_to_be_absent(folder):
    with pytest.raises(RecordError, match=r"groups\.parquet does not exist"):
        folder.read_table("groups")
    with pytest.raises(RecordError, match=r"summary\.json does not exist"):
        folder.read_json("summary.json")


def test_nan_is_not_written_as_json(folder):
    with pytest.raises(RecordError, match="None for NaN"):
        folder.write_json("summary.json", {"a": float("nan")})
    assert not folder.has_file("summary.json")


def test_an_unknown_table_is_refused_with_the_nearest_name(folder):
    with pytest.raises(RecordError, match="did you mean 'evaluation'"):
        folder.write_table("evalution", evaluation())


def test_a_folder_that_cannot_be_written_is_an_error_of_records(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot write"):
        replace_file(tmp_path / "file" / "below", b"x")
