"""Start (or join) the embedded server of a folder, write a row into `visits`, say "ready DSN", leave when stdin closes.

Run as: python use_postgres.py FOLDER
"""

import sys
from pathlib import Path

import psycopg

from undertone.postgres import start

server = start(Path(sys.argv[1]))
with psycopg.connect(server.dsn) as conn:
    conn.execute("insert into visits default values")
print("ready", server.dsn, flush=True)
sys.stdin.read()
server.stop()
