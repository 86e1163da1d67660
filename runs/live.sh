#!/usr/bin/env bash
# Tests against a real OpenAI-compatible server: `transformers serve` on a tiny generated model, all on loopback.
# It needs torch, so it lives in .live/, an environment of its own; nothing is downloaded but packages.
set -euo pipefail
cd "$(dirname "$0")/.."
live=.live
python=${PYTHON:-.venv/bin/python}

if [ ! -e $live/.ready ]; then
    echo "Making $live with torch and transformers (minutes the first time) ..." >&2
    "$python" -m venv $live
    $live/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 'transformers[serving]==5.23.0'
    touch $live/.ready
fi
[ -e $live/tiny/model.safetensors ] || $live/bin/python runs/tiny_model.py $live/tiny >&2

port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -p $live/hub
HF_HUB_OFFLINE=1 HF_HUB_CACHE=$live/hub OMP_NUM_THREADS=1 $live/bin/transformers serve ./$live/tiny \
    --device cpu --continuous-batching --cb-block-size 32 --cb-num-blocks 256 --cb-max-batch-tokens 256 \
    --host 127.0.0.1 --port "$port" >$live/server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null || true' EXIT

started=$SECONDS
until "$python" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/health', timeout=2)" 2>/dev/null; do
    if ! kill -0 $server 2>/dev/null || [ $((SECONDS - started)) -gt 120 ]; then
        echo "transformers serve did not come up; its last words:" >&2
        tail -n 20 $live/server.log >&2
        exit 1
    fi
    sleep 0.5
done
echo "transformers serve is up after $((SECONDS - started)) s" >&2

UNDERTONE_LIVE_URL="http://127.0.0.1:$port/v1" UNDERTONE_LIVE_MODEL="./$live/tiny" "$python" -m pytest -m live -s "$@"
