"""The file of trained policies. Kind: round trips and refusals."""

import zipfile

import numpy as np
import pytest

from fisc.records.errors import RecordError
from fisc.records.policies import SCHEMA, read_card, read_policies, write_policies

ARRAYS = [np.arange(6, dtype=np.float16).reshape(2, 3), np.float32(1.5), np.zeros((0, 2), np.int8)]


@pytest.fixture
def path(tmp_path):
    return write_policies(tmp_path / "some.policies", {"arm": "planner", "rates": [0.1]}, ARRAYS)


def test_card_and_arrays_come_back_as_they_were(path):
    card, arrays = read_policies(path)
    assert (card["arm"], card["rates"]) == ("planner", [0.1]) and card == read_card(path)
    assert [(a.dtype, a.shape) for a in arrays] == [(np.asarray(a).dtype, np.shape(a)) for a in ARRAYS]
    assert all(np.array_equal(a, b) for a, b in zip(arrays, ARRAYS, strict=True))


def test_equal_content_makes_equal_files(path, tmp_path):
    # Property: no time of today is in it.
    again = write_policies(tmp_path / "again.policies", {"arm": "planner", "rates": [0.1]}, ARRAYS)
    assert again.read_bytes() == path.read_bytes()


def test_what_is_no_file_of_policies_is_refused(path, tmp_path):
    with pytest.raises(RecordError, match="check the path, or make one with"):
        read_card(tmp_path / "none.policies")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(RecordError, match="damaged"):
        read_card(path)
    with zipfile.ZipFile(tmp_path / "foreign.policies", "w") as file:
        file.writestr("card.json", "{}")
    with pytest.raises(RecordError, match="is no file of policies"):
        read_policies(tmp_path / "foreign.policies")
    with pytest.raises(RecordError, match=r"ends in \.policies"):
        write_policies(tmp_path / "some.npz", {}, [])


def test_a_file_of_a_later_version_is_refused(tmp_path):
    path = write_policies(tmp_path / "later.policies", {"schema": SCHEMA + 1}, [])
    with pytest.raises(RecordError, match="later version of fisc"):
        read_card(path)


def test_a_changed_array_is_found(path):
    # Property: the zip's checksums.
    content = bytearray(path.read_bytes())
    content[content.index(b"0.npy") + 150] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(RecordError):
        read_policies(path)
