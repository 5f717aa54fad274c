"""The economy under the project's own policies: luck can be frozen."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from fisc.core.errors import ConfigError
from fisc.core.knobs import full_knobs
from fisc.core.spaces import Box, Discrete
from fisc.economies.business_cycle.setting import Setting, make_economy
from fisc.policies.actor_critic import make_policy
from fisc.policies.distributions import Categorical, SquashedNormal

ROLES = ("consumer", "firm", "government")


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
