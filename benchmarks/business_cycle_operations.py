"""How many floating-point operations does an update of the business cycle take, and so how long would a GPU need?

    python benchmarks/business_cycle_operations.py [--out benchmarks/results/business_cycle_operations.json]

Counts the matrix products of the very program that trains, while everybody learns: 2·m·n·k for each, times the turns
of the loops around it; of two branches the dearer one. Nothing is compiled or run, so that the count is the same on
every machine. What is not a matrix product (masks, draws, the economy itself) is not counted: memory that moves, small
beside the rest where networks are wide, and not where they are narrow.

The time is that count over what a device sustains. What share of its peak that is cannot be known without one; the
table has three, of a device with a peak of 60 trillion single-precision operations a second.
"""

import argparse
import json
import math
from pathlib import Path

import equinox as eqx
import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

from fisc.cli.machine import prepare_jax
from fisc.scenarios import build
from fisc.scenarios.registry import load_scenario

PEAK = 6e13
"""Operations a second: single precision without tensor cores, as current accelerators for data centers have it."""
SHARES = (0.01, 0.05, 0.2)
PRESETS = ("rbc-tiny", "rbc-open", "rbc-paper-short")


def matrix_operations(program: ClosedJaxpr | Jaxpr) -> int:
    """Additions and multiplications of all matrix products of a traced program."""
    jaxpr = program.jaxpr if isinstance(program, ClosedJaxpr) else program
    return sum(_of_equation(equation) for equation in jaxpr.eqns)


def _of_equation(equation) -> int:
    """Of one equation, with what is inside it."""
    name, given = equation.primitive.name, equation.params
    if name == "dot_general":
        (left, _), _ = given["dimension_numbers"]
        summed = math.prod(equation.invars[0].aval.shape[axis] for axis in left)
        return 2 * summed * math.prod(equation.outvars[0].aval.shape)
    if name == "cond":
        return max(matrix_operations(branch) for branch in given["branches"])
    inside = [value for value in given.values() if isinstance(value, ClosedJaxpr | Jaxpr)]
    return given.get("length", 1) * sum(matrix_operations(part) for part in inside) if inside else 0


def operations_of_update(preset: str) -> dict:
    """What one update of a preset takes while its government learns, by the program that would run it."""
    scenario = load_scenario(preset)
    budget, people = scenario.budget("full"), build.population(scenario, 0)
    economy = build.make_economy(scenario, people, build.make_tax(scenario, people, "planner", None))
    system = build.make_system(scenario, budget, has_government=True)
    run = eqx.filter_eval_shape(system.init, economy, jax.random.key(0))
    arrays, static = eqx.partition((economy, run), lambda x: eqx.is_array(x) or isinstance(x, jax.ShapeDtypeStruct))
    step = lambda arrays: eqx.filter(system.step(*eqx.combine(arrays, static)), eqx.is_array)  # noqa: E731
    count = matrix_operations(jax.make_jaxpr(step)(arrays))
    total = count * budget.planner_updates
    return {
        "preset": preset,
        "replicas": scenario.learning.environments,
        "updates": budget.planner_updates,
        "operations_per_update": count,
        "operations_per_episode": count / scenario.learning.environments,
        "operations": total,
        "hours_by_share_of_peak": {f"{share:g}": total / (share * PEAK) / 3600 for share in SHARES},
    }


def main() -> None:
    """Count, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    prepare_jax()
    found = {"peak": PEAK, "presets": [operations_of_update(preset) for preset in PRESETS]}
    for row in found["presets"]:
        print(row)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
