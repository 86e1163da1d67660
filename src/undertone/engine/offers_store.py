"""The rows of offers: the catalogue, when one was mentioned to whom, and until when somebody is left in peace.

Each function runs one statement on the caller's connection. Knows no gate: `offers` decides.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row

from undertone.engine.offers import Offer
from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class Standing:
    """What stood before this message between a person and offers."""

    rest_until: datetime | None = None
    last_at: datetime | None = None
    in_week: int = 0
    in_conversation: int = 0
    mentioned: dict[str, datetime] = field(default_factory=dict[str, datetime])


async def catalogue(conn: Connection, persona_id: str | None = None) -> list[Offer]:
    """Active items, those beside this persona's replies when one is named; all of them, retired ones too, for None."""
    async with conn.cursor(row_factory=class_row(Offer)) as cursor:
        await cursor.execute(
            "select offer_id, title, description, price, currency, url, personas, cues, active from offers"
            " where %(persona)s::text is null or (active and (personas = '{}' or %(persona)s = any(personas)))"
            " order by offer_id",
            {"persona": persona_id},
        )
        return await cursor.fetchall()


async def save(conn: Connection, offer: Offer) -> None:
    """Register an item, or replace it."""
    await conn.execute(
        """
        insert into offers (offer_id, title, description, price, currency, url, personas, cues, active)
        values (%s, %s, %s, %s, %s, %s, %s, %s, true)
        on conflict (offer_id) do update set title = excluded.title, description = excluded.description,
            price = excluded.price, currency = excluded.currency, url = excluded.url, personas = excluded.personas,
            cues = excluded.cues, active = true, updated_at = now()
        """,
        [
            *(offer.offer_id, offer.title, offer.description, offer.price, offer.currency, offer.url),
            *(list(offer.personas), list(offer.cues)),
        ],
    )


async def retire(conn: Connection, offer_id: str) -> bool:
    """No longer mention an item; False when there is none."""
    cursor = await conn.execute("update offers set active = false, updated_at = now() where offer_id = %s", [offer_id])
    return cursor.rowcount == 1


async def standing(conn: Connection, user_id: UUID, conversation_id: UUID, now: datetime) -> Standing:
    cursor = await conn.execute(
        """
        select (select rest_until from offer_rests r where r.user_id = %(user)s), max(mentioned_at),
            count(*) filter (where mentioned_at > %(now)s::timestamptz - interval '7 days'),
            count(*) filter (where conversation_id = %(conversation)s),
            coalesce((select jsonb_object_agg(offer_id, extract(epoch from latest)) from (
                select offer_id, max(mentioned_at) as latest from offer_mentions
                where user_id = %(user)s group by offer_id) each), '{}')
        from offer_mentions where user_id = %(user)s
        """,
        {"user": user_id, "now": now, "conversation": conversation_id},
    )
    row = await cursor.fetchone()
    assert row is not None
    mentioned = {offer_id: datetime.fromtimestamp(float(at), now.tzinfo) for offer_id, at in row[4].items()}
    return Standing(row[0], row[1], row[2], row[3], mentioned)


async def spent(conn: Connection, user_id: UUID, now: datetime) -> dict[str, dict[str, Decimal]]:
    """What was paid in the last day, week and month, by currency: it closes offers at a limit and chooses none."""
    cursor = await conn.execute(
        """
        select span, currency, sum(value) from outcomes,
            (values ('day', interval '1 day'), ('week', interval '7 days'), ('month', interval '30 days'))
            spans (span, back)
        where user_id = %(user)s and kind in ('purchase', 'subscription') and value > 0
            and at > %(now)s::timestamptz - back
        group by 1, 2
        """,
        {"user": user_id, "now": now},
    )
    sums: dict[str, dict[str, Decimal]] = {}
    for span, currency, total in await cursor.fetchall():
        sums.setdefault(span, {})[currency] = total
    return sums


async def mention(conn: Connection, *, user_id: UUID, turn_id: UUID, conversation_id: UUID, offer: Offer) -> bool:
    """Keep that an item was mentioned; False when another window mentioned one within the day."""
    cursor = await conn.execute(
        """
        insert into offer_mentions (user_id, turn_id, offer_id, conversation_id, price, currency, mentioned_at)
        select %(user)s, %(turn)s, %(offer)s, %(conversation)s, %(price)s, %(currency)s, clock_timestamp()
        where (select pg_advisory_xact_lock(hashtextextended(%(user)s::text, 14)) is not null)
            and not exists (select from offer_mentions
                where user_id = %(user)s and mentioned_at > clock_timestamp() - interval '24 hours')
        """,
        {
            "user": user_id,
            "turn": turn_id,
            "offer": offer.offer_id,
            "conversation": conversation_id,
            "price": offer.price,
            "currency": offer.currency,
        },
    )
    return cursor.rowcount == 1


async def rest(conn: Connection, user_id: UUID, until: datetime, reason: str) -> None:
    """Leave somebody in peace until then, or longer when they already are."""
    await conn.execute(
        """
        insert into offer_rests as r (user_id, rest_until, reason) values (%s, %s, %s)
        on conflict (user_id) do update set
            reason = case when excluded.rest_until > r.rest_until then excluded.reason else r.reason end,
            rest_until = greatest(r.rest_until, excluded.rest_until)
        """,
        [user_id, until, reason],
    )


async def export_mentions(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """What was mentioned to a person, at what price, oldest first."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select turn_id, offer_id, price, currency, mentioned_at from offer_mentions where user_id = %s"
            " order by mentioned_at",
            [user_id],
        )
        return await cursor.fetchall()


async def erase_mentions(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from offer_mentions where user_id = %s", [user_id])).rowcount


async def export_rest(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select rest_until, reason from offer_rests where user_id = %s", [user_id])
        return await cursor.fetchall()


async def erase_rest(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from offer_rests where user_id = %s", [user_id])).rowcount


HOLDINGS = {
    "offer_mentions": (export_mentions, erase_mentions),
    "offer_rests": (export_rest, erase_rest),
}
"""How the rows about a person are exported and erased."""
