"""What the scripts of the business cycle's results compute."""

import json
from dataclasses import asdict
from itertools import product
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fisc
from fisc.policies.scripted import Constant
from fisc.scenarios.registry import load_scenario
from fisc.scenarios.settings import make_setting
from tests.scripts import load_script

PLACE = "reproduce/business_cycle"
TINY = {
    "economy.consumers": 3,
    "economy.firms": 2,
    "economy.quarters": 3,
    "economy.labor_exponent": 0.5,
    "economy.num_digits": 2,
    "learning.environments": 2,
    **{f"learning.{role}.hidden": [4] for role in ("consumer", "firm", "government")},
    "evaluation.episodes": 2,
    "budgets.smoke.updates": 14,
    "budgets.smoke.block": 14,
}


def script(name: str):
    """One of the scripts as a module."""
    return load_script(f"{PLACE}/{name}.py")


@pytest.fixture(scope="module")
def runs():
    """By hand: two settings of exports, two seeds each; consumption falls by 1 with the price within each of them, and
    is 10 higher where the price is 20 higher."""
    return pl.DataFrame(
        {
            "setting": [0, 0, 1, 1],
            "seed": [0, 1, 0, 1],
            "export_floor": [500.0] * 4,
            "export_quota": [10.0, 10.0, 100.0, 100.0],
            "government": ["total_welfare"] * 4,
            "price": [1.0, 3.0, 21.0, 23.0],
            "goods_consumed": [6.0, 4.0, 16.0, 14.0],
            "wage": [1.0, 2.0, 3.0, 4.0],
            "labor": [2.0, 4.0, 6.0, 8.0],
            "utility": [1.0, 2.0, 3.0, 5.0],
            "profit": [4.0, 3.0, 2.0, 1.0],
            "tax_rate": [0.0, 0.1, 0.2, 0.3],
            "objective": [1.0, 1.0, 2.0, 2.0],
        }
    )


def test_lines_over_all_runs_and_within_settings_of_exports_can_have_other_signs(runs):
    """By hand: over all four slope 196 / 404, within settings of exports -1; hours are twice the wage in both."""
    signs = script("signs")
    price, wage, *_ = signs.lines_of(runs)
    assert price["slope"] == pytest.approx(196 / 404) and wage["slope"] == pytest.approx(2)
    inside, wage, *_ = signs.lines_within(runs, signs.EXPORTS)
    assert inside["slope"] == pytest.approx(-1) and inside["r2"] == pytest.approx(1)
    assert wage["slope"] == pytest.approx(2) and inside["runs"] == 4


def test_a_line_within_exports_can_be_one_between_governments(runs):
    """By hand: where every run has a government of its own nothing is left within settings. Within exports runs lie 1
    and 3 from their means, with slopes -1 and 1, and the two of the same exports are drawn together: -1 or 1 if one of
    the two is drawn alone, (18 - 2) / (18 + 2) for both. Drawn one by one they would reach 2."""
    signs = script("signs")
    runs = runs.with_columns(
        government=pl.Series(["total_welfare", "utilitarian"] * 2),
        price=pl.Series([1.0, 3.0, 20.0, 26.0]),
        goods_consumed=pl.Series([6.0, 4.0, 12.0, 18.0]),
    )
    assert signs.lines_within(runs, signs.SETTING)[0]["slope"] is None
    inside = signs.lines_within(runs, signs.EXPORTS)[0]
    assert (inside["slope"], inside["low"], inside["high"]) == pytest.approx((0.8, -1, 1))


def test_intervals_of_the_lines_are_over_settings(runs):
    """By hand: a setting drawn alone has slope -1, both have 196 / 404, so that the interval ends at these two."""
    price, *_ = script("signs").lines_of(runs)
    assert (price["low"], price["high"]) == pytest.approx((-1, 196 / 404))


@pytest.fixture
def courses(tmp_path):
    """By hand: two runs without taxes, three records each while firms learn, and some that do not count: of other
    phases, arms and roles, and one right after another record. Consumption is 2·wage - 3·price, and 160 higher in the
    run in which prices are 20 higher."""
    columns = ["role", "arm", "phase", "seed", "update", "metric", "value"]
    rows = [("economy", "free_market", "phase 1", 0, 0, name, 9.0) for name in ("price", "goods_consumed")]
    rows += [
        ("economy", "planner", "phase 2", 0, 0, "price", 9.0),
        ("firm", "free_market", "phase 2", 0, 0, "price", 9.0),
    ]
    for seed, (number, wage) in product((0, 1), enumerate((1.0, 3.0, 2.0))):
        price, update = 20.0 * seed + number, 10 * number
        outcomes = {"price": price, "wage": wage, "labor": wage, "goods_consumed": 160.0 * seed - 3 * price + 2 * wage}
        rows += [("economy", "free_market", "phase 2", seed, update, *item) for item in outcomes.items()]
        rows += [("economy", "free_market", "phase 2", seed, 11, name, 99.0) for name in outcomes if number == 1]
    pl.DataFrame(rows, columns, orient="row").write_parquet(tmp_path / "metrics.parquet")
    return tmp_path


def test_what_consumption_does_while_firms_learn_is_told_within_runs(courses):
    """By hand: -3 with the wage in the regression; alone 2·cov(price, wage) / var(price) = 1 more."""
    prices = script("prices")
    consumption, hours = prices.slopes_of(prices.course_of([courses]))
    assert consumption["with_given"]["slope"] == pytest.approx(-3)
    assert consumption["alone"]["slope"] == pytest.approx(-2)
    assert (consumption["runs"], consumption["records"], consumption["with_given"]["rising"]) == (2, 6, 0)
    assert consumption["correlation_with_given"] == pytest.approx(0.5)
    assert hours["alone"]["slope"] == pytest.approx(1) and hours["alone"]["rising"] == 2
    for line in (consumption, hours):
        assert line["alone"]["low"] == pytest.approx(line["alone"]["slope"])  # both runs are alike


def test_what_all_runs_do_at_an_update_can_be_taken_out(courses):
    """By hand: two runs that are alike have nothing of their own, but for a constant."""
    prices = script("prices")
    left = prices.at_the_same_update(prices.course_of([courses]))
    own = left.group_by("seed", maintain_order=True).agg(pl.col("price").unique(), pl.col("wage").unique())
    assert own.rows() == [(0, [-10.0], [0.0]), (1, [10.0], [0.0])]


def test_what_comes_of_a_cap_is_read_from_its_runs(tmp_path):
    """Contract: a row for each cap and seed, caps in order."""
    prices = script("prices")
    for name, menu in (("a", [0.0, 2000.0]), ("b", [0.0, 500.0])):
        (tmp_path / name).mkdir()
        scenario = {"economy": {"menus": {"prices": menu}}}
        (tmp_path / name / "provenance.json").write_text(json.dumps({"plan": {"scenario": scenario}}))
        rows = [
            ("free_market", seed, metric, menu[1] + seed) for seed in (1, 0) for metric in (*prices.OF_CAPS, "gini")
        ]
        pl.DataFrame(rows, ["arm", "seed", "metric", "value"], orient="row").write_parquet(
            tmp_path / name / "evaluation.parquet"
        )
    (tmp_path / "sweep.json").write_text('{"points": {"a": {"state": "finished"}, "b": {"state": "finished"}}}')
    found = prices.caps_of(tmp_path)
    assert found.select("cap", "seed", "goods_consumed").rows() == [
        (500, 0, 500), (500, 1, 501), (2000, 0, 2000), (2000, 1, 2001)
    ]  # fmt: skip


def test_moments_of_a_collapse_are_before_the_government_the_consumers_best_little_work_and_the_end(tmp_path):
    """Closed form: the government joins at update 1,000; utility is highest at 1,250, hours are below 260 from
    1,450 on, and the end is after 1,600. What a role records is not the economy's."""
    collapse = script("collapse")
    hours = {650: 700.0, 950: 800.0, 1150: 100.0, 1250: 600.0, 1350: 300.0, 1450: 200.0, 1650: 10.0, 1950: 20.0}
    utility = {650: 1.0, 950: 3.0, 1150: 2.0, 1250: 5.0, 1350: 4.0, 1450: 2.0, 1650: 0.0, 1950: 1.0}
    values = {"labor": hours, "utility": utility}
    rows = [
        ("economy", update, metric, values.get(metric, hours)[update]) for update in hours for metric in collapse.SHOWN
    ]
    rows += [("government", 1250, "utility", 99.0)]
    metrics = pl.DataFrame(rows, ["role", "update", "metric", "value"], orient="row")
    metrics.write_parquet(tmp_path / "metrics.parquet")
    found = collapse.moments_of(tmp_path, {"learning": {"government": {"joins_at": 0.5}}}, 2000)
    assert [(one["moment"], one["labor"], one["utility"]) for one in found] == [
        ("before taxes", 750.0, 2.0), ("consumers' best", 600.0, 5.0), ("under 260 hours", 200.0, 2.0),
        ("the end", 15.0, 0.5),
    ]  # fmt: skip


def test_a_sweep_that_is_not_finished_is_refused(tmp_path):
    (tmp_path / "sweep.json").write_text('{"points": {"a": {"state": "finished"}, "b": {"state": "failed"}}}')
    with pytest.raises(SystemExit, match="b is failed: go on with"):
        script("signs").points_of(tmp_path)
    with pytest.raises(SystemExit, match="nowhere has no sweep"):
        script("signs").points_of(tmp_path / "nowhere")


def test_pairs_of_rates_are_met_by_consumers_and_firms_who_learned_without_taxes(tmp_path, monkeypatch):
    """Property: without rates nothing is transferred, and what a pair gains is the difference from just that."""
    fisc.compare("rbc-tiny", arms=["free_market"], seeds=1, budget="smoke", overrides=TINY, out=tmp_path, resume=True,
                 draw=False)  # fmt: skip
    pairs, out = script("pairs"), tmp_path / "pairs.json"
    monkeypatch.setattr("sys.argv", ["pairs.py", str(tmp_path), "--updates", "2", "--seeds", "1", "--out", str(out)])
    monkeypatch.setattr(pairs, "prepare_jax", lambda: None)
    monkeypatch.setattr(pairs, "PAIRS", ((0.0, 0.0), (1.0, 0.0)))
    pairs.main()
    control, taxed = pairs.json.loads(out.read_text())["pairs"]
    assert control["gain"]["mean"] == 0 and control["transfer"] == [0.0]
    difference = np.subtract(taxed["total_welfare"], control["total_welfare"])
    assert taxed["gain"]["mean"] == pytest.approx(difference.mean()) and taxed["income_rate"] == 1.0


@pytest.mark.parametrize("name", ["demand", "unanswered"])
def test_a_folder_that_is_no_run_is_refused(name, tmp_path, monkeypatch):
    """Contract."""
    asked = script(name)
    monkeypatch.setattr(asked, "prepare_jax", lambda: None)
    monkeypatch.setattr("sys.argv", [f"{name}.py", str(tmp_path)])
    with pytest.raises(SystemExit, match="is not a run folder"):
        asked.main()


def test_demand_of_consumers_who_wish_the_same_at_any_price_is_a_share_of_what_they_have():
    """Closed form: ten units of each of two goods cost more than anybody has, and are scaled to that as a whole; the
    other firm asks 1,000, so demand at 500 is to that at 2,500 as 3,500 to 1,500."""
    economy = make_setting("rbc-tiny", "free_market", overrides=TINY).economy
    policies = {"consumer": Constant(jnp.tile(jnp.asarray([10, 10, 4, 0]), (3, 1))), "firm": Constant(jnp.full(2, 11))}
    prices = jnp.asarray([500.0, 2500.0])
    asked, price, budget = script("demand").demand_of(economy, policies, prices)(jax.random.key(0))
    assert price == 1000 and 2000 <= budget < 15_000
    np.testing.assert_allclose(asked[0] / asked[1], 3500 / 1500, rtol=1e-5)


def test_arms_that_were_trained_apart_are_put_together_with_what_is_stored(monkeypatch):
    """By hand: stored values by seed become rows again; runs may differ in how rates are learned, not in learners."""
    join = script("join")
    stored = {"seeds": [0, 2], "arms": {"flat_40": {"welfare": {"mean": 2.0, "values": [1.0, 3.0]}, "rates": [0.4]}}}
    assert join.rows_of("flat_40", stored).rows() == [("flat_40", 0, "welfare", 1.0), ("flat_40", 2, "welfare", 3.0)]
    info = {"plan": {"budget": "full"}}
    first = {"arms": ["planner"], "learning": {"firm": 1, "government": 2}, "budgets": {"full": {"keep_every": 5}}}
    other = {"arms": ["free_market"], "learning": {"firm": 1, "government": 3}, "budgets": {"full": {"keep_every": 0}}}
    assert join._rules(first, info) == join._rules(other, info)
    assert join._rules(first | {"laboratories": 1}, info) == join._rules(other | {"laboratories": 2}, info)
    other["learning"]["firm"] = 2
    assert join._rules(first, info) != join._rules(other, info)
    monkeypatch.setattr("sys.argv", ["join.py", "runs/one"])
    with pytest.raises(
        SystemExit, match="no comparison 'runs/one' with runs: give rbc_small or one_network or rbc_tiny"
    ):
        join.main()


def test_runs_of_another_learner_are_not_put_under_a_name():
    """Contract: firms of rbc-small have networks of their own, so that its runs are not those with one network."""
    join = script("join")
    scenario = json.loads(json.dumps(asdict(load_scenario("rbc-small"))))
    info = {"scenario": "rbc-small", "plan": {"seeds": [0], "budget": "full", "scenario": scenario}}
    run = SimpleNamespace(read_json=lambda _: info)
    for name in ("one_network", "rbc_tiny"):
        with pytest.raises(SystemExit, match=f"of rbc-small, own_networks = True: not {name}"):
            join.together(name, [run], {"arms": {}})


def test_landmarks_are_what_was_recorded_of_the_learned_government(tmp_path):
    """Contract: a row for each record and seed, of that arm and of the common start before it; the economy alone."""
    landmarks = script("landmarks")
    columns = ["role", "arm", "phase", "seed", "update", "metric", "value"]
    rows = [
        ("economy", arm, "phase 1", seed, update, name, 1.0 + seed + update)
        for seed in (1, 0)
        for name in landmarks.WANTED
        for arm, update in (("free_market", 1), ("planner", 2))
    ]
    rows += [
        ("economy", "free_market", "phase 1", 0, 3, "price", 9.0),
        ("firm", "planner", "phase 1", 0, 2, "price", 9.0),
    ]
    pl.DataFrame(rows, columns, orient="row").write_parquet(tmp_path / "metrics.parquet")
    found = landmarks.landmarks(tmp_path)
    assert found.select("seed", "update", "price").rows() == [(0, 1, 2.0), (0, 2, 3.0), (1, 1, 3.0), (1, 2, 4.0)]


@pytest.fixture
def kept_run(tmp_path):
    """By hand: one firm that asks 2,000, 1,000 and 3,000 in its last quarters, and sells nothing in the first two."""
    scenario = {
        "name": "by-hand",
        "objective": "total_welfare",
        "economy": {"export_floor": 500.0, "export_quota": 10.0},
        "learning": {"consumer": {"clip": 0.1}},
    }
    (tmp_path / "provenance.json").write_text(json.dumps({"plan": {"scenario": scenario}}))
    course = {
        "price": [9.0, 9.0, 2000.0, 1000.0, 3000.0],
        "wage": [0.0, 11.0, 11.0, 0.0, 11.0],
        "hired": [0.0, 100.0, 100.0, 0.0, 200.0],
        "goods_consumed": [0.0, 0.0, 20.0, 40.0, 0.0],
        "goods_exported": [0.0, 0.0, 10.0, 10.0, 10.0],
    }
    rows = [
        ("planner", 3, 0, quarter, metric, value)
        for metric, values in course.items()
        for quarter, value in enumerate(values)
    ]
    names = ("arm", "seed", "firm", "quarter", "metric", "value")
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(tmp_path / "firms.parquet")
    collapsed = pl.DataFrame({"arm": ["planner"], "seed": [3], "metric": ["collapsed"], "value": [1.0]})
    collapsed.write_parquet(tmp_path / "evaluation.parquet")
    return tmp_path


def test_lines_of_firms_are_kept_with_what_sets_their_economy_apart(kept_run):
    """Closed form: 40, 20 and 0 units at 1,000, 2,000 and 3,000; 150 hours on average at 11 dollars and none at 0."""
    found = script("firms").lines_of(kept_run)
    about = ("scenario", "export_quota", "arm", "seed", "collapsed", "x", "y")
    assert found.select(about).rows() == [
        ("by-hand", 10.0, "planner", 3, 1, "price", "goods_consumed"),
        ("by-hand", 10.0, "planner", 3, 1, "wage", "hired"),
    ]
    assert found["spread"].to_list() == pytest.approx([1000, (121 / 3) ** 0.5])
    assert found["slope"].to_list() == pytest.approx([-0.02, 150 / 11])
    assert found["r2"].to_list() == pytest.approx([1, 0.75])


def test_a_run_that_is_given_twice_or_has_no_firms_is_refused(kept_run, tmp_path, monkeypatch):
    firms = script("firms")
    monkeypatch.setattr(firms, "HERE", tmp_path / "nowhere")
    monkeypatch.setattr("sys.argv", ["firms.py", str(kept_run), str(kept_run)])
    with pytest.raises(SystemExit, match=r"comes twice.*give each run once"):
        firms.main()
    (kept_run / "firms.parquet").unlink()
    with pytest.raises(SystemExit, match=r"has no firms\.parquet: give a finished comparison"):
        firms.lines_of(kept_run)
