"""The economy under the project's own learners: who may not learn stays as it was, and luck can be frozen."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.core.knobs import full_knobs
from fisc.core.ledger import tolerance
from fisc.core.spaces import Box, Discrete
from fisc.economies.business_cycle.curriculum import SMOKE, structured
from fisc.economies.business_cycle.setting import Setting, make_economy
from fisc.learning.ppo import Settings, ppo
from fisc.learning.two_level import TwoLevel
from fisc.policies.actor_critic import make_policy, set_scale
from fisc.policies.distributions import Categorical, SquashedNormal

ROLES = ("consumer", "firm", "government")


def test_a_role_whose_turn_has_not_come_keeps_everything_bit_for_bit():
    """Property: in episode 0 only consumers learn, in 10 firms too, in 20 everybody; the books balance all the time."""
    with jax.enable_x64(False):
        economy = make_economy(
            Setting(consumers=3, firms=2, quarters=3, labor_exponent=(0.3, 0.6), luck_is_frozen=True)
        )
        learner = ppo(Settings(minibatches=1), make_policy((4,)), set_scale)
        system = TwoLevel(dict.fromkeys(ROLES, learner), structured(SMOKE), 100, 2)
        run = system.init(economy, jax.random.key(0))
        step = eqx.filter_jit(system.step)
        for episode, learning in ((0, ROLES[:1]), (10, ROLES[:2]), (20, ROLES)):
            now = replace(run, update=jnp.asarray(episode, jnp.int32))
            after, metrics = step(economy, now)
            for role in ROLES:
                kept = eqx.tree_equal(after.learners[role], now.learners[role])
                assert bool(kept) == (role not in learning), (episode, role)
            assert float(metrics["ledger_residual"]) < tolerance(jnp.float32)
            assert np.isfinite(float(metrics["welfare"]))
        assert eqx.tree_equal(after.environments.luck, run.environments.luck)


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
    acts = [policy.act(jax.random.key(k), seen["firm"]).action for k in (1, 2, 3)]
    assert all((a == acts[0]).all() for a in acts)
    drawn = replace(seen["firm"], luck=None)
    assert len({tuple(policy.act(jax.random.key(k), drawn).action.tolist()) for k in range(5)}) > 1
