#!/usr/bin/env bash
# Which taxes pay in the business cycle: flat rates, a government that learns, and rates found by trying them side by side,
# all from a common start. Stores the summary and two figures beside this file.
# Run from the repository root after `make setup`: about an hour on two cores.
set -euo pipefail
here=$(dirname "$0")
out=${1:-runs/reproduce-business-cycle-taxes}

.venv/bin/fisc compare rbc-taxes --budget full --seeds 5 --out "$out" --resume
cp "$out/summary.json" "$here/rbc_taxes.json"
cp "$out/figures/fixed_taxes.png" "$here/taxes.png"
cp "$out/figures/search.png" "$here/taxes_search.png"
.venv/bin/python tools/make_docs.py # the table on the business cycle's page
