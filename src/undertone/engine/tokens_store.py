"""Bytes a token of each model, shared by all processes: one small table, written when something was learned.

    ratios = await share(conn, engine.tokens.take_news())

Knows no person: a row is a model's name and a number.
"""

from collections.abc import Mapping

from undertone.resources import Connection


async def share(conn: Connection, news: Mapping[str, float]) -> dict[str, float]:
    """Bring what this process learned half-way into what is kept, and return what is kept now. One round trip."""
    cursor = await conn.execute(
        """
        with told as (
            select * from unnest(%s::text[], %s::float8[]) as t(model, bytes_per_token)
        ), written as (
            insert into token_ratios as r (model, bytes_per_token, updated_at)
            select model, bytes_per_token, now() from told order by model
            on conflict (model) do update
            set bytes_per_token = (r.bytes_per_token + excluded.bytes_per_token) / 2, updated_at = now()
            returning model, bytes_per_token
        )
        select model, bytes_per_token from written
        union all select model, bytes_per_token from token_ratios where model not in (select model from told)
        """,
        (list(news), list(news.values())),
    )
    return dict(await cursor.fetchall())
