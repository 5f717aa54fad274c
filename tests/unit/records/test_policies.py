"""The file of trained policies. Kind: round trips and refusals."""

import zipfile

import numpy as np
import pytest

from fisc.records.errors import RecordError
from fisc.records.policies import REQUIRED, SCHEMA, read_policies, write_policies

ARRAYS = [np.arange(6, dtype=np.float16).reshape(2, 3), np.float32(1.5), np.zeros((0, 2), np.int8)]
ABOUT = dict.fromkeys(REQUIRED) | {"arm": "planner", "rates_given": [0.1]}


@pytest.fixture
def path(tmp_path):
    return write_policies(tmp_path / "some.policies", ABOUT, ARRAYS)


def test_card_and_arrays_come_back_as_they_were(path):
    card, arrays = read_policies(path)
    assert {name: card[name] for name in ABOUT} == ABOUT
    assert [(a.dtype, a.shape) for a in arrays] == [(np.asarray(a).dtype, np.shape(a)) for a in ARRAYS]
    assert all(np.array_equal(a, b) for a, b in zip(arrays, ARRAYS, strict=True))


def test_equal_content_makes_equal_files(path, tmp_path):
    # Property: no time of today is in it.
    assert write_policies(tmp_path / "again.policies", ABOUT, ARRAYS).read_bytes() == path.read_bytes()


def test_wherever_a_byte_is_changed_the_file_is_refused_or_says_the_same(path):
    # Property: every byte in turn. Some do not count, such as the date of an entry.
    whole, (card, arrays) = path.read_bytes(), read_policies(path)
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            again = read_policies(path)
        except RecordError:
            refused += 1
        else:
            assert again[0] == card and all(map(np.array_equal, again[1], arrays)), place
    assert refused > len(whole) / 2


def test_what_is_no_file_of_policies_is_refused(path, tmp_path):
    with pytest.raises(RecordError, match="check the path, or make one with"):
        read_policies(tmp_path / "none.policies")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(RecordError, match="damaged"):
        read_policies(path)
    for content in ("[]", "{}"):
        with zipfile.ZipFile(tmp_path / "foreign.policies", "w") as file:
            file.writestr("card.json", content)
        with pytest.raises(RecordError, match="is no file of policies"):
            read_policies(tmp_path / "foreign.policies")
    with pytest.raises(RecordError, match="is no file of policies"):
        read_policies(write_policies(tmp_path / "short.policies", {"arm": "planner"}, []))


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(RecordError, match=r"ends in \.policies"):
        write_policies(tmp_path / "some.npz", ABOUT, [])
    with pytest.raises(RecordError, match="as JSON"):
        write_policies(tmp_path / "some.policies", ABOUT | {"rates_given": [float("nan")]}, [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number, told", [(SCHEMA + 1, "a later version of fisc"), (SCHEMA - 1, "an earlier version")])
def test_a_file_of_another_version_is_refused(number, told, tmp_path):
    path = write_policies(tmp_path / "other.policies", {"schema": number}, [])
    with pytest.raises(RecordError, match=told):
        read_policies(path)
