#!/usr/bin/env bash
# Repeats the validation experiment of the AI Economist papers and stores what it found beside this file.
# Two cores: up to half an hour. Run from the repository root after `make setup`.
set -euo pipefail
here=$(dirname "$0")
out=${1:-runs/reproduce-one-step}
fisc=.venv/bin/fisc
optimum='taxes.fixed_rates=[0.85, 0.85, 0.80, 0.75, 0.65, 0.60, 0.45]'

# (a) the planner learns, workers respond exactly
$fisc compare one-step --seeds 5 --budget quick --arms planner,optimum --out "$out/a" \
  --set learning.citizens=best_response --set learning.planner.learning_rate=3e-3 --set learning.planner.joins_at=0
# (b) workers learn under the optimal schedule (quantile skills: it is the same for every seed)
$fisc compare one-step --seeds 5 --budget full --arms fixed,optimum --out "$out/b" \
  --set economy.skills=quantiles --set "$optimum"
# (c) both learn, beside workers who learn under every fixed schedule
$fisc compare one-step --seeds 5 --budget full --out "$out/c"
# (d) both learn, and the schedule is found by trying versions side by side
$fisc compare one-step --seeds 3 --budget quick --arms free_market,saez,laboratories,optimum --out "$out/d"

# would workers gain by learning on, all together, against the trained planner?
# (best_response.json as stored is older than its key retrained_agents, which this run would write)
$fisc best-response "$out/c" --updates 200 --out "$out/best-response"
cp "$out/best-response/summary.json" "$here/best_response.json"

for part in a b c d; do cp "$out/$part/summary.json" "$here/$part.json"; done
cp "$out/c/figures/schedules.png" "$out/c/figures/welfare.png" "$out/c/figures/learning.png" "$here/"
cp "$out/d/figures/search.png" "$here/"
.venv/bin/python tools/make_docs.py  # the tables in the README
