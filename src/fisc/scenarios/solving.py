"""`fisc solve`: what can be known without learning."""

from fisc.scenarios import build
from fisc.scenarios.config import Scenario
from fisc.scenarios.kinds.kind import Solved
from fisc.scenarios.registry import load_scenario


def solve_scenario(scenario: Scenario | str, seed: int = 0, num_starts: int = 5) -> Solved:
    """Solve the planner problem of a scenario (or of the preset or file of that name) exactly, in float64.

    Raises:
        ConfigError: if the population cannot be made, or best responses are not exact.
    """
    if isinstance(scenario, str):
        scenario = load_scenario(scenario)
    return build.kind_of(scenario).solve(scenario, build.population(scenario, seed), num_starts)
