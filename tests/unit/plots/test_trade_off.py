"""The figure of a learned frontier, and its table and sentence in the report; the frame is invented."""

import matplotlib
import polars as pl
import pytest

from fisc.analysis.summary import summarize
from fisc.plots.figures import FIGURES, draw_all
from fisc.plots.report import write_report
from fisc.plots.trade_off import draw_trade_off
from fisc.plots.wording import verdict
from fisc.records.errors import RecordError
from fisc.records.store import RunFolder

from .conftest import fill

WEIGHTS = (0.0, 0.5, 1.0)
SEEDS = (0, 1, 2)


def frontier(arms=("free_market", "planner", "optimum")) -> pl.DataFrame:
    """Three seeds: the planner has 99, 98 and 97 % of the exact welfare at the three weights."""
    rows = []
    for seed in SEEDS:
        for k, weight in enumerate(WEIGHTS):
            x, y = 1000.0 - 200 * k + seed, 0.4 + 0.15 * k
            best = x * (weight * y + 1 - weight)
            for arm in arms:
                share = {"planner": 0.99 - 0.01 * k, "free_market": 0.9}.get(arm, 1.0)
                numbers = {"productivity": x, "equality": y, "welfare": share * best}
                numbers |= {"fraction_of_optimum": share} if arm != "optimum" and "optimum" in arms else {}
                rows += [(arm, seed, weight, name, value) for name, value in numbers.items()]
    return pl.DataFrame(rows, ["arm", "seed", "weight", "metric", "value"], orient="row")


def words(figure) -> str:
    figure.draw_without_rendering()
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def test_the_learned_curve_the_exact_one_and_single_points_are_drawn():
    # By construction: two curves of three points, one arm of a single point, and the ratio below.
    figure, table = draw_trade_off(frontier(), "coin")
    upper, lower = figure.axes
    lengths = {line.get_label(): len(line.get_xdata()) for line in upper.lines}
    assert lengths == {"Free market": 1, "Learned planner": 3, "Exact frontier": 3}
    assert lower.lines[1].get_ydata().tolist() == pytest.approx([0.99, 0.98, 0.97])
    assert "Productivity (coin per person)" in words(figure)
    assert set(table["arm"]) == {"free_market", "planner", "optimum"}


def test_where_nothing_is_exact_there_is_one_panel():
    figure, _ = draw_trade_off(frontier(("free_market", "planner")), "coin")
    assert len(figure.axes) == 1
    with pytest.raises(RecordError, match="--frontier"):
        draw_trade_off(frontier(("free_market",)), "coin")


def test_a_run_with_a_frontier_shows_it_and_others_do_not_miss_it(tmp_path, tables, about, monkeypatch):
    monkeypatch.setattr("fisc.plots.figures.FIGURES", {"trade_off": FIGURES["trade_off"]})  # the others take long
    said = []
    folder = fill(RunFolder.create(tmp_path / "run"), tables, about)
    assert draw_all(folder, say=said.append) == [] and said == []
    folder.write_table("frontier", frontier())
    assert folder.figures / "trade_off.svg" in draw_all(folder, say=said.append)
    summary = summarize(folder)
    assert any("97.0% of the exact optimum" in sentence and "weight of 1" in sentence for sentence in verdict(summary))
    page = write_report(folder, summary).read_text()
    assert "One planner, every weight of equality" in page and "97.0%" in page
