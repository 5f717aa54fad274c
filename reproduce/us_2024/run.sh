#!/usr/bin/env bash
# The main comparison on US wages and law, as shown in the README. Two cores: a few minutes. Run after `make setup`.
set -euo pipefail
here=$(dirname "$0")
out=${1:-runs/reproduce-us-2024}
.venv/bin/fisc compare us-2024 --seeds 5 --budget full --out "$out"
cp "$out/summary.json" "$out/figures/schedules.png" "$out/figures/gains.png" "$out/figures/welfare.png" "$here/"
.venv/bin/python tools/make_docs.py  # the table in the README
