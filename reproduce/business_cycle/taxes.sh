#!/usr/bin/env bash
# Which taxes pay in the business cycle: flat rates, a government that learns, and rates found by trying them side by side,
# all from a common start, five seeds; and rates found by trying against none with five more. And what consumption does as
# prices change, by what the same runs recorded and under caps on prices. Stores summaries, tables and figures beside this
# file.
# Run from the repository root after `make setup`: some 75 minutes on two cores.
set -euo pipefail
here=$(dirname "$0")
out=${1:-runs/reproduce-business-cycle-taxes}

.venv/bin/fisc compare rbc-taxes --budget full --seeds 5 --out "$out" --resume
.venv/bin/fisc compare rbc-taxes --budget full --arms free_market,laboratories --seeds 5,6,7,8,9 --out "$out-more" --resume
cp "$out-more/summary.json" "$here/rbc_taxes_more.json"
cp "$out/summary.json" "$here/rbc_taxes.json"
cp "$out/figures/fixed_taxes.png" "$here/taxes.png"
cp "$out/figures/search.png" "$here/taxes_search.png"
cp "$out/figures/outcomes.png" "$here/taxes_outcomes.png"
.venv/bin/fisc sweep "$here/price_caps.toml" --jobs 1 --out "$out-price-caps" --resume
.venv/bin/python "$here/prices.py" "$out-price-caps" "$out" "$out-more"
.venv/bin/python tools/make_docs.py # the tables on the business cycle's page
