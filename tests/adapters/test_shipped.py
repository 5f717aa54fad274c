"""The trained policies that come with fisc."""

import equinox as eqx
import jax
import pytest

from fisc.core.knobs import full_knobs
from fisc.scenarios.registry import PRESETS
from fisc.scenarios.settings import load_setting
from fisc.scenarios.trained import shipped

FILES = sorted(path for preset in PRESETS for path in shipped(preset).values())


def test_policies_of_two_economies_come_with_fisc():
    assert {path.name.partition(".")[0] for path in FILES} == {"gtb-open-quadrant", "rbc-small"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_comes_with_fisc_fits_this_version(path):
    # Contract: its networks read what the economy shows. Where this turns red, train the preset again and pack it.
    setting = load_setting(path)
    assert path.stat().st_size < 1_000_000
    observation = setting.economy.observe(setting.economy.init(jax.random.key(0)), full_knobs())
    for role, policy in setting.policies.items():
        action = eqx.filter_jit(policy.act_greedily)(observation[role])
        assert action.shape[0] == setting.economy.spec.roles[role].num_agents
