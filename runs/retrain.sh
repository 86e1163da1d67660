#!/usr/bin/env bash
# Trains every head that is shipped, from the rows it was trained on, and says how each does on authors it had not seen.
#
#     bash runs/retrain.sh [OUT]          # OUT: var/retrain; src/undertone replaces the shipped heads
#
# Needs the `train` extra and the labelled rows: data/care here, openings and goemotions beside the repository
# (UNDERTONE_SHARED_DATA may name another folder). About ten minutes on two cores; the figures go to var/retrain/*.json. Same
# rows, same heads, up to the last bit of half precision (a text's vector depends a little on its batch).
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-var/retrain}
data=${UNDERTONE_SHARED_DATA:-../shared/data}
bin=.venv/bin
export OMP_NUM_THREADS=1

if [ ! -d "$data/openings" ]; then
    echo "No labelled rows in $data: set UNDERTONE_SHARED_DATA to the folder that holds openings/ and goemotions/." >&2
    exit 2
fi
mkdir -p "$out/signals/models" "$out/guardrails/models"
figures=$(mktemp -d)
trap 'rm -r "$figures"' EXIT

openings=()
for file in "$data"/openings/openings-{C,D,E,F,G}.jsonl; do openings+=(--data "$file"); done
echo "user_type" >&2
$bin/undertone train user_type "${openings[@]}" --curve --out "$out/signals/models/user_type" --json >"$figures/user_type.json"
echo "sentiment" >&2
$bin/undertone train sentiment --data data/care/sentiment.jsonl --data data/care/sentiment-chat.jsonl \
    --data data/care/sentiment-tough.jsonl --out "$out/signals/models" --json >"$figures/sentiment.json"
echo "emotion" >&2
$bin/undertone train emotion --data "$data/goemotions/ekman/train.tsv" --out "$out/signals/models" --json \
    >"$figures/emotion.json"
echo "crisis, human, injection" >&2
$bin/python -m undertone.guardrails.training data/care --out "$out/guardrails/models" >"$figures/guardrails.json"

# Cards and pictures belong to the reader, not to the package.
cards="$out/cards"
[ "$out" = src/undertone ] && cards=docs/models
mkdir -p "$cards" var/retrain
mv "$out"/signals/models/user_type/README.md "$cards/user_type.md"
mv "$out"/signals/models/user_type/*.svg "$out"/signals/models/sentiment.md "$cards/"
cp "$figures"/*.json var/retrain/
echo "Heads are in $out, cards in $cards, figures in var/retrain." >&2
