"""What recall reads instead of messages: a person's and persona's whole past in a few packed rows.

    await pack_if_due(conn, user_id, persona_id, seq)       # by `append`, once in 128 messages
    stream = await read_stream(conn, user_id, persona_id)   # all of it, about 0.5 kB a message

The blocks hold nothing that messages do not: `refresh` rebuilds them when a message changes or goes.
"""

from undertone.memory.index.store import Row, pack_if_due, read_rows, read_stream, refresh, seqs_of
from undertone.memory.index.stream import Stream

__all__ = ["Row", "Stream", "pack_if_due", "read_rows", "read_stream", "refresh", "seqs_of"]
