"""What users and files rely on: public names, metric names, presets. Kind: contract."""

import re
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import fisc
from fisc.analysis import summary
from fisc.learning.ppo import Settings, ppo
from fisc.learning.two_level import TwoLevel
from fisc.policies.actor_critic import make_policy, set_scale
from fisc.records.metrics import ARMS as KNOWN_ARMS
from fisc.records.metrics import GROUP_METRICS, METRICS, ROLES, flat_percent
from fisc.scenarios import registry
from fisc.scenarios.config import BUDGETS, OBJECTIVES
from fisc.scenarios.kinds import one_step_config
from fisc.scenarios.plan import plan

from ..contract.table import CASES

ROOT = Path(__file__).parents[2]


def test_the_public_names_are_these():
    # A name added or dropped is a decision: it belongs here and in the change log.
    assert sorted(fisc.__all__) == ["compare", "load_scenario", "solve", "summarize"]
    assert all(callable(getattr(fisc, name)) for name in fisc.__all__)
    assert fisc.summarize is summary.summarize


def test_a_wrong_name_is_answered_with_the_right_ones():
    with pytest.raises(AttributeError, match="it has compare, load_scenario, solve, summarize"):
        fisc.comparre  # noqa: B018


def test_importing_fisc_and_reading_records_needs_no_jax():
    modules = "fisc, fisc.records.store, fisc.analysis.summary, fisc.plots.report"
    code = f"import sys, {modules}; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def planner_case():
    return next(case for case in CASES if case.taxes == "planner, grid")


def test_every_number_of_an_economy_has_a_definition():
    world = planner_case().world()
    state = world.init(jax.random.key(0))
    assert set(eqx.filter_eval_shape(world.metrics, state)) <= set(METRICS)
    assert set(eqx.filter_eval_shape(world.accounts, state)) <= set(GROUP_METRICS)
    assert set(world.spec.roles) <= set(ROLES)


def test_every_number_of_training_has_a_definition():
    # As the training rows name them: 'role/metric', or 'metric' for the economy; the phase has a column of its own.
    learner = ppo(Settings(minibatches=1), make_policy((4,)), set_scale)
    system = TwoLevel({"citizen": learner, "planner": learner}, lambda progress: KNOBS, 2, 2)
    world = planner_case().world()

    def names(key):
        return system.step(world, system.init(world, key))[1]

    measured = set(eqx.filter_eval_shape(names, jax.random.key(0))) - {"phase"}
    known = {f"{role}/{name}" for role in ("citizen", "planner") for name in METRICS} | set(METRICS)
    assert measured <= known
    assert {"citizen/entropy", "planner/knob/entropy", "ledger_residual", "welfare"} <= measured


def knobs():
    from fisc.core.knobs import full_knobs

    learning = {"citizen": jnp.ones((), bool), "planner": jnp.ones((), bool)}
    return eqx.tree_at(lambda k: k.learning, full_knobs(("citizen", "planner")), learning)


KNOBS = knobs()


@pytest.mark.parametrize("name", registry.PRESETS)
@pytest.mark.parametrize("budget", BUDGETS)
def test_every_preset_can_be_planned_with_every_budget(name, budget):
    planned = plan(name, budget=budget, seeds=1)
    assert planned.scenario.name == name
    assert budget in planned.scenario.budgets, "the budget is chosen for the scenario, not the default"
    assert [registry.check_arm(arm) for arm in planned.scenario.arms]


def test_names_agree_between_tables():
    # One name means one thing: objectives are metrics, and arms that are drawn have labels.
    assert set(OBJECTIVES) <= set(METRICS)
    arms = {arm for name in registry.PRESETS for arm in registry.load_scenario(name).arms}
    assert {arm for arm in arms if flat_percent(arm) is None} <= set(KNOWN_ARMS)
    cited = {key for arm in registry.ARMS.values() for key in arm.references}
    cited |= {key for name in registry.PRESETS for key in registry.load_scenario(name).economy.references}
    assert cited | {key for keys in one_step_config.REFERENCES.values() for key in keys} <= set(registry.REFERENCES)


def snippets() -> list[str]:
    """Python code blocks of the README."""
    readme = ROOT / "README.md"
    return re.findall(r"```python\n(.*?)```", readme.read_text(), re.DOTALL) if readme.exists() else []


@pytest.mark.parametrize("snippet", snippets())
def test_python_in_the_readme_compiles_and_uses_public_names_only(snippet):
    # Running them takes minutes; that every name exists is checked here.
    code = "\n".join(line.removeprefix(">>> ").removeprefix("... ") for line in snippet.splitlines())
    compile(code, "README.md", "exec")
    assert set(re.findall(r"\bfisc\.(\w+)", code)) <= {*fisc.__all__, *subpackages()}


def subpackages() -> set[str]:
    return {path.name for path in (ROOT / "src" / "fisc").iterdir() if path.is_dir()}
