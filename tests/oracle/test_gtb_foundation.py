"""Maps and ranked skills that the importer makes, which the parity harness takes from the reference. Kind: oracle."""

import os
from pathlib import Path

import numpy as np
import pytest

from fisc.scenarios import foundation
from fisc.scenarios.foundation_config import FIXED_MAPS, read

from . import gtb_reference, reference

FOLDER = Path(__file__).parent / "configs" / "gather_trade_build"
CONFIGS = sorted(FOLDER.glob("*.yaml"))[:: 1 if os.environ.get("FISC_EVERY_CONFIGURATION") else 6]
"""Every sixth, or all of them with FISC_EVERY_CONFIGURATION=1."""


@pytest.mark.skipif(not reference.is_installed(), reason=f"the reference program is missing: {reference.INSTALL}")
@pytest.mark.parametrize(
    "path", [p for p in CONFIGS if read(p).kind in FIXED_MAPS and p.stem != "citizens_100"], ids=lambda path: path.stem
)
def test_fixed_maps_and_ranked_skills_are_those_of_the_reference(path):
    config, game = read(path), gtb_reference.open_game(gtb_reference.read(path), seed=2)
    draws, start = game.reset().draws, foundation.economy(config, "foundation").beginning
    np.testing.assert_array_equal(start.layout.ground.sources, draws["source_maps"] > 0)
    np.testing.assert_array_equal(start.layout.ground.water, draws["water"] > 0)
    assert start.most_sources == max(1, int(draws["source_maps"].sum(axis=(1, 2)).max()))
    if config.has_ranked_skills:
        ranked = np.sort(game.constants["ranked_payments"])
        # The split world's ranks are drawn from whatever the global generator's state is: equal to a percent.
        np.testing.assert_allclose(start.ranked_payments, ranked, rtol=0.01 if config.kind == "split_layout" else 1e-6)
