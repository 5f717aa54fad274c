"""The comparison itself, without the reference program. Kind: derived by hand."""

import numpy as np
import pytest

from . import gtb_tally
from .compare import Mismatch, Tally
from .gtb_series import Series


def series():
    return Series(Tally(1e-9), lambda moment: f"step {moment}")


def test_of_several_differences_the_earliest_is_reported():
    found = series()
    found.check("coin", "of all", np.array([[1.0], [2.0], [9.0]]), np.array([[1.0], [2.0], [3.0]]))
    found.check("labor", "of all", np.array([0.0, 1.0, 2.0]), np.array([0.0, 7.0, 2.0]))
    found.check_rows("orders", "open", np.array([[2, 5]]), [np.zeros((0, 1), int)] * 2 + [np.array([[6]])])
    with pytest.raises(Mismatch, match="step 1: labor of all"):
        found.finish()


def test_a_difference_in_some_moments_is_reported_at_the_right_one():
    found = series()
    found.check("tax", "paid", np.array([1.0, 2.0]), np.array([1.0, 3.0]), moments=[5, 10])
    with pytest.raises(Mismatch, match="step 10: tax paid"):
        found.finish()


@pytest.mark.parametrize(
    "ours, theirs, what",
    [
        (np.array([np.nan]), np.array([np.nan]), "coin of all"),
        (np.zeros((2, 3)), np.zeros((2, 4)), "shape"),
        ({"a": np.zeros(2)}, {"b": np.zeros(2)}, "keys"),
        (np.array([1.0 + 3e-9]), np.array([1.0]), "coin of all"),
    ],
)
def test_what_does_not_agree(ours, theirs, what):
    found = series()
    found.check("coin", "of all", ours, theirs)
    with pytest.raises(Mismatch, match=what):
        found.finish()


def test_what_agrees_is_counted():
    found = series()
    found.check("coin", "of all", {"a": np.ones((2, 3))}, {"a": np.ones((2, 3)) + 5e-10})
    found.check_rows("orders", "open", np.array([[1, 4, 2], [0, 3, 1]]), [np.array([[3, 1]]), np.array([[4, 2]])])
    found.finish()
    assert found.tally.by_kind == {"coin": 6, "orders": 4}


def test_a_tally_is_summed_up_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    lines = "a.yaml: 2 episodes, 1,200 steps, 3,000 values, 0 mismatches (9 map)\n"
    lines += "b.yaml: 0 steps, 0 values, 1 mismatches: episode 0, step 3: citizen labor"
    assert gtb_tally.total(lines) == "total: 2 configurations, 1,200 steps, 3,000 values, 1 mismatches"
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.yaml").write_text("")
    monkeypatch.setattr(gtb_tally, "FOLDER", tmp_path)
    played = []

    def count(path, steps, seed):
        played.append(path.stem)
        return f"{path.name}: 1 episodes, 800 steps, 1,000 values, 0 mismatches (9 map)"

    monkeypatch.setattr(gtb_tally, "count", count)
    (tmp_path / "tally.txt").write_text(lines + "\ntotal: something old\n")
    assert gtb_tally.main(["--into", str(tmp_path / "tally.txt")]) == 1
    assert played == ["c"]
    assert (tmp_path / "tally.txt").read_text().splitlines()[-1] == capsys.readouterr().out.splitlines()[-1]
    assert "3 configurations, 2,000 steps, 4,000 values" in (tmp_path / "tally.txt").read_text()
