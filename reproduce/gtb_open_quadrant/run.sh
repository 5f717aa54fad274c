#!/usr/bin/env bash
# The main comparison of the AI Economist papers: four citizens on Open-Quadrant, four tax systems, at equal steps, and what
# each side could still gain. Stores the results beside this file; seeds may be run one by one.
# Run from the repository root after `make setup`: run.sh SEEDS FOLDER, such as run.sh 0,1,2. Two cores take less than an
# hour a seed; an interrupted run goes on where it was.
set -euo pipefail
here=$(dirname "$0")
seeds=${1:-0,}
out=${2:-runs/reproduce-gtb-open-quadrant}
fisc=.venv/bin/fisc
case $seeds in *,*) ;; *) echo "seeds need a comma: 0, for the first alone, or 0,1,2" >&2; exit 2 ;; esac

$fisc compare gtb-open-quadrant --budget full --seeds "$seeds" --out "$out" --resume
.venv/bin/python "$here/collect.py" "$out"
.venv/bin/python "$here/best_builder.py"

# would the best builder, all citizens, or the planner gain by learning on while everybody else stays as they are?
ask() {
  $fisc best-response "$out" --updates 50 --out "$out/best-response/$1" --resume "${@:2}"
  cp "$out/best-response/$1/summary.json" "$here/best_response_$1.json"
}
ask planner --arm planner --role planner
ask citizens --arm planner --role citizen
ask best_builder --arm planner --role citizen --agent 3
ask free_market_citizens --arm free_market --role citizen
.venv/bin/python tools/make_docs.py # the tables in docs/economies/gather-trade-build.md
