#!/usr/bin/env bash
# The memory systems that benchmarks/memory_peers.py measures beside ours, in an environment of their own (var/peers).
set -euo pipefail
cd "$(dirname "$0")/.."
python3 -m venv var/peers
var/peers/bin/python -m pip install --quiet -c benchmarks/peers/constraints.txt mem0ai chromadb bm25s PyStemmer
echo "Now: .venv/bin/python benchmarks/memory_peers.py"
