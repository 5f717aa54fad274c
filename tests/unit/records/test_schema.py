"""The schema: every number has one definition, and rows are checked. Expected values by construction."""

import polars as pl
import pytest

from fisc.records.errors import RecordError
from fisc.records.schema import (
    FIRM_METRICS,
    GROUP_METRICS,
    METRICS,
    TABLES,
    arm_label,
    check_rows,
    has_natural_zero,
    metric_label,
    metric_unit,
    order_arms,
)

ROW = {"arm": "saez", "seed": 0, "metric": "equality", "value": 0.5}


def rows(**changes) -> pl.DataFrame:
    return pl.DataFrame([ROW | changes])


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_has_label_meaning_and_a_unit_in_either_money(name):
    metric = METRICS[name]
    assert metric.label[0].isupper()
    assert metric.meaning.endswith(".")
    for money in ("coin", "dollars"):
        assert "{" not in metric_unit(name, money)


def test_labels_of_metrics_are_distinct():
    labels = [metric.label for metric in METRICS.values()]
    assert sorted(labels) == sorted(set(labels))


def test_metrics_of_groups_are_metrics():
    assert set(GROUP_METRICS) <= set(METRICS)


def test_metrics_of_firms_are_metrics_and_a_firm_has_one_number_of_each_in_a_quarter():
    # Contract.
    assert set(FIRM_METRICS) <= set(METRICS)
    frame = pl.DataFrame({"arm": ["planner"], "seed": [0], "firm": [3], "quarter": [0], "metric": ["hired"]})
    frame = frame.with_columns(value=pl.lit(520.0))
    assert check_rows(frame, "firms").height == 1
    with pytest.raises(RecordError, match="share a key"):
        check_rows(pl.concat([frame, frame]), "firms")
    with pytest.raises(RecordError, match="unknown metric 'labor' in table 'firms'"):
        check_rows(frame.with_columns(metric=pl.lit("labor")), "firms")


def test_units_follow_the_money_of_the_scenario():
    assert metric_unit("productivity", "dollars") == "dollars per person"
    assert metric_label("average_tax_rate") == "Average tax rate (percent)"
    assert metric_unit("welfare", "coin", "equality_times_productivity") == "coin per person"
    with pytest.raises(RecordError, match="did you mean 'dollars'"):
        metric_unit("productivity", "dollar")


def test_utility_has_no_natural_zero_and_money_has():
    assert has_natural_zero("productivity")
    assert not has_natural_zero("utilitarian")
    assert not has_natural_zero("welfare")


def test_good_rows_come_back_in_the_order_and_types_of_the_table():
    given = rows().select("value", "metric", "seed", "arm").with_columns(pl.col("seed").cast(pl.Int8))
    checked = check_rows(given, "evaluation")
    assert dict(checked.schema) == TABLES["evaluation"].columns
    assert checked.row(0) == ("saez", 0, "equality", 0.5)


def test_a_value_may_be_nan_so_that_a_run_can_say_it_diverged():
    assert check_rows(rows(value=float("nan")), "evaluation")["value"].is_nan().all()


@pytest.mark.parametrize(
    ("frame", "table", "message"),
    [
        (rows(metric="equalty"), "evaluation", "unknown metric 'equalty'.*did you mean 'equality'"),
        (rows(metric="hours"), "evaluation", "did you mean 'labor'"),
        (rows().rename({"seed": "sed"}), "evaluation", "no column 'sed': did you mean 'seed'"),
        (rows().drop("seed"), "evaluation", "lacks the column 'seed'"),
        (rows(seed="0"), "evaluation", "column 'seed'.*is String, expected Int64"),
        (rows(value=None), "evaluation", "'value'.*empty cells"),
        (pl.concat([rows(), rows()]), "evaluation", "share a key .arm=saez, seed=0, metric=equality"),
        (rows(group=3), "groups", "unknown metric 'equality' in table 'groups'"),
        (rows(group=10, metric="income"), "groups", "group 10 given, expected a decile from 0 to 9"),
    ],
)
def test_wrong_rows_are_refused_in_one_line_that_tells_how_to_mend_them(frame, table, message):
    with pytest.raises(RecordError, match=message) as caught:
        check_rows(frame, table)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rate", [25.0, -0.1, float("nan")])
def test_a_rate_that_is_no_fraction_is_refused(rate):
    frame = pl.DataFrame({"arm": ["flat"], "seed": [0], "bracket": [0], "cutoff": [0.0], "rate": [rate]})
    with pytest.raises(RecordError, match="divide percents by 100"):
        check_rows(frame, "schedules")


def test_schedules_of_before_there_was_occupancy_can_be_read():
    # By construction: an absent column that may be empty is empty, rates were on income alone, others are missed.
    frame = pl.DataFrame({"arm": ["flat"], "seed": [0], "bracket": [0], "cutoff": [0.0], "rate": [0.2]})
    assert check_rows(frame, "schedules")["occupancy"].to_list() == [None]
    assert check_rows(frame, "schedules")["base"].to_list() == ["income"]
    with pytest.raises(RecordError, match="unknown base 'profits' in table 'schedules': did you mean 'profit'"):
        check_rows(frame.with_columns(base=pl.lit("profits")), "schedules")
    assert check_rows(frame.with_columns(occupancy=pl.lit(1.0)), "schedules")["occupancy"].to_list() == [1.0]
    with pytest.raises(RecordError, match="lacks the column 'rate'"):
        check_rows(frame.drop("rate"), "schedules")
    with pytest.raises(RecordError, match=r"occupancy 50.0 given, expected a fraction"):
        check_rows(frame.with_columns(occupancy=pl.lit(50.0)), "schedules")


def test_a_training_row_may_lack_its_period_and_must_name_a_known_role():
    row = {
        "run": "r", "arm": "planner", "seed": 0, "phase": "1", "update": 0, "env_steps": 0, "role": "planner",
        "period": None, "metric": "loss/policy", "value": 1.0,
    }  # fmt: skip
    assert check_rows(pl.DataFrame([row]), "metrics").height == 1
    with pytest.raises(RecordError, match=r"unknown role 'planer'.*did you mean 'planner'"):
        check_rows(pl.DataFrame([row | {"role": "planer"}]), "metrics")


def test_arms_keep_their_order_and_unknown_ones_come_last():
    assert order_arms(["zeta", "optimum", "alpha", "free_market", "zeta"]) == [
        "free_market",
        "optimum",
        "alpha",
        "zeta",
    ]
    assert arm_label("my_tax") == "My tax"


def test_two_systems_in_one_file_have_labels_of_their_own():
    # By hand: the function is named unless it is the usual `build`; a file is not taken for a known arm.
    labels = [arm_label(f"mine/{arm}") for arm in ("tax.py:low", "tax.py:high_rates", "tax.py:build", "saez.py:build")]
    assert labels == ["Tax (low)", "Tax (high rates)", "Tax", "Saez"]
