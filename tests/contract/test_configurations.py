"""Any configuration is either refused in one line or an economy that keeps its promises. Kind: property."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from fisc.core.errors import ConfigError
from fisc.core.knobs import full_knobs
from fisc.core.ledger import tolerance
from fisc.scenarios import build
from fisc.scenarios.kinds.base_config import PEOPLE_OBJECTIVES
from fisc.scenarios.plan import plan

from .test_economies import play

GOOD = {
    "objective": PEOPLE_OBJECTIVES,
    "economy.workers": (8, 9),
    "economy.skills": ("lomax", "quantiles", "us_wages"),
    "economy.labor": ("grid", "continuous"),
    "economy.labor_steps": (1, 100),
    "economy.utility": ("quasi_linear", "log_net", "isoelastic"),
    "economy.labor_exponent": (1.25, 3.5, 6),
    "economy.labor_cost": (1e-9, 0.0005, 1.0),
    "economy.eta": (0.0, 0.5, 1.0),
    "economy.gini": ("exact", "foundation"),
    "economy.seen_incomes": (0, 8),
    "economy.planner_sees_citizens": (False, True),
    "economy.year": (2013, 2026),
    "taxes.brackets": ("us_federal", "linear", "log"),
    "taxes.num_brackets": (2, 5),
    "taxes.top_cutoff": (1e-3, 100.0, 1e7),
    "taxes.law": ("us-federal-2024-joint", "us-federal-single-filer-2018-scaled"),
    "taxes.standard_deduction": (False, True),
    "taxes.dollars_per_coin": (1.0, 100.0),
    "taxes.flat_rate": (0.0, 0.3, 1.0),
    "taxes.planner": ("grid", "continuous"),
    "taxes.rate_step": (0.05, 0.25, 1.0),
    "taxes.saez_elasticity": ("own", 0.4),
}
BAD = {
    "objective": ("happiness", 3),
    "economy.workers": (0, -3, 2.5, "many", True),
    "economy.skills": ("normal", 1),
    "economy.hours": (40,),
    "economy.labor_cost": (0.0, -1.0, float("nan"), float("inf")),
    "economy.labor_exponent": (1.0, 0, float("inf")),
    "economy.eta": (-0.1, 1.1),
    "economy.max_skill": (1.0, "high"),
    "economy.seen_incomes": (-1, 101),
    "taxes.brackets": ("squared",),
    "taxes.num_brackets": (1, 0),
    "taxes.top_cutoff": (0.0, -1.0, float("inf")),
    "taxes.rate_step": (0.3, 0.0, -0.05, float("nan")),
    "taxes.flat_rate": (-0.1, 1.5, "worst"),
    "taxes.dollars_per_coin": (0.0, float("nan")),
    "taxes.saez_elasticity": (0.0, "guess"),
    "learning.environments": (0, "all"),
    "learning.citizen.hidden": ([], [0], 64),
    "learning.planner.joins_at": (1.0, -0.5),
}
ARMS = ("free_market", "us_federal", "flat", "planner", "saez_estimated")
KEY = jax.random.key(3)


def chosen_from(table, most: int):
    """A few keys of a table, each with one of its values."""
    keys = st.lists(st.sampled_from(sorted(table)), min_size=1, max_size=most, unique=True)
    return keys.flatmap(lambda names: st.fixed_dictionaries({name: st.sampled_from(table[name]) for name in names}))


def check_message(error: ConfigError) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) > 20


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(good=chosen_from(GOOD, 4), bad=chosen_from(BAD, 2), arm=st.sampled_from(ARMS))
def test_a_bad_value_is_refused_in_one_line_that_names_its_key(good, bad, arm):
    try:
        plan("one-step", arms=[arm], seeds=1, budget="smoke", overrides=good | bad)
    except ConfigError as error:
        check_message(error)
        assert any(key.split(".")[-1] in str(error) for key in {**good, **bad}), str(error)
    else:
        raise AssertionError("accepted")


# Preferences, people and taxes without which the draws would mostly repeat the published experiment.
FULL = {key: st.sampled_from(values) for key, values in GOOD.items()}


@settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(overrides=st.fixed_dictionaries(FULL), arm=st.sampled_from(ARMS))
def test_any_accepted_configuration_keeps_its_promises_over_a_random_episode(overrides, arm):
    try:
        scenario = plan("one-step", arms=[arm], seeds=1, budget="smoke", overrides=overrides).scenario
        people = build.population(scenario, 0)
        tax = build.make_tax(scenario, people, arm, build.exact_rates(scenario, people, arm))
    except ConfigError as error:
        check_message(error)
        reject()  # if this were the rule, hypothesis would complain that it finds too few examples
    world = build.make_economy(scenario, people, tax)
    start = world.init(KEY)
    final, moments = eqx.filter_jit(play)(world, KEY, start, full_knobs(("citizen", "planner")))

    after = moments["after"]
    for tree in (moments["seen"], after, world.metrics(final), world.accounts(final)):
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(tree))
    assert float(jnp.max(jax.vmap(lambda ledger: ledger.residual())(after.ledger))) < tolerance(jnp.float32)
    assert np.all((np.asarray(after.state.treasury.rates) >= 0) & (np.asarray(after.state.treasury.rates) <= 1))
    assert -1e-5 <= float(world.metrics(final)["equality"]) <= 1 + 1e-5
    assert int(final.step) == world.spec.steps
    gained, size = np.asarray(final.utility - start.utility), np.abs(np.asarray(after.state.utility)).max() + 1.0
    np.testing.assert_allclose(np.sum(after.rewards["citizen"], axis=0), gained, atol=1e-5 * size)
