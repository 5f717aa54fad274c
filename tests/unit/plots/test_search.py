"""The figure of a search."""

import polars as pl
import pytest

from fisc.plots.search import draw_search, tabulate_search
from fisc.records.errors import RecordError


def course(seeds=2, blocks=3) -> pl.DataFrame:
    """Two rates that rise and fall by 10 points a block, the second seed's 2 points higher; welfare 100 times block."""
    rows = []
    for seed in range(seeds):
        for block in range(blocks):
            at = (seed, 10 * (block + 1))
            rows += [(*at, None, "welfare", 100.0 * block + seed), (*at, "from 9", "slope", 5.0)]
            rows += [(*at, "from 0", "rate", 0.1 * block + 0.02 * seed), (*at, "from 9", "rate", 0.5 - 0.1 * block)]
    return pl.DataFrame(rows, schema=["seed", "update", "rate_of", "metric", "value"], orient="row")


def test_means_and_ranges_over_seeds_are_drawn_rate_by_rate():
    """By hand: after the second block 10 and 12 % from 0, 40 % from 9, and a welfare of 100 and 101."""
    figure, table = draw_search(course(), "equality_times_productivity")
    second = table.filter(pl.col("update") == 20)
    assert second.select("metric", "rate_of", "mean", "low", "high", "seeds").rows() == [
        ("rate", "from 0", pytest.approx(0.11), pytest.approx(0.1), pytest.approx(0.12), 2),
        ("rate", "from 9", pytest.approx(0.4), pytest.approx(0.4), pytest.approx(0.4), 2),
        ("welfare", None, 100.5, 100.0, 101.0, 2),
    ]
    rates, welfare = figure.axes
    assert [line.get_ydata().tolist() for line in rates.lines] == [
        pytest.approx([0.01, 0.11, 0.21]),
        pytest.approx([0.5, 0.4, 0.3]),
    ]
    assert len(welfare.lines) == 1 and len(rates.collections) == 2 and len(welfare.collections) == 1
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"from 0", "from 9"}


def test_every_version_is_a_thin_line_through_its_mean_over_seeds():
    """By hand: two versions of two seeds, 1 apart, beside their average."""
    rows = [
        (seed, update, f"version {v}", "version", 10.0 * v + update + seed)
        for seed in range(2)
        for update in (10, 20, 30)
        for v in range(2)
    ]
    versions = pl.DataFrame(rows, schema=["seed", "update", "rate_of", "metric", "value"], orient="row")
    figure, _ = draw_search(pl.concat([course(), versions]), "utilitarian")
    lines = [line.get_ydata().tolist() for line in figure.axes[1].lines]
    assert lines == [[10.5, 20.5, 30.5], [20.5, 30.5, 40.5], [0.5, 100.5, 200.5]]
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"from 0", "from 9"}


def test_one_block_of_one_seed_is_a_dot_without_a_band():
    """Contract: something is seen."""
    figure, _ = draw_search(course(seeds=1, blocks=1), "utilitarian")
    assert all(line.get_marker() == "o" for axes in figure.axes for line in axes.lines)
    assert not any(axes.collections for axes in figure.axes)


def test_without_rates_there_is_nothing_to_draw():
    """Contract."""
    with pytest.raises(RecordError, match="no finite rate: the search has not begun"):
        tabulate_search(course().filter(pl.col("metric") != "rate"))


def test_brackets_are_in_order_whatever_the_order_of_the_rows():
    """Contract: colors and legend go from the lowest bracket to the highest."""
    figure, _ = draw_search(course().with_columns(pl.col("rate_of").replace({"from 0": "from 84.2"})), "utilitarian")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["from 9", "from 84.2"]
