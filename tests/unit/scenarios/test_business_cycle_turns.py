"""When the roles of the business cycle learn, explore and settle, as the keys of their learners say."""

import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.core.knobs import Progress
from fisc.scenarios import build
from fisc.scenarios.registry import load_scenario


def knobs_at(curriculum, update):
    """What a curriculum says at an update."""
    return curriculum(Progress(jnp.asarray(update, jnp.int32), jnp.zeros(()), jnp.zeros(())))


@pytest.mark.parametrize("lasts, length", [(0.0, 0.05), (0.25, 0.25)])
def test_entropy_fades_over_a_share_of_the_run(lasts, length):
    """Closed form: weight e^(-share of the run since the role's start / length), but not below the final one."""
    role = {"entropy": 0.5, "final_entropy": 0.02, "entropy_lasts": lasts}
    scenario = load_scenario("rbc-tiny", {f"learning.firm.{key}": value for key, value in role.items()})
    curriculum = build.make_system(scenario, scenario.budget("full"), has_government=True).curriculum
    for share in (0.1, 0.15, 0.25, 0.6, 1.0):
        knobs = knobs_at(curriculum, round(1500 * share))
        expected = max(0.5 * np.exp(-max(share - 0.15, 0.0) / length), 0.02)
        np.testing.assert_allclose(knobs.entropy["firm"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "preset, joins, opens, learns",
    [("rbc-tiny", 0.0, 225, 450), ("rbc-tiny", 0.5, 750, 750), ("rbc-taxes", 0.5, 300, 300)],
)
def test_a_government_that_joins_later_taxes_nothing_before(preset, joins, opens, learns):
    """Closed form: the ceiling rises for 225 updates of 1,500, in the schedule from 225 on, else from where the
    government joins; with a common start of 450 that is 300 updates after it."""
    scenario = load_scenario(preset, {"learning.government": {"joins_at": joins, "settles_at": 1.0}})
    curriculum = build.make_system(scenario, scenario.budget("full"), has_government=True).curriculum
    risen = [knobs_at(curriculum, opens + past) for past in (-1, 0, 45, 225)]
    np.testing.assert_allclose([knobs.max_rate for knobs in risen], [0.0, 0.0, 0.2, 1.0], atol=1e-6)
    # Both rates are 0, 20, ... 100 %: of 36 pairs one is open without taxes, four up to 20 %.
    assert [int(knobs.menu["government"].sum()) for knobs in risen] == [1, 1, 4, 36]
    assert [bool(knobs_at(curriculum, update).learning["government"]) for update in (learns - 1, learns)] == [
        False,
        True,
    ]


def test_without_a_government_nothing_depends_on_when_it_would_join():
    """Property."""
    early, late = (load_scenario("rbc-tiny", {"learning.government.joins_at": at}) for at in (0.0, 0.6))
    made = [build.make_system(s, s.budget("full"), has_government=False).curriculum for s in (early, late)]
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "preset, joins, settles, message",
    [
        (
            "rbc-tiny",
            0.1,
            1.0,
            "joins_at is 0.1: it must be from 0.15 on, when firms learn, and by 0.849, so that all",
        ),
        (
            "rbc-tiny",
            0.9,
            1.0,
            "joins_at is 0.9: it must be from 0.15 on, when firms learn, and by 0.849, so that all",
        ),
        ("rbc-taxes", 0.2, 1.0, "joins_at is 0.2: it must be from 0.3 on, when the common start is over, and by 0.849"),
        (
            "rbc-tiny",
            0.5,
            0.65,
            "settles_at is 0.65, but a government that joins at 0.5 may choose freely only from 0.65",
        ),
    ],
)
def test_a_government_that_joins_too_early_or_too_late_is_refused(preset, joins, settles, message):
    """Contract: before firms learn, within the common start, with rates that never open, or only once it settled."""
    scenario = load_scenario(preset, {"learning.government": {"joins_at": joins, "settles_at": settles}})
    with pytest.raises(ConfigError) as error:
        build.make_system(scenario, scenario.budget("full"), has_government=True)
    assert message in str(error.value) and "\n" not in str(error.value)
