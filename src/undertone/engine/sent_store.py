"""What turns keep of the requests they sent: the layouts in `turns.sent`, and the texts that layouts share.

SQL only. `sent` says what a layout means.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class SentText:
    """One text of a layout that stands nowhere else. `refs` are the memories and conversations it quotes."""

    digest: bytes
    text: str
    refs: tuple[UUID, ...] = ()


async def save_texts(conn: Connection, user_id: UUID, texts: Sequence[SentText]) -> None:
    """Keep those of a layout's texts that are not there yet; the layout itself is stored with its turn."""
    rows = [{"digest": t.digest.hex(), "text": t.text, "refs": [str(id) for id in t.refs]} for t in texts]
    await conn.execute(
        """
        insert into sent_texts (user_id, digest, text, refs)
        select %s, decode(t.digest, 'hex'), t.text, t.refs
        from jsonb_to_recordset(%s) as t (digest text, text text, refs uuid[]) on conflict do nothing
        """,
        (user_id, json.dumps(rows)),
    )


async def load_sent(conn: Connection, user_id: UUID, turn_id: UUID) -> dict[str, Any] | None:
    """A turn's layout; None when it sent nothing, or what it answered was forgotten."""
    cursor = await conn.execute("select sent from turns where user_id = %s and turn_id = %s", (user_id, turn_id))
    row = await cursor.fetchone()
    return row[0] if row else None


async def load_texts(conn: Connection, user_id: UUID, digests: Iterable[bytes]) -> dict[bytes, str]:
    """The texts with these digests that are still there."""
    cursor = await conn.execute(
        "select digest, text from sent_texts where user_id = %s and digest = any(%s)", (user_id, list(digests))
    )
    return {bytes(digest): text for digest, text in await cursor.fetchall()}


async def forget_in_turns(conn: Connection, user_id: UUID, ids: Sequence[UUID]) -> None:
    """Take forgotten memories and messages out of what turns keep: their reasons, their readings, their requests."""
    gone = {"user": user_id, "ids": list(ids), "names": [str(id) for id in ids]}
    await conn.execute("delete from sent_texts where user_id = %(user)s and refs && %(ids)s", gone)
    await conn.execute(
        "update turns set sent = null, why = why - 'memories' - 'signals'"
        " where user_id = %(user)s and (user_message_id = any(%(ids)s) or reply_id = any(%(ids)s))",
        gone,
    )
    await conn.execute(
        """
        update turns set why = jsonb_set(why, '{memories}', coalesce((
            select jsonb_agg(m order by n) from jsonb_array_elements(why -> 'memories') with ordinality as t (m, n)
            where m ->> 'id' <> all(%(names)s)), '[]'))
        where user_id = %(user)s and exists (
            select from jsonb_array_elements(coalesce(why -> 'memories', '[]')) as m where m ->> 'id' = any(%(names)s))
        """,
        gone,
    )


async def export_texts(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    cursor = await conn.execute("select text, refs from sent_texts where user_id = %s", (user_id,))
    return [{"text": text, "refs": refs} for text, refs in await cursor.fetchall()]


async def erase_texts(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from sent_texts where user_id = %s", (user_id,))).rowcount


HOLDINGS = {"sent_texts": (export_texts, erase_texts)}
"""How this table is exported and erased."""
