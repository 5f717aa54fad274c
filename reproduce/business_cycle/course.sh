#!/usr/bin/env bash
# How far each role of the business cycle is from a best response before, amid and after training. Stores the answers
# beside this file, in course/.
# Run from the repository root after `make setup`: an hour and a half on one core.
set -euo pipefail
here=$(dirname "$0")
out=${1:-runs/reproduce-business-cycle-course}
fisc=.venv/bin/fisc

# a government that draws its rates to the end, with a tenth of the exploration of the other roles
$fisc compare rbc-tiny --budget full --seeds 3 --arms planner --set learning.government.final_entropy=0.001 \
  --set learning.government.epochs=2 --set learning.government.settles_at=1 --set budgets.full.keep_every=750 \
  --out "$out" --resume
mkdir -p "$here/course"
for moment in 0 750 1500; do
  case $moment in 0) when="--from untrained" ;; 750) when="--at 750" ;; *) when="" ;; esac
  for role in consumer firm government; do
    # shellcheck disable=SC2086
    $fisc best-response "$out" --arm planner --role $role $when --algorithm ppo,policy_gradient \
      --learning-rate 0.003,0.001 --updates 60 --seeds 2 --episodes 200 --out "$out/best-response/$role-$moment" --resume
    cp "$out/best-response/$role-$moment/summary.json" "$here/course/$role-$moment.json"
  done
done
.venv/bin/python tools/make_docs.py # the table on the business cycle's page
