"""Episodes are recorded as they were played, small, and replayed bit for bit; a change is noticed."""

import os
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from fisc.analysis.breakdown import break_down
from fisc.cli.main import main
from fisc.core.errors import ConfigError, RunError
from fisc.core.knobs import full_knobs
from fisc.core.tax import Schedule
from fisc.economies.gather_trade_build.state import units_on_map
from fisc.records.episode import read_episode, write_episode
from fisc.records.episode_map import read_map
from fisc.scenarios import episodes, sources
from fisc.scenarios.settings import Setting, make_setting

from ..learning.toy import Clock

TOWN = Path(__file__).with_name("town.yaml")


@pytest.fixture(scope="module")
def stage():
    return sources.stage(str(TOWN))


@pytest.fixture(scope="module")
def episode(stage):
    """A thousand steps of four citizens who follow the rule of thumb, under a planner that draws rates at random."""
    return episodes.record(stage, seed=3)


@eqx.filter_jit
def play_again(economy, start, actions, key):
    """The final state, and for every step whether all actions were legal and who had any choice."""

    def step(state, inputs):
        index, action = inputs
        mask = economy.observe(state, full_knobs())["citizen"].mask
        is_legal = jnp.all(jnp.take_along_axis(mask, action["citizen"][:, None], axis=1))
        return economy.step(jax.random.fold_in(key, index), state, action, full_knobs()).state, is_legal

    steps = jnp.arange(economy.spec.steps)
    return jax.lax.scan(step, start, (steps, actions))


@pytest.fixture(scope="module")
def played(stage, episode):
    """Final state and legality, by a program of its own."""
    economy = stage.setting.economy
    actions = {
        "citizen": jnp.asarray(episode.arrays["actions/citizen"], jnp.int32),
        "planner": jnp.asarray(np.repeat(episode.arrays["actions/planner"], 100, axis=0), jnp.int32),
    }
    key = jax.random.wrap_key_data(jnp.asarray(episode.arrays["key"]))
    return play_again(economy, episodes._restored(economy, episode.group("start")), actions, key)


def test_an_episode_replays_bit_for_bit_from_its_file_alone(episode, tmp_path):
    # Property: the file holds all that makes the episode; the economy is made again from the header.
    stored = read_episode(write_episode(tmp_path / "town.npz", episode))
    episodes.replay(stored, sources.rebuild(stored.header["source"]))


def test_a_seed_is_an_episode(stage, episode):
    # Property: the same seed gives the same bits, another one another episode.
    again, other = episodes.record(stage, seed=3), episodes.record(stage, seed=4)
    assert all(episodes._is_same(array, again.arrays[name]) for name, array in episode.arrays.items())
    assert not np.array_equal(episode.arrays["digests"], other.arrays["digests"])


def test_a_thousand_steps_of_four_citizens_take_less_than_a_megabyte(stage, episode, tmp_path):
    # Property: the bound of the issue, also for random play, which places far more orders.
    noisy = episodes.record(episodes.cast(stage.setting, "random", players="random"))
    for name, each in {"thumb": episode, "random": noisy}.items():
        assert each.steps == 1000
        assert write_episode(tmp_path / f"{name}.npz", each).stat().st_size <= 1_000_000
    assert len(noisy.arrays["trades"]) > 100


def test_the_players_of_an_episode_are_named(stage, episode):
    # Closed form: nobody was trained here.
    assert episode.header["players"] == {"citizen": "rule of thumb", "planner": "random"}
    with pytest.raises(ConfigError, match="no players 'best'"):
        episodes.cast(stage.setting, "town", players="best")


@pytest.mark.parametrize("name", ["actions/citizen", "actions/planner", "key", "start/coin", "frames/labor", "trades"])
def test_tampering_is_noticed(stage, episode, name):
    # Property: whatever is changed, the replay differs from the record. The file's fingerprint is not asked here.
    array = episode.arrays[name].copy()
    if name.startswith("actions"):
        array[7] = 0
    else:
        array.flat[0] += 1
    changed = replace(episode, arrays={**episode.arrays, name: array})
    with pytest.raises(RunError, match="the replay differs from the record"):
        episodes.replay(changed, stage.setting.economy)


def test_an_episode_of_another_economy_is_refused(stage, episode):
    # Property: neither another world nor another number of citizens is mistaken for it.
    with pytest.raises(RunError, match="not of 'one_step'"):
        episodes.replay(episode, make_setting("one-step", "free_market").economy)
    fewer = {**episode.arrays, "start/coin": episode.arrays["start/coin"][:3]}
    with pytest.raises(RunError, match=r"has float32\[3\] for 'coin'"):
        episodes.replay(replace(episode, arrays=fewer), stage.setting.economy)
    with pytest.raises(RunError, match="does not say from what its economy was made"):
        sources.rebuild({})


def test_citizens_by_rule_of_thumb_do_only_what_is_legal(episode, played):
    # Property: their actions lie in the mask at every step; and they are not idle.
    assert bool(jnp.all(played[1]))
    assert np.mean(episode.arrays["actions/citizen"] > 0) > 0.2


def test_citizens_by_rule_of_thumb_have_an_economy(episode):
    # Learning: no optimum, but everybody gathers, most trade, and houses are built.
    broken = break_down(read_map(episode))
    assert len(broken.trades) > 20
    assert broken.citizens["houses"].sum() > 10
    assert (broken.citizens["gathered_stone"] + broken.citizens["gathered_wood"] > 0).all()


def test_the_breakdown_adds_up_to_the_accounts_of_the_economy(stage, episode, played):
    # Reference: the economy's own books, which are kept step by step in another way.
    economy, state = stage.setting.economy, played[0]
    accounts = {name: np.asarray(value, float) for name, value in economy.accounts(state).items()}
    told = break_down(read_map(episode)).citizens
    np.testing.assert_allclose(told["from_houses"], accounts["build_income"], rtol=1e-6)
    np.testing.assert_allclose(told["from_sales"] + told["for_purchases"], accounts["trade_income"], atol=1e-9)
    np.testing.assert_allclose(told["tax"], accounts["tax"], rtol=1e-5)
    np.testing.assert_allclose(told["transfer"], accounts["transfer"], rtol=1e-5)
    np.testing.assert_allclose(told["coin_end"], accounts["consumption"], rtol=1e-6)
    np.testing.assert_allclose(told["labor"], accounts["labor"], rtol=1e-6)
    for good in ("stone", "wood"):
        np.testing.assert_array_equal(told[f"gathered_{good}"], accounts[f"gathered_{good}"])
    metrics = economy.metrics(state)
    for name, value, _ in break_down(read_map(episode)).outcome.iter_rows():
        assert value == pytest.approx(float(metrics[name]), rel=1e-5)


def test_trades_are_told_as_the_market_settled_them(episode, played):
    # Reference: units and coin of every citizen and good in the economy's journal.
    journal, told = played[0].journal, read_map(episode)
    for g, good in enumerate(told.goods):
        rows = told.trades.filter(pl.col("good") == good)
        for who, units, coin in (("buyer", "purchases", "spending"), ("seller", "sales", "earnings")):
            count = np.bincount(rows[who], minlength=4)
            value = np.bincount(rows[who], weights=rows["price"], minlength=4)
            np.testing.assert_array_equal(count, getattr(journal, units)[g])
            np.testing.assert_array_equal(value, getattr(journal, coin)[g])
    assert (told.trades["buyer"] != told.trades["seller"]).all()


def test_units_and_houses_of_the_record_are_those_of_the_map(episode, played):
    # Reference: the maps of the final state.
    told, state = read_map(episode), played[0]
    np.testing.assert_array_equal(told.owner(told.steps), state.owner)
    np.testing.assert_array_equal(told.water, state.terrain.water)
    np.testing.assert_array_equal(told.sources, state.terrain.sources)
    np.testing.assert_array_equal(told.units(told.steps), units_on_map(state))


def test_taxes_of_the_record_follow_from_rates_and_incomes(episode):
    # Closed form: the tax of each year's incomes under its announced rates, unless a purse was empty.
    told = read_map(episode)
    for year in range(told.num_periods):
        due = Schedule(jnp.asarray(told.cutoffs), jnp.asarray(told.period("rates")[year]))
        owed = np.asarray(due.due(jnp.maximum(jnp.asarray(told.period("incomes")[year]), 0.0)))
        assert np.all(told.period("taxes")[year] <= owed + 1e-4)
        np.testing.assert_allclose(
            told.period("lump_sum")[year], told.period("taxes")[year].mean(), rtol=1e-5, atol=1e-6
        )


def test_keys_of_the_scenario_can_be_changed():
    # Property: the economy is the changed one, and its description says so.
    changed = sources.stage("one-step", "free_market", overrides={"economy.workers": 9})
    assert changed.setting.economy.spec.roles["citizen"].num_agents == 9
    assert changed.source["scenario"]["economy"]["workers"] == 9
    with pytest.raises(ConfigError, match="is no scenario whose keys can change; watch a scenario"):
        sources.stage(str(TOWN.parent), overrides={"economy.workers": 9})


def test_any_economy_can_be_recorded(tmp_path):
    # Property: the one-step economy, too, replays bit for bit; it has accounts in place of a map.
    setting = make_setting("one-step", "planner", overrides={"economy.workers": 8})
    economy = setting.economy
    recorded = episodes.record(episodes.cast(Setting(economy), "one-step"))
    stored = read_episode(write_episode(tmp_path / "one.npz", recorded))
    episodes.replay(stored, economy)
    assert stored.arrays["frames/income"].shape == (economy.spec.steps + 1, 8)
    with pytest.raises(ValueError, match="has no map"):
        read_map(stored)


def test_an_economy_that_nobody_registered_can_be_recorded():
    # Property: everything that differs by economy has a default; everybody plays at random, the replay is the same.
    recorded = episodes.record(episodes.cast(Setting(Clock()), "a toy"))
    assert recorded.header["players"] == {"citizen": "random", "planner": "random"}
    assert {name.partition("/")[0] for name in recorded.arrays} == {"actions", "start", "key", "digests"}
    episodes.replay(recorded, Clock())


def test_the_command_line_records_and_checks(episode, tmp_path, capsys, monkeypatch):
    # Property: the same episode as from Python, since seed and players are the same.
    for name in ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    path = tmp_path / "town.npz"
    assert main(["watch", str(TOWN), "--seed", "3", "--out", str(path)]) == 0
    np.testing.assert_array_equal(read_episode(path).arrays["digests"], episode.arrays["digests"])
    assert main(["watch", str(path), "--check", "--out", str(tmp_path / "again.npz")]) == 0
    assert "bit for bit" in capsys.readouterr().out
