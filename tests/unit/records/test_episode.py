"""The file of an episode: what goes in comes out, and damage of any kind is told in one line."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from fisc.records.episode import SCHEMA, Episode, fingerprint, read_episode, write_episode
from fisc.records.episode_map import AXES, citizen_name, read_map
from fisc.records.errors import RecordError

from .village import PATH


@pytest.fixture(scope="module")
def village():
    return read_episode(PATH)


def rewrite(source, target, changes):
    """Copy an episode file with some entries replaced (None: left out), as an editor would."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = changes.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def edited_header(**changes):
    with zipfile.ZipFile(PATH) as file:
        return json.dumps({**json.loads(file.read("header.json")), **changes})


def test_what_is_written_is_read(village, tmp_path):
    # Property: a round trip changes nothing, and equal episodes are equal files.
    first = write_episode(tmp_path / "one.npz", village)
    again = read_episode(first)
    assert again.header == village.header
    assert all(np.array_equal(array, again.arrays[name]) for name, array in village.arrays.items())
    assert write_episode(tmp_path / "two.npz", again).read_bytes() == first.read_bytes()


def test_a_file_of_schema_1_stays_readable(village):
    # Golden: the stored file was written when the schema began; numpy alone opens it, too.
    assert village.header["schema"] == 1 <= SCHEMA
    assert village.title == "village, taxes by a planner"
    with np.load(PATH) as plain:
        assert np.array_equal(plain["frames/coin"], village.arrays["frames/coin"])


def test_a_cut_or_foreign_file_is_refused(tmp_path):
    # Property: whatever is there in place of an episode, the answer is one line.
    broken = tmp_path / "broken.npz"
    content = PATH.read_bytes()
    for part in (content[:-100], content[:2000] + b"xx" + content[2002:], b"", b"hello"):
        broken.write_bytes(part)
        with pytest.raises(RecordError, match=r"is damaged|was changed"):
            read_episode(broken)
    np.savez(broken, a=np.zeros(3))
    with pytest.raises(RecordError, match=r"is no episode \(no header.json\)"):
        read_episode(broken)
    with pytest.raises(RecordError, match=r"no episode .*check the path"):
        read_episode(tmp_path / "nowhere.npz")
    with pytest.raises(RecordError, match="cannot be read"):
        read_episode(tmp_path)


@pytest.mark.parametrize(
    "entry, content, message",
    [
        ("header.json", edited_header(seed=4), "was changed after it was recorded"),
        ("header.json", edited_header(schema=99), "has schema 99, this fisc reads up to"),
        ("header.json", edited_header(format="zip"), "is no episode of fisc"),
        ("header.json", "[1, 2]", "is no episode of fisc"),
        ("header.json", "{", "is damaged"),
        ("header.json", json.dumps({"format": "fisc episode", "schema": 1, "steps": 3}), "does not say economy, title"),
        ("trades.npy", None, "was changed after it was recorded"),
        ("houses.npy", b"\x93NUMPY", "is damaged"),
    ],
)
def test_an_edited_file_is_refused(entry, content, message, tmp_path):
    # Property: the fingerprint covers header and arrays.
    with pytest.raises(RecordError, match=message):
        read_episode(rewrite(PATH, tmp_path / "edited.npz", {entry: content}))


def test_an_episode_needs_its_ending(village, tmp_path):
    # Closed form: the name says what is in the file.
    with pytest.raises(RecordError, match=r"ends in .npz, not town.zip: name it town.npz"):
        write_episode(tmp_path / "town.zip", village)


def test_the_fingerprint_tells_shapes_apart():
    # Property: the same bytes in another shape or type are another episode.
    zeros = np.zeros((2, 3), np.int32)
    prints = {fingerprint({}, {"a": x}) for x in (zeros, zeros.T, zeros.astype(np.float32), zeros.reshape(6))}
    assert len(prints) == 4


@pytest.mark.parametrize("name", sorted(AXES))
def test_an_array_that_is_missing_or_misshapen_is_named(village, name):
    # Property: nothing is drawn from arrays that do not fit together.
    rest = {key: array for key, array in village.arrays.items() if key != name}
    with pytest.raises(RecordError, match=f"has no {name}: record it again"):
        read_map(replace(village, arrays=rest))
    with pytest.raises(RecordError, match="of the episode has shape"):
        read_map(replace(village, arrays={**rest, name: village.arrays[name][None]}))


def test_another_economy_has_no_map(village):
    # Closed form: the economy is named in the header.
    with pytest.raises(RecordError, match="an episode of the economy 'one_step' has no map"):
        read_map(Episode({**village.header, "economy": "one_step"}, village.arrays))


def test_letters_go_round():
    # Closed form: 26 letters, then pairs.
    assert [citizen_name(i) for i in (0, 25, 26, 99)] == ["A", "Z", "A2", "V4"]


def test_escrow_is_what_the_open_orders_say(village):
    # Property: coin and units change by trade, building, gathering and taxes, never by placing or withdrawing an order.
    told = read_map(village)
    assert (told.coin_in_bids >= 0).all() and told.coin_in_bids.max() > 0
    owned = told.held + told.units_in_asks
    bought = np.zeros_like(owned)
    for step, good, _, buyer, seller in told.trades.iter_rows():
        bought[step:, told.goods.index(good), buyer] += 1
        bought[step:, told.goods.index(good), seller] -= 1
    used = np.zeros_like(owned)
    for step, _, owner in told.houses.iter_rows():
        used[step:, :, owner] += 1
    np.testing.assert_array_equal(owned, told.gathered + bought - used)
