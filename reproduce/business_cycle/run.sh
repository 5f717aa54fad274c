#!/usr/bin/env bash
# Random policies against the calibration table, and the slow twin against the program; stores both outputs.
# Run from the repository root after `make setup`: some ten minutes on one free core.
set -euo pipefail
.venv/bin/python reproduce/business_cycle/calibration.py --replicas 2048 | tee reproduce/business_cycle/calibration.txt
.venv/bin/python -m tests.twins.business_cycle --steps 100000 --seed 1 | tee reproduce/parity/business_cycle.txt
