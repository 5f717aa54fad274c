"""What only building shows to be wrong, found before anything is spent."""

import equinox as eqx
import jax
import numpy as np

from fisc.core.knobs import full_knobs
from fisc.scenarios import build, laboratories
from fisc.scenarios.plan import Plan, is_search
from fisc.scenarios.registry import LABORATORIES


def outline(planned: Plan) -> None:
    """Make everything that learns in outline, with shapes and without numbers, so that what cannot be is refused now.

    Raises:
        ConfigError: what an economy, a tax system or a network of the plan refuses.
    """
    scenario, key = planned.scenario, jax.random.key(0)
    people = build.population(scenario, planned.seeds[0])
    for arm in scenario.arms:
        if not is_search(scenario, arm) and arm != LABORATORIES:
            build.make_tax(scenario, people, arm, build.exact_rates(scenario, people, arm))
    given = np.zeros(len(build.kind_of(scenario).rate_names(people)))
    if planned.budget.common_updates and scenario.learning.people_learn:
        build.make_common_system(scenario, planned.budget)
    if LABORATORIES in scenario.arms:
        laboratories.system(planned)
    learned = [arm for arm in planned.scenario.arms if arm in ("planner", "saez_estimated") or ".py:" in arm]
    for arm in [*learned, *[arm for arm in scenario.arms if arm not in learned][:1]]:
        tax = build.make_tax(scenario, people, arm, None if arm in learned else given)
        economy = build.make_economy(scenario, people, tax)
        system = build.make_system(scenario, planned.budget, tax.planner_space is not None)
        run = eqx.filter_eval_shape(system.init, economy, key)
        first = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), run.environments)
        eqx.filter_eval_shape(economy.observe, first, full_knobs(tuple(economy.spec.roles)))
