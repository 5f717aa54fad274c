"""A planner that is told how much equality counts: who sees it, when it changes, and what it changes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.knobs import full_knobs
from fisc.core.mandate import mandate
from fisc.econ.welfare import equality_times_productivity
from fisc.taxes.fixed import free_market

from .build import CUTOFFS, economy, observe, start, step

SKILLS = [10.0, 10.0, 10.0, 30.0]
KEEP = jnp.zeros((1, 7), jnp.int32)


def world(weight: float | None = None, tax=None, **options):
    """Four workers whose planner is told this weight, or draws one from [0, 1]."""
    options = {"objective": equality_times_productivity, "gini_convention": "exact", **options}
    lowest, highest = (0.0, 1.0) if weight is None else (weight, weight)
    return economy(SKILLS, tax, **options).under(mandate(lowest, highest))


def test_the_planner_alone_sees_its_mandate():
    seen = observe(world(0.25), start(world(0.25)))
    assert seen["planner"].features["mandate"].tolist() == [[0.25]]
    assert "mandate" not in seen["citizen"].features
    assert "mandate" not in observe(economy(SKILLS), start(economy(SKILLS)))["planner"].features


@pytest.mark.parametrize("weight, welfare", [(0.0, 300.0), (1.0, 200.0), (0.5, 250.0)])
def test_the_planner_earns_welfare_by_what_it_is_told(weight, welfare):
    # By hand: twenty hours each without taxes bring 200, 200, 200 and 600: mean 300; the six pairs differ by 400 three
    # times, so that the Gini index is 3 · 400 / (3 · 1,200) = 1/3 and equality 2/3.
    told = world(weight)
    state = step(told, start(told), {"citizen": jnp.zeros(4, jnp.int32), "planner": KEEP}).state
    after = step(told, state, {"citizen": jnp.full(4, 20, jnp.int32), "planner": KEEP})
    assert float(after.state.welfare) == pytest.approx(welfare)
    assert float(after.rewards["planner"][0]) == pytest.approx(welfare)
    assert float(told.metrics(after.state)["welfare"]) == pytest.approx(welfare)
    assert float(after.state.equality_weight) == weight


def test_every_episode_and_environment_has_a_weight_of_its_own():
    # Property: 64 environments and two episodes draw 128 weights in [0, 1], no two equal.
    told, keys = world(), jax.random.split(jax.random.key(3), 64)
    first = jax.vmap(told.init)(keys)
    second = jax.vmap(told.reset)(jax.random.split(jax.random.key(4), 64), first)
    weights = np.concatenate([first.equality_weight, second.equality_weight])
    assert len(set(weights.tolist())) == 128
    assert weights.min() >= 0 and weights.max() <= 1


def test_another_weight_is_no_other_program():
    # Contract: a mandate is traced, so that a frontier is evaluated by one compilation.
    run = eqx.filter_jit(eqx.debug.assert_max_traces(lambda told, key: told.init(key).welfare, max_traces=1))
    for weight in (0.0, 0.3, 1.0):
        run(world(weight), jax.random.key(0))


def test_without_a_planner_a_mandate_still_judges():
    # By hand as above: how the exact frontier is evaluated, under rates that are given.
    told = world(0.5, free_market(CUTOFFS))
    state = step(told, start(told), {"citizen": jnp.zeros(4, jnp.int32)}).state
    after = step(told, state, {"citizen": jnp.full(4, 20, jnp.int32)}, knobs=full_knobs())
    assert float(after.state.welfare) == pytest.approx(250.0)
