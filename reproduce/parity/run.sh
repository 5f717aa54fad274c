#!/usr/bin/env bash
# Plays every stored configuration in fisc and in the reference program side by side, and stores what was compared.
# One step: some five minutes on two cores. Run from the repository root after `make setup oracle`.
set -euo pipefail
here=$(dirname "$0")
for config in tests/oracle/configs/one_step_*.yaml; do
  echo "$(basename "$config"): $(.venv/bin/python -m tests.oracle.one_step --config "$config" --episodes 40 --seed 11 | tail -1)"
done | tee "$here/one_step.txt"
