#!/usr/bin/env bash
# Plays every stored configuration in fisc and in the reference program side by side, and stores what was compared.
# One step: some five minutes on two cores. Gather-Trade-Build, 200,000 steps: about half an hour on one core, half of it in
# the reference program; it can be stopped and goes on where it was, and starts over if its file is deleted.
# Run from the repository root after `make setup oracle`.
set -euo pipefail
here=$(dirname "$0")
for config in tests/oracle/configs/one_step_*.yaml; do
  echo "$(basename "$config"): $(.venv/bin/python -m tests.oracle.one_step --config "$config" --episodes 40 --seed 11 | tail -1)"
done | tee "$here/one_step.txt"

# What is compiled runs for seconds: here compiling quickly matters more than running quickly.
export XLA_FLAGS="--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
.venv/bin/python -m tests.oracle.gtb_tally --into "$here/gather_trade_build.txt" --steps 3000 --seed 1
