"""Figures of an economy with firms: bars by fixed rate, outcomes with lines, firms over an episode.

Expected values by hand; the tables are tiny and invented.
"""

import matplotlib
import numpy as np
import polars as pl
import pytest

from fisc.analysis.summary import summarize_frames
from fisc.plots import style
from fisc.plots.figures import draw_all
from fisc.plots.firms import draw_firms, tabulate_firms
from fisc.plots.fixed_taxes import draw_fixed_taxes, tabulate_fixed_taxes
from fisc.plots.learning import draw_learning, newcomers
from fisc.plots.outcomes import draw_outcomes
from fisc.plots.wording import verdict
from fisc.records.errors import RecordError

OBJECTIVE = "total_welfare"
ARMS = {"free_market": 0.0, "flat_40": 0.4, "flat_20": 0.2, "planner": 0.1}
ABOUT = {"scenario": "x", "objective": OBJECTIVE, "money": "dollars"}


def evaluation(arms=tuple(ARMS), seeds=2, collapsed=()) -> pl.DataFrame:
    """Welfare is 3000 - 1000 * rate + 10 * seed, and 3300 with the learned rate; prices make consumption fall."""
    rows = []
    for arm in arms:
        for seed in range(seeds):
            rate = ARMS[arm]
            welfare = (3300.0 if arm == "planner" else 3000 - 1000 * rate) + 10 * seed
            price = 2000 + 100 * rate + 50 * seed
            numbers = {
                OBJECTIVE: welfare, "utility": 0.5 + rate, "profit": 1e5 * (1 - rate), "price": price,
                "goods_consumed": 60 - 0.02 * price, "wage": 9 + rate + seed, "labor": 300 + 10 * (rate + seed),
                "income_tax_rate": rate, "corporate_tax_rate": rate, "collapsed": float((arm, seed) in collapsed),
            }  # fmt: skip
            rows += [(arm, seed, name, value) for name, value in numbers.items()]
    return pl.DataFrame(rows, ["arm", "seed", "metric", "value"], orient="row")


def firms(arms=("flat_20", "planner"), seeds=2) -> pl.DataFrame:
    """Three firms in two quarters: the price is 100 * firm + quarter, the last firm has the least labor exponent."""
    exponents = (0.8, 0.6, 0.2)
    rows = [
        (arm, seed, firm, quarter, name, value)
        for arm in arms
        for seed in range(seeds)
        for firm in range(3)
        for quarter in range(2)
        for name, value in (("price", 100.0 * firm + quarter), ("labor_exponent", exponents[firm]), ("wage", 0.0))
    ]
    return pl.DataFrame(rows, ["arm", "seed", "firm", "quarter", "metric", "value"], orient="row")


def words(figure) -> str:
    """All text of a figure, drawn, one line each."""
    figure.draw_without_rendering()
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_visible())


def test_fixed_taxes_have_a_bar_for_each_rate_in_order_and_the_learned_one_apart():
    """By hand: mean welfare 3005, 2805, 2605 and 3305; the learned one is 10 % above the best fixed."""
    figure, table = draw_fixed_taxes(evaluation(), OBJECTIVE, "dollars")
    welfare = table.filter(metric=OBJECTIVE)
    assert welfare["arm"].to_list() == ["free_market", "flat_20", "flat_40", "planner"]
    assert welfare["rate"].to_list() == [0.0, 0.2, 0.4, None]
    assert welfare["mean"].to_list() == pytest.approx([3005, 2805, 2605, 3305])
    assert welfare.select("low", "high", "seeds").row(3) == (3300, 3310, 2)
    heights = [bar.get_height() for bar in figure.axes[2].patches]
    assert heights == pytest.approx(welfare["mean"].to_list())
    gaps = np.diff([bar.get_x() for bar in figure.axes[2].patches])
    assert gaps[-1] > gaps[0]
    text = words(figure)
    assert "learned 10.0% above best fixed" in text
    assert "learned, by a government (mean over seeds): 10.0% on income, 10.0% on profit" in text
    assert "learned 0.30 below best fixed" in text, "utility has no zero to take percents of"
    assert all(f"\n{tick}\n" in text for tick in ("0%", "20%", "40%", "learned"))


def test_rates_that_were_found_have_a_bar_and_a_line_of_their_own():
    """By hand: 5 % found, and a welfare of 2,955, 1.7 % below the best fixed of 3,005."""
    found = evaluation(("flat_20",)).with_columns(pl.lit("laboratories").alias("arm"))
    better = pl.when(pl.col("metric") == OBJECTIVE).then(pl.col("value") + 150).otherwise("value")
    figure, table = draw_fixed_taxes(pl.concat([evaluation(), found.with_columns(better.alias("value"))]), OBJECTIVE)
    assert table.filter(metric=OBJECTIVE)["arm"].to_list()[-2:] == ["laboratories", "planner"]
    text = words(figure)
    assert "found 1.7% below best fixed\nlearned 10.0% above best fixed" in text
    assert "found, by trying versions side by side: 20.0% on income" in text
    colors = [bar.get_facecolor() for bar in figure.axes[2].patches]
    assert len(set(colors)) == 3, "fixed rates look alike, and each way of learning has its own"


def test_one_fixed_rate_is_nothing_to_compare():
    """Contract."""
    with pytest.raises(RecordError, match="fewer than two fixed rates"):
        tabulate_fixed_taxes(evaluation(("flat_20", "planner")), OBJECTIVE)


@pytest.mark.filterwarnings("error")
def test_an_arm_that_diverged_and_a_missing_government_are_drawn_without_a_bar():
    """Contract: one seed, no learned arm, one number that is not finite."""
    frame = evaluation(("free_market", "flat_20"), seeds=1)
    frame = frame.with_columns(pl.when(pl.col("arm") == "flat_20").then(float("nan")).otherwise("value").alias("value"))
    figure, _ = draw_fixed_taxes(frame, OBJECTIVE)
    assert [len(axes.patches) for axes in figure.axes] == [1, 1, 1] and "not\nfinite" in words(figure)


def test_outcomes_have_a_marker_per_run_and_say_what_their_line_shows():
    """By hand: eight runs; consumption is linear in the price and falls, so that r² is 1."""
    figure, table = draw_outcomes(evaluation(), OBJECTIVE, "dollars")
    assert table.height == 8 and len(figure.axes) == 4
    for axes in figure.axes:
        assert sum(len(group.get_offsets()) for group in axes.collections) == 8
    text = words(figure)
    assert "Consumption falls with the price" in text and "as expected, r² 1.00" in text
    assert "Hours rise with the wage" in text and "Mean price (dollars per unit)" in text


def test_firms_are_those_of_the_learned_arm_ordered_by_their_labor_exponent():
    """By hand: firm 2 has the least exponent and comes first; its prices are 200 and 201."""
    figure, table = draw_firms(firms(), "dollars")
    assert set(table["arm"]) == {"planner"} and set(tabulate_firms(firms(("flat_20",)))["arm"]) == {"flat_20"}
    first = figure.axes[0]
    figure.draw_without_rendering()
    assert [label.get_text() for label in first.get_yticklabels()] == ["2 (α 0.2)", "1 (α 0.6)", "0 (α 0.8)"]
    cells = first.collections[0].get_array()
    np.testing.assert_array_equal(np.asarray(cells).reshape(3, 2), [[200, 201], [100, 101], [0, 1]])
    assert "dollars per unit" in words(figure) and "seed 1" in words(figure)


@pytest.mark.filterwarnings("error")
def test_one_seed_fills_the_page_with_its_maps():
    """Contract: no row of maps for a single seed, and a map in which everything is zero is drawn."""
    figure, _ = draw_firms(firms(seeds=1))
    assert "seed 0" not in words(figure) and "Wage" in words(figure)


def test_a_run_with_firms_misses_neither_the_frontier_nor_gains(tmp_path, make_run, monkeypatch):
    """Contract: what the learned arm alone cannot show is left out in silence; what is special to firms is drawn."""
    monkeypatch.setattr(style.Figure, "savefig", lambda *_, **__: None)
    folder = make_run(without=("groups", "metrics"), about={"objective": OBJECTIVE, "money": "dollars"})
    people = pl.DataFrame({"arm": ["planner"], "seed": [0], "group": [0], "metric": ["labor_disutility"]})
    folder.write_table("groups", people.with_columns(value=pl.lit(0.01)))
    folder.write_table("firms", firms())
    folder.write_table("evaluation", evaluation(("planner",)))
    said = []
    assert "firms" in {path.stem for path in draw_all(folder, say=said.append)}
    assert [line.split("'")[1] for line in said] == ["rates", "learning"]


def test_the_verdict_tells_collapse_by_arm_and_what_goes_together():
    """By hand: one of two seeds of one arm in four; consumption falls with the price."""
    frame = evaluation(collapsed=(("flat_40", 1),))
    text = " ".join(verdict(summarize_frames(frame, None, ABOUT)))
    assert "in 1 of 8 runs: Flat 40% 1 of 2; no other arm did." in text
    assert "Over 8 runs (arms and seeds): consumption falls with the price (as expected, r² 1.00)" in text
    summary = summarize_frames(evaluation(), None, ABOUT)
    assert "No economy collapsed" in " ".join(verdict(summary))
    assert summary["arms"]["planner"]["collapsed"]["values"] == [0.0, 0.0]


def test_the_verdict_counts_the_economies_in_which_a_dearer_good_sells_less():
    """By hand: prices of firms are 100 * firm; sales fall with them in seed 0, rise in seed 1; one wage."""
    rows = [
        ("planner", seed, firm, 2, name, value)
        for seed in range(2)
        for firm in range(3)
        for name, value in (("price", 100.0 * firm), ("goods_consumed", firm * (-1.0) ** (seed + 1)), ("wage", 0.0))
    ]
    frame = pl.DataFrame(rows, firms().columns, orient="row")
    said = verdict(summarize_frames(evaluation(), None, ABOUT, firms=frame))
    shown = [sentence for sentence in said if sentence.startswith("Within an economy, firm by firm")]
    assert [sentence.split(", ")[2] for sentence in shown] == [
        "a dearer good sells less at home: Learned planner 1 of 2."
    ]


def test_the_verdict_holds_the_learned_taxes_against_the_best_fixed_rate():
    """By hand: 3305 against 2805, the best rate above zero, beside the free market."""
    text = " ".join(verdict(summarize_frames(evaluation(), None, ABOUT)))
    assert "Against a flat tax of 20%, the learned planner scores higher by 500" in text


def training(*first_learns: tuple[str, int]) -> pl.DataFrame:
    """Forty updates in four phases of ten; a role learns from an update on."""
    rows = []
    for update in range(40):
        about = ("r", "planner", 0, f"phase {1 + update // 10}", update, update * 80)
        rows += [(*about, role, None, "knob/learning", float(update >= begin)) for role, begin in first_learns]
        rows += [(*about, "economy", None, name, value) for name, value in (("profit", 1.0), ("income_tax_rate", 0.2))]
    columns = ["run", "arm", "seed", "phase", "update", "env_steps", "role", "period", "metric", "value"]
    return pl.DataFrame(rows, columns, orient="row", infer_schema_length=None)


def test_learning_says_who_begins_to_learn_in_a_phase_and_shows_rates_in_percent():
    """By hand: firms from update 10, the government from 20 on; in the fourth phase nobody joins."""
    metrics = training(("consumer", 0), ("firm", 10), ("government", 20))
    assert newcomers(metrics) == {"phase 2": ["firm"], "phase 3": ["government"]}
    figure, _ = draw_learning(metrics, OBJECTIVE, "dollars")
    text = words(figure)
    assert "phase 2: firm starts to learn" in text and "20%" in text
