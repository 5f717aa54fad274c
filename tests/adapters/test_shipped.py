"""The trained policies that come with fisc."""

import equinox as eqx
import jax
import pytest

from fisc.core.knobs import full_knobs
from fisc.scenarios.settings import load_setting
from fisc.scenarios.trained import shipped


@pytest.mark.parametrize("path", sorted(shipped("gtb-open-quadrant").values()), ids=lambda path: path.name)
def test_what_comes_with_fisc_fits_this_version(path):
    # Contract: its networks read what the economy shows. Where this turns red, train the preset again and pack it.
    setting = load_setting(path)
    assert path.stat().st_size < 1_000_000
    observation = setting.economy.observe(setting.economy.init(jax.random.key(0)), full_knobs())
    action = eqx.filter_jit(setting.policies["citizen"].act_greedily)(observation["citizen"])
    assert action.shape == (4,)
