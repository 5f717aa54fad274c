"""Every figure: the table behind it, what is drawn, and the labels with units.

Expected values are derived by hand in the test, or from the frames of the invented run by construction.
"""

import matplotlib
import polars as pl
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from fisc.plots import style
from fisc.plots.figures import FIGURES, draw_all
from fisc.plots.frontier import draw_frontier
from fisc.plots.gains import draw_gains
from fisc.plots.learning import draw_learning, phase_starts, tabulate_learning
from fisc.plots.rates import draw_rates
from fisc.plots.schedules import draw_schedules
from fisc.plots.welfare import draw_welfare
from fisc.records.errors import RecordError
from fisc.records.schema import ARMS, arm_label


def words(figure: Figure) -> str:
    """All text of a figure, drawn, one line each."""
    figure.draw_without_rendering()
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_visible())


def one_seed(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("seed") == 0)


def test_schedules_have_one_panel_per_arm_with_cutoffs_as_tick_labels(tables):
    figure, table = draw_schedules(tables["schedules"], "coin")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        arm_label(arm) for arm in table["arm"].unique(maintain_order=True)
    ]
    figure.draw_without_rendering()
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert ticks == ["0", "97", "395", "842", "1.61k", "2.04k", "5.1k"]
    assert "Income bracket, from (coin)" in words(figure)
    assert "Marginal tax rate (percent)" in words(figure)


def only_rates(arm: str, base: str, *rates: float) -> pl.DataFrame:
    """Schedules of one bracket, a rate for each seed."""
    rows = [(arm, seed, base, 0, 0.0, rate) for seed, rate in enumerate(rates)]
    return pl.DataFrame(rows, ["arm", "seed", "base", "bracket", "cutoff", "rate"], orient="row")


def test_the_table_of_schedules_has_mean_and_extremes_over_seeds():
    # By hand: 0.2, 0.3 and 0.7 have mean 0.4.
    row = draw_schedules(only_rates("saez", "income", 0.7, 0.2, 0.3))[1].row(0, named=True)
    assert row["mean"] == pytest.approx(0.4)
    assert (row["low"], row["high"], row["seeds"]) == (0.2, 0.7, 3)


def test_where_there_is_one_rate_each_a_panel_per_tax_base_has_a_row_per_arm():
    # By construction: what is written beside the marker is the mean over seeds.
    arms = [("flat", "income", 0.2, 0.2), ("flat", "profit", 0.2, 0.2), ("planner", "income", 0.0, 0.0)]
    frame = pl.concat([only_rates(*arm) for arm in [*arms, ("planner", "profit", 0.1, 0.4)]])
    figure, table = draw_schedules(frame)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Rate on every income", "Rate on every profit"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Flat tax", "Learned planner"]
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [["20.0%", "0.0%"], ["20.0%", "25.0%"]]
    assert table.filter(arm="planner", base="profit").select("mean", "low", "high").row(0) == (0.25, 0.1, 0.4)


def test_schedules_with_other_brackets_are_not_overlaid_with_current_law(tables):
    flat = only_rates("flat", "income", 0.3)
    frame = pl.concat([tables["schedules"].select(flat.columns), flat])
    figure, _ = draw_schedules(frame)
    by_title = {axes.get_title(loc="left"): axes for axes in figure.axes}
    drawn = {title: [line.get_label() for line in axes.get_lines()] for title, axes in by_title.items()}
    assert drawn["Flat tax"] == ["mean"]
    assert sorted(drawn["Saez formula"]) == ["mean", "reference"]
    assert drawn["US federal law"] == ["mean"]


def test_the_frontier_has_a_dot_per_seed_and_a_marker_per_arm(tables):
    figure, table = draw_frontier(tables["evaluation"], "dollars")
    points = sum(len(group.get_offsets()) for group in figure.axes[0].collections)
    assert points == 5 * 3 + 5
    assert table.filter(pl.col("seed").is_null()).height == 5
    text = words(figure)
    assert "Productivity (dollars per person)" in text
    assert "Equality (0 to 1)" in text
    assert all(arm_label(arm) in text for arm in table["arm"])


def test_labels_on_the_frontier_do_not_overlap(tables):
    figure, table = draw_frontier(tables["evaluation"])
    figure.draw_without_rendering()
    names = {arm_label(arm) for arm in table["arm"]}
    boxes = [matplotlib.text.Text.get_window_extent(text) for text in figure.axes[0].texts if text.get_text() in names]
    assert len(boxes) == 5
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_money_is_drawn_as_bars_from_zero_best_on_top(tables):
    figure, table = draw_welfare(tables["evaluation"], "equality_times_productivity", "coin")
    axes = figure.axes[0]
    assert len(axes.patches) == 5
    assert axes.get_xlim()[0] == 0
    assert table["mean"].to_list() == sorted(table["mean"], reverse=True)
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(table["mean"].to_list())
    assert axes.yaxis_inverted()
    assert "Equality × productivity (coin per person)" in words(figure)


def test_utility_is_drawn_as_points_with_a_warning_about_ratios(tables):
    figure, _ = draw_welfare(tables["evaluation"], "utilitarian")
    assert not figure.axes[0].patches
    assert "Utilitarian welfare (utils)" in words(figure)
    assert "read distances, not ratios" in words(figure)


def test_an_arm_that_diverged_is_named_in_the_welfare_figure(tables):
    broken = pl.col("arm").eq("saez") & pl.col("seed").eq(1)
    frame = tables["evaluation"].with_columns(pl.when(broken).then(float("nan")).otherwise("value").alias("value"))
    figure, table = draw_welfare(frame, "equality_times_productivity")
    assert table["arm"].to_list()[-1] == "saez"
    assert "not a finite number" in words(figure)
    assert len(figure.axes[0].patches) == 4


def test_gains_have_a_panel_per_arm_but_the_reference_and_ten_bars_each(tables):
    figure, table = draw_gains(tables["groups"], "coin")
    assert len(figure.axes) == 4
    assert all(len(axes.patches) == 10 for axes in figure.axes)
    assert "us_federal" not in set(table["arm"])
    assert "Consumption against US federal law (percent)" in words(figure)
    assert "lose" in words(figure)


def test_gains_are_amounts_where_the_reference_leaves_a_group_next_to_nothing():
    # By hand: a base of 1 is less than 5% of the mean base, 50.5.
    rows = [("free_market", 0, 0, 1.0), ("free_market", 0, 1, 100.0), ("saez", 0, 0, 31.0), ("saez", 0, 1, 60.0)]
    frame = pl.DataFrame(rows, ["arm", "seed", "group", "value"], orient="row").with_columns(
        metric=pl.lit("consumption")
    )
    figure, _ = draw_gains(frame, "dollars")
    assert [bar.get_height() for bar in figure.axes[0].patches] == [30.0, -40.0]
    assert "Consumption against Free market (dollars per person)" in words(figure)


def test_gains_give_every_arm_the_color_it_has_in_the_other_figures():
    # Property: two systems of the user's own must not share a color.
    arms = ["us_federal", "saez", "tax.py:low", "tax.py:high"]
    rows = [(arm, 0, g, 100.0 + i) for i, arm in enumerate(arms) for g in range(2)]
    frame = pl.DataFrame(rows, ["arm", "seed", "group", "value"], orient="row")
    figure, _ = draw_gains(frame.with_columns(metric=pl.lit("consumption")))
    drawn = {axes.get_title(loc="left").strip(): axes.patches[0].get_edgecolor() for axes in figure.axes}
    expected = {arm_label(arm): to_rgba(look.color) for arm, look in style.arm_styles(arms).items()}
    assert len(set(drawn.values())) == 3
    assert drawn == {label: color for label, color in expected.items() if label != arm_label("us_federal")}


def test_rates_have_a_line_per_arm_and_rate(tables):
    figure, table = draw_rates(tables["groups"])
    assert [len(axes.get_lines()) for axes in figure.axes] == [5, 5]
    assert table.height == 2 * 5 * 10
    assert "Rate (percent)" in words(figure)


def test_learning_curves_have_a_line_per_arm_and_one_per_phase(tables):
    figure, table = draw_learning(tables["metrics"], "equality_times_productivity", "coin")
    assert [axes.get_title(loc="left").strip() for axes in figure.axes] == ["Productivity", "Equality"]
    assert [len(axes.get_lines()) for axes in figure.axes] == [2 + 1, 2 + 1]
    assert set(table["seeds"]) == {3}
    assert "Training (environment steps)" in words(figure)
    assert "phase 2" in words(figure)


def test_a_phase_starts_at_its_first_row(tables):
    # By construction: phase 2 begins with update 20, and an update takes 20,000 steps.
    assert phase_starts(tables["metrics"]) == [(400_000, "2")]


def test_long_curves_are_averaged_over_stretches():
    # By hand: 480 updates in 240 stretches are two a stretch; updates 1 and 2 have mean 1.5.
    updates = list(range(1, 481))
    frame = pl.DataFrame({"update": updates, "env_steps": updates, "value": [float(u) for u in updates]}).with_columns(
        run=pl.lit("r"), arm=pl.lit("saez"), seed=0, phase=pl.lit("1"), role=pl.lit("economy"), period=None,
        metric=pl.lit("equality"),
    )  # fmt: skip
    table = tabulate_learning(frame, ("equality",))
    assert table.height == 240
    assert table.row(0, named=True)["mean"] == 1.5
    assert table["env_steps"].to_list()[:2] == [2, 4]


@pytest.mark.parametrize(
    ("draw", "table"),
    [(draw_schedules, "schedules"), (draw_frontier, "evaluation"), (draw_gains, "groups"), (draw_rates, "groups")],
)
@pytest.mark.filterwarnings("error")
def test_one_seed_is_enough_to_draw(tables, draw, table):
    figure, behind = draw(one_seed(tables[table]))
    figure.draw_without_rendering()
    assert behind.height


@pytest.mark.filterwarnings("error")
def test_one_seed_is_enough_for_welfare_and_learning(tables):
    figure, table = draw_welfare(one_seed(tables["evaluation"]), "utilitarian")
    assert table["low"].null_count() == 5
    assert "95% interval" not in words(figure)
    draw_learning(one_seed(tables["metrics"]))[0].draw_without_rendering()


@pytest.mark.parametrize(
    ("draw", "table"), [(draw_frontier, "evaluation"), (draw_learning, "metrics"), (draw_rates, "groups")]
)
def test_a_figure_without_its_metrics_is_an_error(tables, draw, table):
    other = {"evaluation": "utilitarian", "metrics": "entropy", "groups": "income"}[table]
    with pytest.raises(RecordError, match=r"no .* row|no row"):
        draw(tables[table].with_columns(metric=pl.lit(other)))


def test_every_known_arm_has_a_color_and_marker_of_its_own():
    styles = style.arm_styles(ARMS)
    assert len({look.color for look in styles.values()}) == len(ARMS)
    assert len({look.marker for look in styles.values()}) == len(ARMS)
    assert style.arm_styles(["planner", "mine"])["planner"] == styles["planner"]


def test_tick_labels_have_the_decimals_that_tell_them_apart():
    # By hand.
    ticks = style.CompactFormatter().format_ticks
    assert ticks([10.25, 10.3, 10.35]) == ["10.25", "10.30", "10.35"]
    assert ticks([0, 250_000, 1_000_000]) == ["0", "0.25M", "1.00M"]
    assert ticks([-5000.0, 0.0, 5000.0]) == ["\N{MINUS SIGN}5000", "0", "5000"]


def test_the_same_figure_gives_the_same_bytes_with_its_table_beside_it(tables, tmp_path):
    for name in ("first", "second"):
        figure, table = draw_rates(tables["groups"])
        assert [path.suffix for path in style.save_figure(figure, table, tmp_path / name, "rates")] == [
            ".png",
            ".svg",
            ".csv",
        ]
    for kind in ("png", "svg", "csv"):
        assert (tmp_path / "first" / f"rates.{kind}").read_bytes() == (
            tmp_path / "second" / f"rates.{kind}"
        ).read_bytes()
    assert pl.read_csv(tmp_path / "first" / "rates.csv").height == table.height
    assert "<dc:date>" not in (tmp_path / "first" / "rates.svg").read_text()


def test_drawing_leaves_the_global_settings_alone(tables):
    before = dict(matplotlib.rcParams)
    draw_schedules(tables["schedules"])
    assert dict(matplotlib.rcParams) == before


def test_figures_without_data_are_left_out_and_named(make_run, monkeypatch):
    monkeypatch.setattr(style.Figure, "savefig", lambda *_, **__: None)  # What is drawn is tested above.
    said = []
    folder = make_run(without=("groups", "metrics"))
    paths = draw_all(folder, say=said.append)
    assert {path.stem for path in paths} == {"welfare", "schedules", "frontier"}
    assert len(paths) == 3 * 3
    assert [line.split("'")[1] for line in said] == ["gains", "rates", "learning"]
    assert all("parquet" in line for line in said)


def test_every_figure_of_a_full_run_is_drawn(make_run, monkeypatch):
    monkeypatch.setattr(style.Figure, "savefig", lambda *_, **__: None)
    said = []
    assert [path.stem for path in draw_all(make_run(), say=said.append)][::3] == [
        name for name, spec in FIGURES.items() if not spec.is_special
    ]
    assert not said
