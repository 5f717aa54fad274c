#!/usr/bin/env bash
# What learns in the business cycle: fixed rates against a government that learns, the same without a curriculum, PPO and
# policy gradient, pairs of constant rates, what happens as one side after the other learns, how outcomes go together over
# runs and firms, what consumers buy at other prices, and what each side could still gain. Stores the results beside this file.
# Run from the repository root after `make setup`: some eleven hours on two cores, of which sweeps at the full budget take
# one, those in which firms try prices for longer two, and rbc-small two, and one more with one network for all firms.
# Arms may be trained apart, in folders of their own, and put together by join.py.
set -euo pipefail
here=$(dirname "$0")
out=${1:-runs/reproduce-business-cycle}
fisc=.venv/bin/fisc
# A government that draws its rates to the end, as that of the published learner does.
draws="--set learning.government.epochs=2 --set learning.government.final_entropy=0.01 --set learning.government.settles_at=1"
# One that sets a pair for a whole episode, from a finer menu, at the paper's learning rate.
held="--set taxes.held_for=10 --set taxes.rate_step=0.1 --set taxes.max_rate=0.5 --set learning.government.learning_rate=5e-4"
gradient=""
for role in consumer firm government; do
  gradient="$gradient --set learning.$role.surrogate=policy_gradient --set learning.$role.epochs=1"
done

$fisc compare rbc-tiny --budget full --seeds 5 --set budgets.full.keep_every=750 --out "$out/curriculum" --resume
# shellcheck disable=SC2086
{
  $fisc compare rbc-tiny --budget full --seeds 5 --arms planner,free_market $draws --out "$out/draws" --resume
  $fisc compare rbc-tiny --budget full --seeds 5 --arms planner --set learning.schedule=none $draws --out "$out/none" \
    --resume
  $fisc compare rbc-tiny --budget full --seeds 5 --arms planner $held --out "$out/held" --resume
  $fisc compare rbc-tiny --budget full --seeds 2 --arms planner $gradient --out "$out/gradient" --resume
}
for role in consumer firm government; do
  $fisc best-response "$out/draws" --arm planner --role $role --algorithm ppo,policy_gradient \
    --learning-rate 0.003,0.001 --updates 150 --seeds 3 --episodes 400 --out "$out/best-response-$role" --resume
  cp "$out/best-response-$role/summary.json" "$here/tiny_best_response_$role.json"
done
cp "$out/draws/summary.json" "$here/drawn_to_the_end.json"
cp "$out/none/summary.json" "$here/no_curriculum.json"
cp "$out/held/summary.json" "$here/held_rates.json"
cp "$out/gradient/summary.json" "$here/policy_gradient.json"
.venv/bin/python "$here/join.py" rbc_tiny "$out/curriculum" # rbc_tiny.json and the figures
.venv/bin/python "$here/landmarks.py" rbc_tiny "$out/curriculum"
.venv/bin/python "$here/pairs.py" "$out/curriculum" --updates 200 --seeds 3 --out "$here/pairs.json"
.venv/bin/python "$here/unanswered.py" "$out/curriculum" --out "$here/unanswered.json"
$fisc sweep "$here/signs.toml" --out "$out/signs" --resume
.venv/bin/python "$here/signs.py" signs "$out/signs"
# The same settings at the full budget, two seeds each, and four more where not all is sure to collapse.
sed 's/^seeds = .*/seeds = 2/; s/^budget = .*/budget = "full"/' "$here/signs.toml" > "$out/signs_full.toml"
$fisc sweep "$out/signs_full.toml" --jobs 1 --out "$out/signs_full" --resume
$fisc sweep "$here/signs_more_seeds.toml" --jobs 1 --out "$out/signs_more_seeds" --resume
.venv/bin/python "$here/signs.py" signs_full "$out/signs_full" "$out/signs_more_seeds"
# Every floor and quota with either government, where firms try prices until consumers have learned to answer them, and once
# more with the other clip and another seed; how work stops in some of them; and what consumers then buy.
for name in signs_longer signs_longer_other_clip; do
  $fisc sweep "$here/$name.toml" --out "$out/$name" --resume
done
.venv/bin/python "$here/signs.py" signs_longer "$out/signs_longer" "$out/signs_longer_other_clip"
.venv/bin/python "$here/collapse.py" "$out/signs_longer" "$out/signs_longer_other_clip"
$fisc compare rbc-tiny --budget full --seeds 2 --arms planner --out "$out/two" --resume
# The larger networks, for a few updates: all figures, and no result.
$fisc compare rbc-open --budget quick --seeds 1 --out "$out/open" --resume
cp "$out/open/summary.json" "$here/rbc_open.json"
# Where firms have networks of their own and consumers come to compare prices: the main comparison.
$fisc compare rbc-small --budget full --seeds 5 --set budgets.full.keep_every=1500 --out "$out/small" --resume
.venv/bin/python "$here/join.py" rbc_small "$out/small" # rbc_small.json and the figures
.venv/bin/python "$here/landmarks.py" rbc_small "$out/small"
for role in consumer firm government; do
  $fisc best-response "$out/small" --arm planner --role $role --algorithm ppo,policy_gradient \
    --learning-rate 0.001,0.0003 --updates 150 --seeds 3 --episodes 400 --out "$out/small-best-response-$role" --resume
  cp "$out/small-best-response-$role/summary.json" "$here/best_response_$role.json"
done
# The same learners without a curriculum: everybody learns at once, nothing is held back, and no common start.
$fisc compare rbc-small --budget full --seeds 5 --arms planner --set learning.schedule=none \
  --set learning.government.joins_at=0.0 --set budgets.full.common_updates=0 --set budgets.full.updates=6000 \
  --set budgets.full.planner_updates=6000 --out "$out/small-none" --resume
cp "$out/small-none/summary.json" "$here/small_no_curriculum.json"
.venv/bin/python "$here/demand.py" "$out/small" "$out/two" "$out"/signs_longer*/objective=* --out "$here/demand.json"
# The same with one network for all firms, who then move as one.
$fisc compare rbc-small --budget full --seeds 5 --set learning.firm.own_networks=false --out "$out/one-network" --resume \
  --set learning.consumer.final_learning_rate=1.0 --set learning.firm.final_learning_rate=1.0
.venv/bin/python "$here/join.py" one_network "$out/one-network"
.venv/bin/python "$here/firms.py" "$out/small" "$out/two" "$out"/signs_longer "$out"/signs_longer_other_clip
.venv/bin/python tools/make_docs.py # the tables on the business cycle's page
