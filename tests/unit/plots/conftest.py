"""A small invented run: five arms, three seeds, 200 people with Pareto skills who answer taxes with elasticity 0.4."""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
import pytest

from fisc.records.schema import TABLES
from fisc.records.store import RunFolder

ARMS = ("free_market", "us_federal", "saez", "planner", "optimum")
SEEDS = (0, 1, 2)
CUTOFFS = {
    "coin": (0.0, 97.0, 394.75, 842.0, 1607.25, 2041.0, 5103.0),
    "dollars": (0.0, 11600.0, 47150.0, 100525.0, 191950.0, 243725.0, 609350.0),
}
RATES = {
    "free_market": (0.0,) * 7,
    "us_federal": (0.10, 0.12, 0.22, 0.24, 0.32, 0.35, 0.37),
    "flat": (0.3,) * 7,
    "saez": (0.72, 0.66, 0.58, 0.51, 0.48, 0.46, 0.45),
    "planner": (0.35, 0.50, 0.58, 0.60, 0.52, 0.55, 0.45),
    "optimum": (0.35, 0.55, 0.60, 0.60, 0.50, 0.60, 0.45),
}
LEARNED = ("planner", "saez")
CAVEAT = "People <b>cannot</b> move, marry or evade & nobody saves."


def info(money: str = "coin") -> dict:
    return {
        "scenario": "invented",
        "title": "An invented <economy>",
        "objective": "equality_times_productivity",
        "money": money,
        "caveats": [CAVEAT],
        "command": "fisc compare invented --seeds 3",
        "versions": {"fisc": "0.1.0", "python": "3.11"},
        "env_steps": 1_200_000,
        "wall_seconds": 83.2,
    }


def simulate(rates: np.ndarray, cutoffs: np.ndarray, skill: np.ndarray) -> dict[str, np.ndarray]:
    income = skill.copy()
    for _ in range(60):  # Damped, as the answer to a kink jumps.
        marginal = rates[np.searchsorted(cutoffs, income, side="right") - 1]
        income = 0.8 * income + 0.2 * skill * (1 - marginal) ** 0.4
    marginal = rates[np.searchsorted(cutoffs, income, side="right") - 1]
    width = np.diff(np.append(cutoffs, np.inf))
    tax = (np.clip(income[:, None] - cutoffs, 0, width) * rates).sum(1)
    transfer = np.full_like(tax, tax.mean())
    consumption = income - tax + transfer
    labor = 40 * (income / skill)
    return {
        "income": income, "tax": tax, "transfer": transfer, "consumption": consumption, "labor": labor,
        "utility": np.log(np.maximum(consumption, 1)) - 0.1 * income / skill, "average_rate": tax / income,
        "marginal_rate": marginal,
    }  # fmt: skip


def gini(x: np.ndarray) -> float:
    n = len(x)
    return float(((2 * np.arange(n) - n + 1) * np.sort(x)).sum() / ((n - 1) * x.sum()))


def measure(people: dict[str, np.ndarray]) -> dict[str, float]:
    productivity, equality = people["income"].mean(), 1 - gini(people["consumption"])
    weights = 1 / np.maximum(people["income"], 1)
    return {
        "productivity": productivity,
        "equality": equality,
        "equality_times_productivity": productivity * equality,
        "inverse_income_weighted_utility": float((weights * people["utility"]).sum() / weights.sum()),
        "utilitarian": people["utility"].mean(),
        "average_tax_rate": people["tax"].sum() / people["income"].sum(),
        "lump_sum": people["transfer"].mean(),
        "labor": people["labor"].mean(),
    }


def people_by_arm(arms: tuple, money: str) -> Iterator[tuple[str, int, np.ndarray, dict]]:
    cutoffs = np.array(CUTOFFS[money])
    for arm in arms:
        for seed in SEEDS:
            random = np.random.default_rng(seed)
            skill = np.sort((random.pareto(2.2, 200) + 0.35) * (600 if money == "coin" else 52_000))
            noise = np.random.default_rng(100 + seed).normal(0, 0.03, 7) if arm in LEARNED else 0
            rates = np.clip(np.array(RATES[arm]) + noise, 0, 1)
            yield arm, seed, rates, simulate(rates, cutoffs, skill)


def frames(arms: tuple = ARMS, money: str = "coin") -> dict[str, pl.DataFrame]:
    evaluation, schedules, groups = [], [], []
    for arm, seed, rates, people in people_by_arm(arms, money):
        evaluation += [(arm, seed, metric, float(value)) for metric, value in measure(people).items()]
        index = np.searchsorted(CUTOFFS[money], people["income"], side="right") - 1
        shares = np.bincount(index, minlength=len(rates)) / len(index)
        schedules += [
            (arm, seed, "income", b, CUTOFFS[money][b], float(rate), share)
            for b, (rate, share) in enumerate(zip(rates, shares, strict=True))
        ]
        for metric, values in people.items():
            groups += [(arm, seed, g, metric, float(part.mean())) for g, part in enumerate(np.split(values, 10))]
    return {
        "evaluation": pl.DataFrame(evaluation, ["arm", "seed", "metric", "value"], orient="row"),
        "schedules": pl.DataFrame(schedules, list(TABLES["schedules"].columns), orient="row"),
        "groups": pl.DataFrame(groups, ["arm", "seed", "group", "metric", "value"], orient="row"),
        "metrics": training(evaluation),
    }


def training(evaluation: list[tuple], updates: int = 60) -> pl.DataFrame:
    final = {(arm, seed, metric): value for arm, seed, metric, value in evaluation}
    rows = []
    for arm in LEARNED:
        for seed in SEEDS:
            noise = np.random.default_rng(seed).normal(0, 0.01, updates)
            for update in range(updates):
                phase = "1" if update < 20 else "2"
                reached = 0.55 + 0.45 * (1 - np.exp(-update / 12)) + noise[update]
                for metric in ("productivity", "equality"):
                    value = final[arm, seed, metric] * reached
                    rows.append(("run", arm, seed, phase, update, update * 20_000, "economy", None, metric, value))
    columns = ["run", "arm", "seed", "phase", "update", "env_steps", "role", "period", "metric", "value"]
    return pl.DataFrame(rows, columns, orient="row", infer_schema_length=None)


def fill(folder: RunFolder, tables: dict[str, pl.DataFrame], about: dict) -> RunFolder:
    folder.write_text("scenario.toml", "name = 'invented'\n")
    folder.write_json("provenance.json", about)
    for name, frame in tables.items():
        folder.write_table(name, frame)
    return RunFolder.open(folder.path)


@pytest.fixture(scope="session")
def tables() -> dict[str, pl.DataFrame]:
    """The frames of the invented run."""
    return frames()


@pytest.fixture(scope="session")
def about() -> dict:
    """What the rows of the invented run cannot say."""
    return info()


@pytest.fixture
def make_run(tmp_path, tables, about) -> Callable[..., RunFolder]:
    """Write the invented run, or a part of it, into a fresh folder."""

    def make(**changes) -> RunFolder:
        kept = {name: frame for name, frame in tables.items() if name not in changes.get("without", ())}
        return fill(RunFolder.create(tmp_path / "run"), kept, about | changes.get("about", {}))

    return make
