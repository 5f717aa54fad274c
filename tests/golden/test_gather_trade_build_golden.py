"""A stored episode of the papers' four citizens: a thousand steps, number for number, without the reference program.

Kind: golden, `data/gather_trade_build.npz`, made by `make_gather_trade_build` from the reference program. The tables in
this file were typed in from an independent listing of the same episode.
"""

import json

import jax
import numpy as np
import pytest

from ..oracle import gtb_config, gtb_ours, gtb_reference, gtb_view
from .make_gather_trade_build import CONFIG, DATA, EVERY, START

STEPS = 1000
# Step; citizen by citizen: row, column, coin, stone, wood, escrow of coin, stone, wood, labor, rewards so far.
CITIZENS = {
    1: [
        (23, 24, 0, 0, 0, 0, 0, 0, 1, -0.21),
        (0, 24, 0, 0, 0, 0, 0, 0, 0, 0.0),
        (0, 1, 0, 0, 1, 0, 0, 0, 2, -0.42),
        (24, 1, 0, 0, 0, 0, 0, 0, 1, -0.21),
    ],
    100: [
        (9, 17, 0, 0, 0, 0, 1, 1, 70.25, -14.7525),
        (2, 24, 0, 0, 4, 0, 0, 5, 63.5, -13.335),
        (2, 1, 0, 0, 2, 0, 2, 4, 70.5, -14.805),
        (21, 2, 0, 0, 0, 0, 0, 3, 65.5, -13.755),
    ],
    500: [
        (13, 5, 121.33, 6, 3, 18, 0, 2, 405.25, -26.969387),
        (8, 19, 44.101, 0, 0, 17, 0, 3, 355, -43.734707),
        (4, 5, 112.601, 0, 11, 22, 0, 3, 408.75, -29.229664),
        (9, 17, 6.0705, 0, 0, 14, 0, 3, 332.25, -56.696384),
    ],
    1000: [
        (23, 9, 201.9343, 0, 3, 23, 0, 3, 726.25, -68.451973),
        (4, 20, 92.038, 0, 1, 29, 0, 1, 696.5, -94.102427),
        (6, 2, 211.7026, 1, 16, 18, 0, 1, 756.5, -73.435669),
        (21, 4, 4.3641, 1, 3, 14, 0, 3, 649.75, -124.236083),
    ],
}
# Step: rewards of the planner so far; houses, wood and stone on the map; rates in percent.
WORLD = {
    1: (0.0, 0, 19, 20, (10, 10, 0, 10, 0, 5, 0)),
    100: (0.0, 0, 10, 18, (10, 10, 0, 10, 0, 5, 0)),
    500: (52.835736, 20, 19, 17, (0, 10, 10, 5, 5, 0, 5)),
    1000: (87.017098, 34, 19, 16, (10, 5, 0, 10, 0, 10, 10)),
}
METRICS = {
    "social/productivity": 594.03896,
    "social/equality": 0.58594,
    "social_welfare/coin_eq_times_productivity": 87.0171,
    "social_welfare/inv_income_weighted_coin_endow": 55.93224,
    "social_welfare/inv_income_weighted_utility": -115.49328,
    "labor/warmup_integrator": 121,
    "Build/0/n_builds": 13,
    "Build/1/n_builds": 8,
    "Build/2/n_builds": 13,
    "Build/3/n_builds": 0,
    "Trade/n_trades": 357,
    "PeriodicTax/total_collected_taxes": 40.37644,
    "PeriodicTax/avg_effective_tax_rate": 0.02682,
}


@pytest.fixture(scope="module")
def stored():
    return dict(np.load(DATA))


@pytest.mark.parametrize("step", CITIZENS)
def test_the_stored_episode_is_the_listed_one(stored, step):
    goods = ("Coin", "Stone", "Wood")
    columns = [
        *stored["each_locations"][step].T,
        *(stored[f"each_inventory_{good}"][step] for good in goods),
        *(stored[f"each_escrow_{good}"][step] for good in goods),
        stored["each_labor"][step],
        stored["each_rewards"][: step + 1].sum(axis=0),
    ]
    np.testing.assert_allclose(np.stack(columns, axis=1), CITIZENS[step], atol=6e-4)
    np.testing.assert_allclose(columns[-1], [row[-1] for row in CITIZENS[step]], atol=6e-7)
    welfare, houses, wood, stone, percent = WORLD[step]
    np.testing.assert_allclose(stored["each_planner_reward"][: step + 1].sum(), welfare, atol=6e-7)
    assert (stored["each_houses"][step], *stored["each_units"][step][::-1]) == (houses, wood, stone)
    np.testing.assert_allclose(100 * stored["each_rates"][step], percent, atol=1e-9)


def test_the_stored_episode_has_the_listed_metrics(stored):
    metrics = json.loads(str(stored["metrics"]))
    for name, value in METRICS.items():
        assert metrics[name] == pytest.approx(value, abs=6e-5 if value < 100 else 6e-4), name


@pytest.fixture(scope="module")
def played(stored):
    """The setup, the economy, and everything at every moment."""
    # In double precision sums of flags are 64-bit integers, which strict promotion does not add to 32-bit ones.
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        setup = gtb_config.resolve(gtb_reference.read(CONFIG))
        start = {key: stored[f"start_{key}"] for key in START}
        economy = gtb_ours.build(setup, start)
        drawn = zip(stored["draw_gather_order"], stored["draw_gather_uniforms"], regrowth_maps(stored), strict=True)
        names = ("gather_order", "gather_uniforms", "regeneration")
        draws = gtb_ours.draws_of(economy, [dict(zip(names, values, strict=True)) for values in drawn])
        actions = {"citizen": stored["draw_citizens"], "planner": stored["draw_planner"][:, None, :]}
        amounts = {"coin": stored["each_inventory_Coin"], "tax_base": stored["each_tax_base"]}
        knobs = gtb_ours.knobs_of(setup, 0)
        return setup, economy, gtb_ours.play(economy, gtb_ours.start_of(start), None, actions, draws, amounts, knobs)


def regrowth_maps(stored):
    """The uniform maps of every step, with 1 where no tile can grow back."""
    cells = stored["regrowth_cells"]
    for step in range(STEPS):
        maps, is_now = np.ones((2, 25, 25)), cells[:, 0] == step
        maps[tuple(cells[is_now, 1:].T)] = stored["regrowth_values"][is_now]
        yield maps


def test_an_episode_played_with_the_stored_draws_comes_out_the_same(stored, played):
    view = played[-1]
    state = view.state
    pairs = {
        "locations": np.stack([state.cell // 25, state.cell % 25], axis=2),
        "inventory_Coin": state.coin,
        "inventory_Stone": state.goods[:, 0],
        "inventory_Wood": state.goods[:, 1],
        "escrow_Coin": view.coin_in_escrow,
        "escrow_Stone": view.goods_in_escrow[:, 0],
        "escrow_Wood": view.goods_in_escrow[:, 1],
        "labor": state.labor,
        "rewards": view.reward,
        "planner_reward": view.planner_reward,
        "rates": view.rates_in_force,
        "tax_base": state.treasury.tax_base,
        "incomes": state.treasury.incomes,
        "history": state.book.history,
        "houses": (state.owner >= 0).sum(axis=(1, 2)),
        "units": view.units.sum(axis=(2, 3)),
    }
    for name, ours in pairs.items():
        np.testing.assert_allclose(ours, stored[f"each_{name}"], atol=1e-9, err_msg=name)


def test_maps_masks_and_observations_come_out_the_same(stored, played):
    setup, economy, view = played
    view = jax.tree.map(lambda rows: rows[::EVERY], view)
    np.testing.assert_array_equal(view.state.owner, stored["some_owners"])
    np.testing.assert_array_equal(view.units[:, 0], stored["some_stone"])
    np.testing.assert_array_equal(view.units[:, 1], stored["some_wood"])
    np.testing.assert_array_equal(view.mask, stored["some_masks"])
    np.testing.assert_array_equal(view.planner_mask, stored["some_mask_planner"])
    names = (economy.layout.own_names(), economy.layout.citizen_names())
    seen = gtb_view.observations(setup, view, *names, None)
    # The reference's flat observations are in single precision.
    flat = np.stack([seen[str(i)]["flat"] for i in range(4)], axis=1)
    np.testing.assert_allclose(flat, stored["some_flat"], atol=1e-5, rtol=1e-6)
    np.testing.assert_allclose(seen["p"]["flat"], stored["some_flat_planner"], atol=1e-5, rtol=1e-6)
