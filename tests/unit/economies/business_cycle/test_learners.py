"""The economy under the project's own policies: their sizes, frozen luck, offers that nobody meets."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from fisc.core.errors import ConfigError
from fisc.core.knobs import full_knobs
from fisc.core.spaces import Box, Discrete
from fisc.economies.business_cycle.setting import Setting, make_economy
from fisc.learning.ppo import has_choice
from fisc.policies.actor_critic import make_policy
from fisc.policies.distributions import Categorical, SquashedNormal
from fisc.scenarios import build
from fisc.scenarios.registry import load_scenario

ROLES = ("consumer", "firm", "government")


@pytest.mark.parametrize("role, published", [("consumer", 51_326), ("firm", 40_479), ("government", 38_437)])
def test_networks_have_the_published_sizes(role, published):
    """Published: parameters of Curry et al. (2022), whose value head (128 weights and a bias) sits on the same layers.
    Here the critic has layers of its own, so that the actor has 129 less."""
    scenario = load_scenario("rbc-paper-short")
    people = build.population(scenario, 0)
    economy = build.make_economy(scenario, people, build.make_tax(scenario, people, "planner", None))
    learner = build.make_learners(scenario)[role]
    policy = eqx.filter_eval_shape(lambda key: learner.init(key, economy, role).policy, jax.random.key(0))
    count = lambda network: sum(leaf.size for leaf in jax.tree.leaves((network.weights, network.biases)))  # noqa: E731
    assert count(policy.actor) == published - 129
    actions = {"consumer": 125, "firm": 30, "government": 36}[role]
    assert count(policy.critic) == published - 129 * actions


def test_offers_that_nobody_meets_can_be_left_out():
    """Contract: in the last quarter firms and government have one entry each, which is no choice, and consumers all."""
    setting = Setting(consumers=3, firms=2, labor_exponent=0.5, quarters=2, drops_last_offers=True)
    economy, knobs = make_economy(setting), full_knobs(ROLES)
    first = economy.init(jax.random.key(0))
    last = replace(first, step=first.step + 1)
    choices = {}
    for name, state in (("first", first), ("last", last)):
        for role, seen in economy.observe(state, knobs).items():
            choices[name, role] = has_choice(seen.mask, economy.spec.roles[role].actions).tolist()
    assert choices == {
        ("first", "consumer"): [True] * 3, ("first", "firm"): [True] * 2, ("first", "government"): [True],
        ("last", "consumer"): [True] * 3, ("last", "firm"): [False] * 2, ("last", "government"): [False],
    }  # fmt: skip
    with pytest.raises(ConfigError, match="drops_last_offers with 2 shares on the menu"):
        make_economy(replace(setting, menus={"shares": (0.1, 0.2)}))


def test_frozen_luck_is_one_quantile_of_whatever_is_intended():
    """Closed form: probabilities 0.2, 0.3, 0.5 end at 0.2, 0.5 and 1."""
    intended = Categorical(jnp.log(jnp.asarray([[0.2, 0.3, 0.5]] * 4)), jnp.ones((4, 3), bool))
    assert intended.at(jnp.asarray([0.0, 0.19, 0.21, 0.99])).tolist() == [0, 0, 1, 2]
    box = Box(0.0, 1.0, 1)
    real = SquashedNormal(box, jnp.zeros((4, 1)), jnp.zeros((4, 1)), jnp.ones(4, bool))
    with pytest.raises(ConfigError, match="only a single integer has quantiles"):
        real.at(jnp.zeros(4))


def test_agents_with_frozen_luck_act_alike_whatever_the_key():
    """Property: firms' actions depend on what they intend alone, consumers' on the key too."""
    economy = make_economy(Setting(consumers=4, firms=2, labor_exponent=0.5, luck_is_frozen=True))
    state = economy.init(jax.random.key(1))
    seen = economy.observe(state, full_knobs(ROLES))
    spec = economy.spec.roles["firm"]
    assert isinstance(spec.actions, Discrete)
    policy = make_policy((4,))(jax.random.key(0), spec)
    policy = jax.tree.map(lambda x: x.astype(jnp.float64) if eqx.is_inexact_array(x) else x, policy)
    acts = [policy.act(jax.random.key(k), seen["firm"]).action for k in (1, 2)]
    assert all((a == acts[0]).all() for a in acts)
    drawn = replace(seen["firm"], luck=None)
    assert len({tuple(policy.act(jax.random.key(k), drawn).action.tolist()) for k in range(3)}) > 1
