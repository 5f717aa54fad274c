"""The Saez estimator against the reference's own, with windows pooled between environments. Kind: oracle."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.knobs import full_knobs
from fisc.taxes.saez import saez_estimated

from . import reference
from .compare import Tally

pytestmark = pytest.mark.skipif(
    not reference.is_installed(), reason=f"the reference program is missing: {reference.INSTALL}"
)

NUM_ENVIRONMENTS, NUM_CITIZENS, PERIODS_BETWEEN_POOLS = 3, 40, 4

learn = eqx.filter_jit(lambda system, memories, z, tau: jax.vmap(system.learn)(memories, z, tau))
decide = eqx.filter_jit(
    lambda system, memories, draws: jax.vmap(lambda m, u: system.decide(m, None, u, full_knobs()))(memories, draws)
)


def estimators(**options):
    """The reference's tax component, once for each environment; the components never meet an economy here."""
    components = [
        {"SimpleLabor": {"payment_max_skill_multiplier": 190}},
        {"PeriodicBracketTax": {"tax_model": "saez", "period": 2, "usd_scaling": 100, **options}},
    ]
    env = {
        "scenario_name": "one-step-economy",
        "components": components,
        "n_agents": NUM_CITIZENS,
        "world_size": [1, 1],
        "episode_length": 2,
    }
    return [reference.make(env, seed).get_component("PeriodicBracketTax") for seed in range(NUM_ENVIRONMENTS)]


def collect(estimator, incomes, rates):
    """Hand a period's incomes to the reference's buffer."""
    pairs = enumerate(zip(incomes, rates, strict=True))
    estimator._update_saez_buffer({str(i): {"income": z, "marginal_rate": tau} for i, (z, tau) in pairs})


def decide_there(estimators):
    """Let every reference estimator set its rates, and return what it drew."""
    draws = []
    for estimator in estimators:
        with reference.recorded_uniform_draws() as shares:
            estimator.compute_and_set_new_period_rates_from_saez_formula()
        draws.append(shares[0] if shares else np.zeros(7))
    return np.array(draws)


def pool_there(estimators):
    """Do what the reference's training driver does after an iteration."""
    pooled = [pair for estimator in estimators for pair in estimator.get_local_saez_buffer()]
    for estimator in estimators:
        estimator.set_global_saez_buffer(list(pooled))


@pytest.mark.parametrize("options", [{}, {"pareto_weight_type": "uniform"}, {"saez_fixed_elas": 1.5}], ids=str)
def test_pooled_estimates_agree(options):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        theirs = estimators(**options)
        system = saez_estimated(
            theirs[0].bracket_cutoffs,
            fixed_elasticity=options.get("saez_fixed_elas"),
            weight_type=options.get("pareto_weight_type", "inverse_income"),
            convention="foundation",
            num_environments=NUM_ENVIRONMENTS,
        )
        memories = jax.tree.map(lambda leaf: jnp.stack([leaf] * NUM_ENVIRONMENTS), system.init())
        tally = Tally()
        for period in range(40):
            tally.where = f"period {period}"
            memories = decide(system, memories, jnp.asarray(decide_there(theirs)))
            for e, estimator in enumerate(theirs):
                tally.check("saez", "rates", memories.current[e], estimator.curr_bracket_tax_rates)
                tally.check("saez", "elasticity", memories.elasticity[e], estimator.elas_t)
                tally.check("saez", "average", memories.average[e], estimator.running_avg_tax_rates)
                tally.check("saez", "ready", memories.is_ready[e], estimator._reached_min_samples)
            # Incomes of both signs, some idle, at first none above the top cutoff; rates on the usual grid.
            shape = (NUM_ENVIRONMENTS, NUM_CITIZENS)
            spread = 0.7 if period < 15 else 1.6
            incomes = np.exp(rng.normal(5.0, spread, shape)) * rng.choice([1, 0, -0.1], shape, p=[0.9, 0.07, 0.03])
            rates = 0.05 * rng.integers(0, 21, shape)
            memories = learn(system, memories, jnp.asarray(incomes), jnp.asarray(rates))
            for estimator, z, tau in zip(theirs, incomes, rates, strict=True):
                collect(estimator, z, tau)
            if period % PERIODS_BETWEEN_POOLS == PERIODS_BETWEEN_POOLS - 1:
                memories = system.pool(memories)
                pool_there(theirs)
        assert bool(memories.is_ready.all())
    assert tally.values == 40 * NUM_ENVIRONMENTS * (7 + 1 + 7 + 1)
