"""The knobs' neutral position."""

from fisc.core.knobs import full_knobs


def test_full_knobs_are_the_economy_as_it_is():
    # By hand: full labor cost, no ceiling, nobody explores or learns.
    knobs = full_knobs(("citizen", "planner"))
    assert (knobs.labor_cost, knobs.max_rate, knobs.phase) == (1.0, 1.0, 1)
    assert knobs.entropy == {"citizen": 0.0, "planner": 0.0}
    assert knobs.learning_rate == {"citizen": 1.0, "planner": 1.0}
    assert not any(knobs.learning.values())


def test_without_roles_there_is_nothing_to_turn_for_any():
    knobs = full_knobs()
    assert knobs.entropy == knobs.learning_rate == knobs.learning == {}
