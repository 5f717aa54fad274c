"""Do time and memory of `fisc compare us-2024` grow linearly with the number of workers?

    python benchmarks/us_2024_scaling.py [--out benchmarks/results/us_2024_scaling.json]

Each size is a process of its own: one seed, smoke budget, all arms. Reported are the seconds of a whole process, its
peak memory, seconds per training update after compilation, and the slope of log time on log workers between the two
largest sizes.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import provenance

SIZES = (1_000, 10_000, 100_000)
SCRIPT = """
import json, resource, sys, time
from fisc.cli.machine import prepare_jax
prepare_jax()
import fisc
marks = []
started = time.perf_counter()
fisc.compare("us-2024", seeds=1, budget="smoke", out=sys.argv[2], draw=False,
             overrides={"economy.workers": int(sys.argv[1]), "budgets.smoke.planner_updates": 15,
                        "budgets.smoke.block": 5},
             say=lambda report: marks.append(time.perf_counter()))
print(json.dumps({"workers": int(sys.argv[1]), "seconds": time.perf_counter() - started,
                  "seconds_per_update": (marks[2] - marks[1]) / 5,
                  "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def measure(workers: int) -> dict:
    """One size in one process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", SCRIPT, str(workers), str(Path(folder) / "run")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return json.loads(done.stdout.strip().splitlines()[-1])


def slope(rows: list[dict], name: str) -> float:
    """Exponent of growth between the last two sizes: 1 is linear."""
    small, large = rows[-2], rows[-1]
    return math.log(large[name] / small[name]) / math.log(large["workers"] / small["workers"])


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also store the JSON here")
    options = parser.parse_args()
    rows = []
    for workers in SIZES:
        rows.append(measure(workers))
        print(json.dumps(rows[-1]), flush=True)
    names = ("seconds", "seconds_per_update", "peak_memory_mib")
    result = {
        "question": "time and memory of a comparison by number of workers",
        "rows": rows,
        "growth_exponent": {name: slope(rows, name) for name in names},
        "machine": provenance(),
    }
    print(json.dumps(result["growth_exponent"]))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
