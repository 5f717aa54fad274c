"""Make `data/gather_trade_build.npz`: one episode of the papers' four citizens, as the reference program plays it.

    python -m tests.golden.make_gather_trade_build

The configuration is `tests/oracle/configs/gather_trade_build/paper_phase_two.yaml`. The environment is constructed, the
global generator is seeded with 1, and every action is drawn uniformly from what the masks allow with a generator of
its own, seeded with 0, citizens first. Stored are the actions, what the reference drew, and what came of it.

Regrowth draws are stored where they are below REGROWTH_BOUND; elsewhere they cannot matter, since no tile grows back
with a probability of more than 0.01.
"""

import json
from pathlib import Path

import numpy as np

from ..oracle import gtb_reference

CONFIG = Path(__file__).parents[1] / "oracle" / "configs" / "gather_trade_build" / "paper_phase_two.yaml"
DATA = Path(__file__).parent / "data" / "gather_trade_build.npz"
REGROWTH_BOUND = 0.0101
EVERY = 50
"""Steps between two observations and maps that are stored."""
START = ("locations", "source_maps", "water", "build_payments", "build_skills", "bonus_gather_prob")


def draw_actions(rng: np.random.RandomState, masks: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """One allowed action of each citizen, and one of each bracket of the planner."""
    citizens = [_draw(rng, masks[str(i)]) for i in range(4)]
    return np.array(citizens), np.array([_draw(rng, block) for block in np.asarray(masks["p"]).reshape(7, 22)])


def _draw(rng: np.random.RandomState, mask: np.ndarray) -> int:
    allowed = np.flatnonzero(mask)
    return int(allowed[rng.randint(len(allowed))])


def numbers_of(snapshot: dict) -> dict[str, np.ndarray]:
    """What is stored of every step."""
    market, tax = snapshot["market"], snapshot["tax"]
    return {
        "locations": snapshot["locations"].astype(np.int8),
        **{f"inventory_{good}": amount for good, amount in snapshot["inventory"].items()},
        **{f"escrow_{good}": amount for good, amount in snapshot["escrow"].items()},
        "labor": snapshot["labor"],
        "rewards": snapshot["rewards"],
        "planner_reward": np.array(snapshot["planner_reward"]),
        "rates": tax["rates"],
        "tax_base": tax["tax_base"],
        "incomes": tax["incomes"],
        "history": market["price_history"].sum(axis=1),
        "trades": np.array(len(market["trades"])),
        "houses": np.array(int((snapshot["maps"]["HouseOwner"] >= 0).sum())),
        "units": np.array([int(snapshot["maps"][good].sum()) for good in ("Stone", "Wood")]),
    }


def pictures_of(snapshot: dict) -> dict[str, np.ndarray]:
    """What is stored of every fiftieth step."""
    seen, masks = snapshot["observations"], snapshot["masks"]
    return {
        "owners": snapshot["maps"]["HouseOwner"].astype(np.int8),
        "stone": snapshot["maps"]["Stone"].astype(np.int8),
        "wood": snapshot["maps"]["Wood"].astype(np.int8),
        "flat": np.stack([seen[str(i)]["flat"] for i in range(4)]),
        "flat_planner": seen["p"]["flat"],
        "masks": np.stack([masks[str(i)] for i in range(4)]).astype(bool),
        "mask_planner": masks["p"].astype(bool),
    }


def play() -> dict[str, np.ndarray]:
    """Play the episode."""
    game = gtb_reference.open_game(gtb_reference.read(CONFIG), seed=5)
    game.env.seed(1)
    moment, rng = game.reset(), np.random.RandomState(0)
    stored = {f"start_{key}": moment.draws[key] for key in START}
    numbers, pictures, draws, regrowth = [numbers_of(moment.snapshot)], [pictures_of(moment.snapshot)], [], []
    for step in range(1000):
        citizens, planner = draw_actions(rng, moment.snapshot["masks"])
        moment = game.step(citizens, planner)
        drawn = {key: moment.draws[key] for key in ("gather_order", "gather_uniforms")}
        draws.append({"citizens": citizens, "planner": planner, **drawn})
        numbers.append(numbers_of(moment.snapshot))
        if (step + 1) % EVERY == 0:
            pictures.append(pictures_of(moment.snapshot))
        where = np.argwhere(moment.draws["regeneration"] < REGROWTH_BOUND)
        values = moment.draws["regeneration"][tuple(where.T)]
        regrowth.append(np.column_stack([np.full(len(where), step), where, values]))
    for prefix, rows in (("each", numbers), ("some", pictures), ("draw", draws)):
        stored |= {f"{prefix}_{key}": np.stack([row[key] for row in rows]) for key in rows[0]}
    cells = np.concatenate(regrowth)
    stored |= {"regrowth_cells": cells[:, :4].astype(np.int16), "regrowth_values": cells[:, 4]}
    metrics = {name: float(value) for name, value in moment.snapshot["metrics"].items()}
    return stored | {"metrics": np.array(json.dumps(metrics))}


if __name__ == "__main__":
    DATA.parent.mkdir(exist_ok=True)
    np.savez_compressed(DATA, **play())
    print(f"{DATA}: {DATA.stat().st_size:,} bytes")
