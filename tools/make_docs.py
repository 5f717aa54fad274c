"""Write the tables of the documentation that come from code.

    python tools/make_docs.py            rewrite what is out of date
    python tools/make_docs.py --check    only say what is out of date; exit code 1 if anything is

A table stands in a Markdown file between `<!-- generated: NAME ARGUMENTS -->` and `<!-- end -->`, where NAME is a row
of `TABLES` below. What stands between the two lines is replaced as a whole.
"""

import argparse
import ast
import dataclasses
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from fisc.core.economy import RoleSpec
from fisc.records.metrics import METRICS
from fisc.records.schema import TABLES as RECORDS
from fisc.scenarios import build, config, learning_config
from fisc.scenarios.kinds import gather_trade_build_config as gtb
from fisc.scenarios.registry import ARMS, PRESETS, load_scenario
from fisc.taxes.us_federal import load_law

sys.path.insert(0, str(Path(__file__).parent))
import results_cycle
import results_outcomes
import results_quadrant

import results

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(r"(<!-- generated: (.+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

MEANINGS = {
    "is_first_day": "1 in the first step of a period, when rates are announced; else 0",
    "is_tax_day": "1 in the last step of a period, when taxes are collected; else 0",
    "tax_phase": "share of the period that is over at the end of this step, in (0, 1]",
    "time": "share of the episode that is over, in [0, 1)",
    "rate": "marginal rate in force in each bracket, a fraction",
    "log_net_rate": "log(1 - rate) of each bracket, with 1 - rate not below 0.01",
    "skill": "skill as a share of `economy.max_skill` (with US wages: of the highest skill)",
    "log_skill": "log of that share",
    "marginal_rate": "rate on the next unit of income, given what was earned this period",
    "last_income_rank": "last period's incomes, sorted and divided by the steps of a period, evenly spaced ranks",
    "equality": "1 - Gini index of what citizens hold, by the convention in `economy.gini`",
    "productivity": "mean of what citizens hold, in thousands",
    "last_income": "last period's income of citizen i, divided by the steps of a period",
    "last_marginal_rate": "rate of the bracket of that income",
    "coin": "coin in the purse, times 0.01",
    "stone": "units of stone held, times 0.01; on a map: units that lie on the cell",
    "wood": "units of wood held, times 0.01; on a map: units that lie on the cell",
    "row": "row of the cell where the citizen stands, as a share of all rows",
    "column": "its column, as a share of all columns",
    "build_payment": "coin for a house, in units of `economy.building.payment`",
    "gather_bonus": "probability of gathering a second unit",
    "market_rate": "mean price in the trades remembered",
    "price_history": "trades remembered at each price, each weighing 0.995 of what it did a step ago, times 0.01",
    "asks": "open offers of a unit at each price",
    "bids": "open bids for a unit at each price",
    "my_asks": "the citizen's own open offers at each price",
    "my_bids": "the citizen's own open bids at each price",
    "house": "1 where there is a house",
    "water": "1 where there is water",
    "stone_source": "1 where stone grows",
    "wood_source": "1 where wood grows",
    "inside": "1 on the map, 0 beyond its edge",
    "owner": "whose house: 0 nobody's, 1 one's own, i + 2 citizen i's",
    "citizen": "who stands there: 0 nobody, 1 oneself, i + 2 citizen i",
    "equality_weight": "how much equality counts in this episode, from 0 to 1",
}
"""What each number of an observation means; the layout itself comes from the economy."""

CONFIGS = {
    "scenario": ("", config.Scenario),
    "one_step": ("economy", config.OneStepConfig),
    "gather_trade_build": ("economy", config.GatherTradeBuildConfig),
    "map": ("economy.map", gtb.MapConfig),
    "good": ("economy.GOOD", gtb.GoodConfig),
    "building": ("economy.building", gtb.BuildingConfig),
    "market": ("economy.market", gtb.MarketConfig),
    "gathering": ("economy.gathering", gtb.GatheringConfig),
    "sight": ("economy.sight", gtb.SightConfig),
    "evaluation": ("evaluation", config.EvaluationConfig),
    "frontier": ("frontier", config.FrontierConfig),
    "laboratories": ("laboratories", config.LaboratoriesConfig),
    "taxes": ("taxes", config.TaxesConfig),
    "business_cycle": ("economy", config.BusinessCycleConfig),
    "learning": ("learning", learning_config.LearningConfig),
    "role": ("learning.ROLE", learning_config.RoleConfig),
    "scheduled_learning": ("learning", learning_config.ScheduledLearningConfig),
    "scheduled_role": ("learning.ROLE", learning_config.ScheduledRoleConfig),
    "government": ("learning.government", learning_config.ScheduledGovernmentConfig),
    "budget": ("budgets.NAME", config.BudgetConfig),
}
"""Tables of a scenario file: dotted path and dataclass."""
OWN_KEYS = {"government"}
"""Those of CONFIGS that list only what the class itself says, as the page has what it inherits."""

NOTES = {
    "name": "Names the run folder.",
    "title": "One line, shown above tables and figures.",
    "description": "A few sentences for the report.",
    "objective": "The welfare function that the planner, the optimum and the Saez formula maximize.",
    "arms": "Tax systems to compare, by name or as `FILE.py:FUNCTION`.",
    "caveats": "Sentences printed under every result.",
    "economy": "The world, see below.",
    "taxes": "Brackets and what the arms need to know, see below.",
    "learning": "What learns and how, see below.",
    "evaluation": "How arms are judged, see below.",
    "laboratories": "How the arm of this name finds its schedule, see below.",
    "frontier": "Whether one planner learns for every weight of equality, see below.",
    "economy.kind": "Which economy this is.",
    "economy.citizens": "How many live here, at least 2.",
    "economy.map": "Water and sources, see below.",
    "economy.wood": "How wood grows, see below.",
    "economy.stone": "How stone grows, see below.",
    "economy.building": "Houses, see below.",
    "economy.market": "The auction, see below.",
    "economy.gathering": "Walking and collecting, see below.",
    "economy.sight": "Who sees what, see below.",
    "economy.steps_per_period": "Steps in a tax year.",
    "economy.starting_coin": "Coin in every purse at the start.",
    "economy.map.zone_rows": "Zones from north to south, for layout = 'zones'.",
    "economy.map.zone_columns": "Zones from west to east.",
    "economy.map.wood_zones": "Zones where only wood grows.",
    "economy.map.stone_zones": "Zones where only stone grows.",
    "economy.map.mixed_zones": "Zones where both grow.",
    "economy.building.skills": "Law of the skills that `max_multiplier` caps.",
    "economy.building.labor": "Effort of building a house.",
    "economy.market.max_price": "Orders name 0, 1, … up to this price.",
    "economy.market.order_labor": "Effort of placing an order.",
    "economy.gathering.move_labor": "Effort of a step on the map.",
    "economy.gathering.collect_labor": "Effort of gathering from a cell.",
    "economy.sight.planner_sees_map": "The planner sees the whole map and where everybody stands.",
    "budgets": "How long to train under each of `--budget smoke`, `quick` and `full`.",
    "economy.workers": "Number of citizens.",
    "economy.labor": "Labor chosen from a grid of equal steps, or any amount up to `max_labor`.",
    "economy.utility": "Form of utility, see the equations above.",
    "economy.gini": "How equality is computed in metrics and observations.",
    "economy.planner_sees_citizens": "Whether the planner's observation lists every citizen.",
    "taxes.brackets": "Those of US law, equally spaced, doubling, or listed in `cutoffs`.",
    "taxes.num_brackets": "Number of linear or log brackets.",
    "taxes.dollars_per_coin": "Dollars that one coin stands for; divides the cutoffs of US law.",
    "taxes.planner": "Whether planner and optimum choose rates from a grid or any rate.",
    "learning.ROLE.hidden": "Widths of the hidden layers, of the critic's too unless it has its own.",
    "taxes.min_rate": "Lowest rate on the planner's grid.",
    "economy.map.rows": "Rows of the world; 0: those of the fixed map.",
    "learning.ROLE.learning_rate": "Step size of Adam at the start.",
    "learning.ROLE.entropy": "Weight of the entropy bonus when the role starts to learn.",
    "learning.ROLE.final_entropy": "The same after four fifths of the role's share of the run.",
    "learning.ROLE.epochs": "Passes over each batch of experience.",
    "learning.ROLE.minibatches": "Parts into which a batch is split.",
    "learning.ROLE.clip": "Limit on the change of the probability ratio (PPO's ε).",
    "learning.ROLE.kl_limit": "Minibatches whose policy moved further than this from the one that played are skipped.",
    "learning.ROLE.max_gradient_norm": "Gradients are scaled down to this norm.",
    "learning.kind": "Which curriculum this is: the economy's own.",
    "learning.consumer": "How consumers learn.",
    "learning.firm": "How firms learn.",
    "learning.government": "How the government learns.",
    "learning.government.learning_rate": "Step size of Adam at the start.",
    "learning.ROLE.value_loss": "Loss of the critic: squared error, or Huber's, which is linear beyond one unit.",
    "economy.consumers": "Number of consumers.",
    "economy.firms": "Number of firms, and of goods: each makes its own.",
    "economy.consumer_budget": "Dollars of every consumer at the start.",
    "economy.productivity": "Factor A of production.",
    "economy.investment_of": "What a firm invests its share of.",
    "economy.corporate_tax_on": "What the corporate tax falls on.",
    "economy.debt_step": "Rise of the multiplier with every episode in which the role learns, per unit of debt.",
    "learning.citizen": "How citizens learn.",
    "learning.planner": "How the planner learns.",
}
"""What a key means where its dataclass has no docstring for it; a docstring wins."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


FRONTIER = {"frontier.weights": 2, "objective": config.WEIGHED}
OBSERVED = {
    "one_step": ("one-step", {"economy.seen_incomes": 100, "economy.planner_sees_citizens": True, **FRONTIER}),
    "gather_trade_build": ("gtb-open-quadrant", {"economy.sight.planner_sees_map": True, **FRONTIER}),
}
"""The preset that shows the observations of each kind of economy, and what makes every optional block appear."""
CONDITIONS = {
    ("one_step", "last_incomes"): "`economy.seen_incomes` > 0",
    ("one_step", "citizens"): "`economy.planner_sees_citizens`",
    ("one_step", "mandate"): "`frontier.weights` > 0",
    ("gather_trade_build", "mandate"): "`frontier.weights` > 0",
    ("gather_trade_build", "map"): "`economy.sight.planner_sees_map`",
    ("gather_trade_build", "labels"): "`economy.sight.planner_sees_map`",
    ("gather_trade_build", "citizens"): "always; row and column with `economy.sight.planner_sees_map`",
}
"""When an optional block, or a part of one, is there."""


def observation(kind: str, role: str) -> str:
    """What a role sees: one row for each kind of number, optional blocks last."""
    plain, full = _role_spec(kind, role, everything=False), _role_spec(kind, role, everything=True)
    rows = []
    for name in [*plain.blocks, *(name for name in full.blocks if name not in plain.blocks)]:
        block = full.blocks[name]
        seen = "the same for all" if block.is_public else "each one's own"
        is_always = name in plain.blocks and plain.blocks[name] == block
        condition = "always" if is_always else CONDITIONS[kind, name]
        for base, names in _by_kind(block.names).items():
            shown = f"`{names[0]}`" if len(names) == 1 else f"`{names[0]}` … `{names[-1]}`"
            count = f"{block.grid[0]} × {block.grid[1]} cells" if block.grid else str(len(names))
            rows.append((f"`{name}`", shown, count, seen, condition, _meaning(base)))
    sizes = [sum(block.size for block in spec.blocks.values()) for spec in (plain, full)]
    more = "" if sizes[0] == sizes[1] else f" by default, {sizes[1]:,} with every optional block"
    total = f"\n{sizes[0]:,} numbers{more}.\n"
    return table(("block", "numbers", "count", "seen by", "present", "meaning"), rows) + total


def _meaning(base: str) -> str:
    """Of a number; what differs by good is said once."""
    good = next((good for good in ("stone", "wood") if base.endswith(f"_{good}")), None)
    return f"{MEANINGS[base.removesuffix(f'_{good}')]}, for {good}" if good else MEANINGS[base]


def _role_spec(kind: str, role: str, everything: bool) -> RoleSpec:
    preset, changes = OBSERVED[kind]
    scenario = load_scenario(preset, changes if everything else None)
    people = build.population(scenario, 0)
    tax = build.make_tax(scenario, people, "planner", None)
    return build.make_economy(scenario, people, tax).spec.roles[role]


def _by_kind(names: Iterable[str]) -> dict[str, list[str]]:
    """Collect `rate_0`, `rate_1`, … under `rate`."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(re.sub(r"_\d+$", "", name), []).append(name)
    return kinds


def configuration(section: str) -> str:
    """The keys of one table of a scenario file, with what is allowed, the default and the meaning."""
    path, kind = CONFIGS[section]
    hints, docs = typing.get_type_hints(kind), _field_docs(kind)
    rows = []
    fields = dataclasses.fields(kind)
    for field in [f for f in fields if f.name in kind.__annotations__] if section in OWN_KEYS else fields:
        key = f"{path}.{field.name}" if path else field.name
        meaning = docs.get(field.name) or NOTES.get(key) or ""
        rows.append((f"`{key}`", _allowed(hints[field.name]), _default(field), " ".join(meaning.split())))
    return table(("key", "value", "default", "meaning"), rows)


def _field_docs(kind: type) -> dict[str, str]:
    """Docstrings that follow the fields of a dataclass, by name of the field; those it inherits come from its bases."""
    found = {}
    for base in reversed(kind.__mro__):
        found |= _own_field_docs(base) if dataclasses.is_dataclass(base) else {}
    return found


def _own_field_docs(kind: type) -> dict[str, str]:
    body = ast.parse(inspect.getsource(kind)).body[0].body
    return {
        first.target.id: second.value.value
        for first, second in pairwise(body)
        if isinstance(first, ast.AnnAssign)
        and isinstance(second, ast.Expr)
        and isinstance(second.value, ast.Constant)
        and isinstance(second.value.value, str)
    }


def _allowed(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " or ".join(f"`{json.dumps(a)}`" for a in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_allowed(a) for a in arguments)
    if origin is tuple and typing.get_origin(arguments[0]) is typing.Literal:
        return f"list of {_allowed(arguments[0])}"
    if origin is tuple:
        return {float: "list of numbers", int: "list of integers", str: "list of texts"}[arguments[0]]
    if origin is dict or dataclasses.is_dataclass(kind):
        return "table"
    return {int: "integer", float: "number", str: "text", bool: "`true` or `false`"}[kind]


def _default(field: dataclasses.Field) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{json.dumps(field.default, ensure_ascii=False)}`"
    if field.default_factory is dataclasses.MISSING:
        return "required"
    value = field.default_factory()
    if not dataclasses.is_dataclass(value):
        return "empty"
    plain = type(value)()
    changed = [f.name for f in dataclasses.fields(value) if getattr(value, f.name) != getattr(plain, f.name)]
    return ", ".join(f"`{name} = {json.dumps(getattr(value, name))}`" for name in changed) or "all defaults"


def arms() -> str:
    """Every tax system that a scenario can name."""
    return table(("arm", "what it is"), [(f"`{name}`", arm.summary) for name, arm in ARMS.items()])


def presets(kind: str | None = None) -> str:
    """Every scenario that ships, or those with one kind of economy."""
    found = {name: load_scenario(name) for name in PRESETS}
    rows = [(f"`{name}`", s.title) for name, s in found.items() if kind in (None, s.economy.kind)]
    return table(("scenario", "question"), rows)


def law(year: str, status: str) -> str:
    """US federal brackets of a year and filing status."""
    found = load_law(int(year), status)
    rows = [(f"{cutoff:,.0f}", f"{rate:.1%}") for cutoff, rate in zip(found.cutoffs, found.rates, strict=True)]
    deduction = f"\nStandard deduction: {found.standard_deduction:,.0f} dollars.\n"
    return table(("taxable income from (dollars)", "marginal rate"), rows) + deduction


def metrics() -> str:
    """Every number that a run may record."""
    rows = [(f"`{name}`", m.unit.format(money="money") or "pure number", m.meaning) for name, m in METRICS.items()]
    return table(("metric", "unit", "meaning"), rows)


def records() -> str:
    """The Parquet tables of a run folder."""
    rows = [
        (f"`{name}.parquet`", ", ".join(f"`{c}`" for c in t.columns), ", ".join(f"`{c}`" for c in t.key))
        for name, t in RECORDS.items()
    ]
    return table(("file", "columns", "one row for each"), rows)


TABLES: dict[str, Callable[..., str]] = {
    "observation": observation,
    "config": configuration,
    "arms": arms,
    "presets": presets,
    "law": law,
    "metrics": metrics,
    "records": records,
    **results.TABLES,
    **results_cycle.TABLES,
    **results_outcomes.TABLES,
    **results_quadrant.TABLES,
}


def pages() -> list[Path]:
    """Every Markdown file of the documentation."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def renew(text: str) -> str:
    """Return a page with every marked table made anew.

    Raises:
        ValueError: on a marker that names no table.
    """

    def fresh(match: re.Match) -> str:
        name, *arguments = match[2].split()
        if name not in TABLES:
            raise ValueError(f"no generated table '{name}': expected one of {', '.join(TABLES)}")
        return f"{match[1]}{TABLES[name](*arguments)}{match[4]}"

    return MARKED.sub(fresh, text)


def stale_pages() -> dict[Path, str]:
    """Pages that differ from what the code says, with their new text."""
    texts = {path: path.read_text(encoding="utf-8") for path in pages()}
    return {path: new for path, old in texts.items() if (new := renew(old)) != old}


def main(arguments: Sequence[str] | None = None) -> int:
    """Renew the pages, or check them. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the tables of the documentation that come from code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a page is out of date")
    is_check = parser.parse_args(arguments).check
    stale = stale_pages()
    for path, text in stale.items():
        print(f"{'out of date' if is_check else 'renewed'}: {path.relative_to(ROOT)}")
        if not is_check:
            path.write_text(text, encoding="utf-8")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
