"""A stored episode for the tests that need no jax: four citizens, 200 steps, 4 tax years.

Made by `fisc watch FILE --seed 3` from tests/unit/scenarios/town.yaml with episode_length 200 and period 50.
"""

from pathlib import Path

PATH = Path(__file__).parent / "data" / "village.npz"
