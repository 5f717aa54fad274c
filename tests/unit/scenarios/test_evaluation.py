"""How arms are judged."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.core.knobs import full_knobs
from fisc.learning.rollout import play_episodes
from fisc.policies.scripted import Constant, UniformRandom
from fisc.scenarios import build
from fisc.scenarios.config import BUDGETS
from fisc.scenarios.evaluation import by_skill
from fisc.scenarios.registry import load_scenario
from fisc.scenarios.settings import make_setting

SHORT = {"economy.periods": 2, "economy.steps_per_period": 6}


def test_arms_share_their_luck_with_and_without_a_planner():
    # Property: with a planner who leaves all rates at zero, everything goes as in the free market, draw by draw.
    ends = []
    for arm in ("free_market", "planner"):
        economy = make_setting("gtb-open-quadrant", arm, overrides=SHORT).economy
        policies = {"citizen": UniformRandom(economy.spec.roles["citizen"].actions)}
        if arm == "planner":
            policies["planner"] = Constant(jnp.zeros((1, 7), jnp.int32))
        states = jax.vmap(economy.init)(jax.random.split(jax.random.key(1), 3))
        ends.append(eqx.filter_jit(play_episodes)(economy, policies, jax.random.key(2), states, full_knobs()).state)
    free, planned = ends
    for name in ("cell", "coin", "labor", "units", "goods"):
        np.testing.assert_array_equal(getattr(free, name), getattr(planned, name), err_msg=name)
    assert np.ptp(np.asarray(free.labor)) > 0


def test_accounts_are_put_in_order_of_skill():
    # By hand.
    found = by_skill({"skill": jnp.asarray([3.0, 1.0, 2.0]), "income": jnp.asarray([30.0, 10.0, 20.0])})
    assert found["income"].tolist() == [10.0, 20.0, 30.0]


def test_labor_is_judged_at_its_full_cost():
    # By hand: an economy whose labor is still warming up counts nothing of it; the one that is judged counts all.
    alone = {f"budgets.{name}.common_updates": 0 for name in BUDGETS}
    warm = {"economy.labor_warmup": 10_000.0} | alone
    scenario = load_scenario("gtb-open-quadrant", warm)
    economy = make_setting(scenario, "free_market").economy
    state = economy.init(jax.random.key(0))
    assert float(economy.labor_weight(state, full_knobs())) == 0.0
    judged = build.kind_of(scenario).at_full_cost(economy)
    assert float(judged.labor_weight(state, full_knobs())) == 1.0
    with pytest.raises(ConfigError, match="goes on from a common start"):
        load_scenario("gtb-open-quadrant", warm | {"budgets.quick.common_updates": 5})
