#!/usr/bin/env bash
# One planner learns the trade-off between equality and productivity for every weight of equality, held against the
# exact frontier. One core: some three minutes. Run from the repository root after `make setup`.
set -euo pipefail
here=$(dirname "$0")
out=${1:-runs/reproduce-frontier}
.venv/bin/fisc compare one-step --frontier --seeds 3 --budget quick --out "$out" \
  --set learning.citizens=best_response --set learning.planner.learning_rate=3e-3 --set learning.planner.joins_at=0 \
  --set learning.planner.settles_at=1 --set budgets.quick.planner_updates=400 --set budgets.quick.block=100
cp "$out/summary.json" "$out/figures/trade_off.png" "$here/"
.venv/bin/python tools/make_docs.py  # the table in docs/frontier.md
