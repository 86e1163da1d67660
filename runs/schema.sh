#!/bin/sh
# Write src/undertone/migrations/schema.sql anew from the numbered migrations.
set -eu
cd "$(dirname "$0")/.."
exec "${PYTHON:-.venv/bin/python}" -m undertone.migrations.schema
