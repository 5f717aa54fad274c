#!/usr/bin/env bash
# Ten citizens on the larger map: four tax systems, at equal steps. Stores the results beside this file; seeds may be run
# one by one.
# Run from the repository root after `make setup`: run.sh SEEDS FOLDER, such as run.sh 0,. Two cores take some two hours a
# seed; an interrupted run goes on where it was.
set -euo pipefail
here=$(dirname "$0")
seeds=${1:-0,}
out=${2:-runs/reproduce-gtb-open-quadrant-10-larger}
case $seeds in *,*) ;; *) echo "seeds need a comma: 0, for the first alone, or 0,1,2" >&2; exit 2 ;; esac

.venv/bin/fisc compare gtb-open-quadrant-10 --budget full --seeds "$seeds" --out "$out" --resume
.venv/bin/python reproduce/gtb_open_quadrant/collect.py "$out" --into "$here"
.venv/bin/python tools/make_docs.py # the table in docs/economies/gather-trade-build.md
