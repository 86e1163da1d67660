#!/usr/bin/env bash
# Live the scripted week with five people once more, and write docs/week.md and its golden trace from it.
set -euo pipefail
cd "$(dirname "$0")/.."
UNDERTONE_WEEK=write "${PYTHON:-.venv/bin/python}" -m pytest -q tests/engine/test_week.py
