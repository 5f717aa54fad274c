#!/usr/bin/env bash
# What learns in the business cycle: fixed rates against a government that learns, the same without a curriculum, and
# what each side could still gain. Stores the results beside this file.
# Run from the repository root after `make setup`: up to three hours on two cores.
set -euo pipefail
here=$(dirname "$0")
out=${1:-runs/reproduce-business-cycle}
fisc=.venv/bin/fisc

$fisc compare rbc-small --budget full --seeds 5 --out "$out/curriculum" --resume
$fisc compare rbc-small --budget full --seeds 5 --arms planner --set learning.schedule=none --out "$out/none" --resume
for role in consumer firm government; do
  $fisc best-response "$out/curriculum" --arm planner --role $role --algorithm ppo,policy_gradient \
    --learning-rate 0.003,0.001 --updates 150 --seeds 3 --episodes 400 --out "$out/best-response-$role" --resume
  cp "$out/best-response-$role/summary.json" "$here/best_response_$role.json"
done
cp "$out/curriculum/summary.json" "$here/rbc_small.json"
cp "$out/none/summary.json" "$here/no_curriculum.json"
for figure in learning fixed_taxes outcomes firms; do cp "$out/curriculum/figures/$figure.png" "$here/"; done
.venv/bin/python tools/make_docs.py  # the tables on the business cycle's page
