#!/usr/bin/env bash
# What else was asked of the economy of run.sh: the planner under the inverse-income objective, the Saez formula with the
# elasticity of the published grid search, a schedule found by trying, in a climb and on a line, all arms with citizens who
# learn ever more slowly to the end, and a planner that is told how much equality counts. Stores the results in more.csv,
# search.csv and frontier.csv.
# Run from the repository root after `make setup`: more.sh SEEDS FOLDER, such as more.sh 1,2. Two cores take a quarter of
# an hour a seed and question, and three quarters for a search and for all arms; an interrupted run goes on where it was.
set -euo pipefail
here=$(dirname "$0")
seeds=${1:-0,}
out=${2:-runs/reproduce-gtb-more-${seeds//,/-}}
case $seeds in *,*) ;; *) echo "seeds need a comma: 0, for the first alone, or 0,1,2" >&2; exit 2 ;; esac

ask() {
  .venv/bin/fisc compare gtb-open-quadrant --budget full --seeds "$seeds" --out "$out/$1" --resume "${@:3}"
  .venv/bin/python "$here/more.py" "$2" "$out/$1"
}
ask inverse-income "inverse income" --arms planner --objective inverse_income_weighted_utility
ask saez-fixed "elasticity of 3" --arms saez_estimated --set taxes.saez_elasticity=3
ask laboratories "found by trying" --arms laboratories
slowly=(--set learning.citizen.final_learning_rate=0.03 --set evaluation.episodes=400)
ask slower-end "slower end" "${slowly[@]}"
ask line "on a line" --arms laboratories "${slowly[@]}" --set laboratories.search=line --set laboratories.begins_at=0 \
  --set laboratories.reach=0.7 --set laboratories.ignores=0.5 --set laboratories.listens_at=0.67 \
  --set budgets.full.search_updates=300
ask frontier "every weight of equality" --arms planner --frontier
.venv/bin/python tools/make_docs.py # the tables in docs/economies/gather-trade-build.md
