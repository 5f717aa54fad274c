#!/usr/bin/env bash
# The main comparison of the AI Economist papers: four citizens on Open-Quadrant, four tax systems, at equal steps.
# Two cores: some 75 minutes a seed (the number of seeds is the first argument). An interrupted run goes on where it was.
# Run from the repository root after `make setup`.
set -euo pipefail
here=$(dirname "$0")
seeds=${1:-1}
out=${2:-runs/reproduce-gtb-open-quadrant}
fisc=.venv/bin/fisc
$fisc compare gtb-open-quadrant --seeds "$seeds" --budget full --out "$out" --resume
.venv/bin/python "$here/collect.py" "$out" "$here"

# would citizens, or the planner, gain by learning on while everybody else stays as they are?
for role in citizen planner; do
  $fisc best-response "$out" --arm planner --role $role --updates 100 --seeds 1 --out "$out/best-response/planner-$role"
  cp "$out/best-response/planner-$role/summary.json" "$here/best_response_$role.json"
done
.venv/bin/python tools/make_docs.py  # the tables in docs/economies/gather-trade-build.md
