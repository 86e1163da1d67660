"""Roll-ups: daily numbers made from events, a day at a time, and made again whenever a row of that day arrives.

    touched = await roll_up(conn)            # in a transaction; one at a time, whoever runs it
    await roll_up(conn, rebuild=True)        # everything anew

Rows are found by the transaction that wrote them, so one that commits late or tells of last week is not missed. Knows
no report.
"""

from datetime import date, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from undertone.resources import Connection

ROLLUP_LOCK = 7_236_170_115
NOTICE_LIMIT = timedelta(hours=3)
"""A turn counts as disclosed when the person was told within this time that they talk to an AI: the law's limit."""
BUCKETS_PER_E = 20
"""Time to first token is kept in buckets each exp(1/20) = 5 % wide."""


async def set_zone(conn: Connection, zone: str) -> None:
    """Say in which time zone a day begins. Another one than before makes everything due to be made anew."""
    await conn.execute("update rollup_state set zone = %s, seen = '0' where zone <> %s", [zone, zone])


async def roll_up(conn: Connection, *, rebuild: bool = False) -> list[date]:
    """Bring the roll-ups up to date inside the caller's transaction; the days that were made anew.

    Holds an advisory lock to the end of it: a second worker waits, then finds nothing left to do. A database restored
    under smaller transaction numbers is noticed and rebuilt.
    """
    await conn.execute("select pg_advisory_xact_lock(%s)", [ROLLUP_LOCK])
    cursor = await conn.execute(
        "select zone, seen::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint from rollup_state"
    )
    row = await cursor.fetchone()
    assert row is not None
    zone, seen, horizon = row
    since = 0 if rebuild or horizon < seen else seen
    if since == 0:
        await conn.execute("delete from daily_totals")
        await conn.execute("delete from user_metrics")
        await conn.execute("delete from user_totals")
    days = await _touched(conn, zone, since)
    for day in days:
        await _person_days(conn, zone, day)
        await _totals(conn, zone, day)
    if days:
        await _people(conn, None if since == 0 else days)
        await _active(conn, days)
        await _retention(conn)
    await conn.execute("update rollup_state set seen = %s::text::xid8, at = now()", [str(horizon)])
    return days


async def _touched(conn: Connection, zone: str, since: int) -> list[date]:
    """The days of which rows were written since; rows of transactions still running are seen by the next run too."""
    cursor = await conn.execute(
        """
        select distinct (at at time zone %(zone)s)::date as day from events where written_by >= %(since)s::text::xid8
        union
        select (at at time zone %(zone)s)::date from outcomes where written_by >= %(since)s::text::xid8
        order by day
        """,
        {"zone": zone, "since": str(since)},
    )
    return [day for (day,) in await cursor.fetchall()]


async def _person_days(conn: Connection, zone: str, day: date) -> None:
    """Everybody's row of a day. People are held first, so that one who is being erased is gone or waits for us."""
    span = {"day": day, "zone": zone}
    await conn.execute(
        """
        select user_id from users where user_id in (
            select user_id from user_metrics where day = %(day)s
            union select user_id from events where kind = 'TurnFinished'
                and at >= (%(day)s::timestamp at time zone %(zone)s)
                and at < ((%(day)s::date + 1)::timestamp at time zone %(zone)s))
        order by user_id for key share
        """,
        span,
    )
    await conn.execute("delete from user_metrics where day = %s", [day])
    await conn.execute(
        """
        insert into user_metrics
        select user_id, %(day)s, count(*), count(distinct conversation), sum(memories), avg(valence), sum(tokens),
            sum(cost), (array_agg(label order by at desc, id desc))[1],
            count(*) filter (where typed_before = 0 and not decided), bool_or(decided)
        from (
            select user_id, at, id, data->>'conversation_id' as conversation, (data->>'memories')::int as memories,
                (data->>'valence')::real as valence, (data->>'prompt_tokens')::bigint as tokens,
                coalesce((data->>'cost_usd')::float8, 0) as cost, data->>'user_type' as label,
                data->>'user_type' not in ('undecided', 'unknown') as decided,
                count(*) filter (where data->>'user_type' not in ('undecided', 'unknown'))
                    over (partition by user_id order by at, id) as typed_before
            from events
            where kind = 'TurnFinished' and user_id in (select user_id from users)
                and at >= (%(day)s::timestamp at time zone %(zone)s)
                and at < ((%(day)s::date + 1)::timestamp at time zone %(zone)s)
        ) turn
        group by user_id
        """,
        span,
    )


async def _people(conn: Connection, days: list[date] | None) -> None:
    """Everybody who has a day among these, over all their days."""
    await conn.execute(
        """
        insert into user_totals as t
        select user_id, min(day), max(day), sum(turns), (array_agg(user_type order by day desc))[1],
            case when bool_or(typed) then sum(untyped) filter (where before = 0) + 1 end
        from (
            select m.*, count(*) filter (where typed) over before_it as before
            from user_metrics m
            where %(days)s::date[] is null
                or m.user_id in (select user_id from user_metrics where day = any(%(days)s))
            window before_it as (partition by user_id order by day rows between unbounded preceding and 1 preceding)
        ) d
        group by user_id
        on conflict (user_id) do update set first_day = excluded.first_day, last_day = excluded.last_day,
            turns = excluded.turns, user_type = excluded.user_type, typed_after = excluded.typed_after
        """,
        {"days": days},
    )


async def _active(conn: Connection, days: list[date]) -> None:
    """People active in the seven and thirty days that end on each day a touched day falls into."""
    await conn.execute(
        "delete from daily_totals where measure = 'active' and day between %s and %s + 29", [days[0], days[-1]]
    )
    await conn.execute(
        """
        insert into daily_totals (day, measure, name, n)
        select d::date, 'active', span.name,
            (select count(distinct user_id) from user_metrics where day > d::date - span.days and day <= d::date)
        from generate_series(%(first)s::date,
                least(%(last)s::date + 29, (select max(day) from user_metrics)), interval '1 day') d,
            (values ('day', 1), ('week', 7), ('month', 30)) span(name, days)
        """,
        {"first": days[0], "last": days[-1]},
    )


async def _retention(conn: Connection) -> None:
    """Of the people who first came in a week (its Monday), how many came back in the n-th week after."""
    await conn.execute("delete from daily_totals where measure = 'retention'")
    await conn.execute(
        """
        insert into daily_totals (day, measure, name, n)
        select cohort, 'retention', after::text, count(distinct user_id)
        from (
            select m.user_id, date_trunc('week', t.first_day)::date as cohort,
                (date_trunc('week', m.day)::date - date_trunc('week', t.first_day)::date) / 7 as after
            from user_metrics m join user_totals t using (user_id)
        ) visit
        group by cohort, after
        """
    )


async def _totals(conn: Connection, zone: str, day: date) -> None:
    """The day's numbers by measure."""
    await conn.execute("delete from daily_totals where day = %s and measure not in ('active', 'retention')", [day])
    for query in (_TURNS, _RAILS, _DISCLOSED, _TRAJECTORIES, _OUTCOMES):
        await conn.execute(
            _DAY + query,
            {"day": day, "zone": zone, "limit": NOTICE_LIMIT, "buckets": BUCKETS_PER_E},
        )


_DAY: LiteralString = """
    with span as (
        select (%(day)s::date)::timestamp at time zone %(zone)s as first,
            ((%(day)s::date) + 1)::timestamp at time zone %(zone)s as next
    )
"""

_TURNS: LiteralString = """
    , turn as materialized (
        select kind, data->>'state' as state, data->>'mood' as mood, (data->>'valence')::float8 as valence,
            data->>'engagement' as engagement, data->>'strategy' as strategy, (data->>'memories')::int as memories,
            data->>'model' as model, (data->>'prompt_tokens')::bigint as prompt,
            (data->>'cached_tokens')::bigint as cached, (data->>'completion_tokens')::bigint as completion,
            (data->>'cost_usd')::float8 as cost, (data->>'ttft_ms')::float8 as ttft
        from events, span
        where kind in ('TurnFinished', 'ModelAsked') and at >= span.first and at < span.next
    )
    insert into daily_totals (day, measure, name, n, total)
    select %(day)s::date, measure, name, count(*), coalesce(sum(total), 0)
    from turn, lateral (values
        ('turns', state, 0.0, kind = 'TurnFinished'),
        ('mood', mood, valence, kind = 'TurnFinished'),
        ('engagement', engagement, 0, kind = 'TurnFinished'),
        ('strategies', strategy, valence, kind = 'TurnFinished'),
        ('memories', case when memories > 0 then 'recalled' else 'none' end, memories, kind = 'TurnFinished'),
        ('ttft', floor(ln(greatest(ttft, 1)) * %(buckets)s)::int::text, ttft, ttft is not null),
        ('cost:chat', model, cost, kind = 'TurnFinished' and model <> ''),
        ('cost:background', model, cost, kind = 'ModelAsked'),
        ('tokens:prompt', model, prompt, model <> ''),
        ('tokens:cached', model, cached, model <> ''),
        ('tokens:completion', model, completion, model <> '')
    ) cell(measure, name, total, counts)
    where counts
    group by measure, name
"""

_RAILS: LiteralString = """
    insert into daily_totals (day, measure, name, n)
    select %(day)s::date, measure, name, count(*)
    from (
        select case kind when 'RailTripped' then 'rails:' || (data->>'side') when 'NoticeShown' then 'notices'
            else 'reported' end as measure, coalesce(data->>'rail', data->>'reason') as name
        from events, span
        where kind in ('RailTripped', 'NoticeShown', 'ReplyReported') and at >= span.first and at < span.next
    ) happened
    group by measure, name
"""

_DISCLOSED: LiteralString = """
    insert into daily_totals (day, measure, name, n)
    select %(day)s::date, 'disclosure', case when told then 'told' else 'untold' end, count(*)
    from (
        select kind, at, count(*) filter (where kind = 'NoticeShown') over (
            partition by user_id order by at range between %(limit)s preceding and current row) > 0 as told
        from events, span
        where kind in ('TurnStarted', 'NoticeShown') and at >= span.first - %(limit)s and at < span.next
    ) seen, span
    where kind = 'TurnStarted' and at >= span.first
    group by told
"""

_TRAJECTORIES: LiteralString = """
    insert into daily_totals (day, measure, name, n, total)
    select %(day)s::date, 'trajectories',
        case when change > 0.1 then 'better' when change < -0.1 then 'worse' else 'same' end, count(*), sum(change)
    from (
        select (array_agg(valence order by at desc))[1] - (array_agg(valence order by at))[1] as change
        from (
            select at, data->>'conversation_id' as conversation, (data->>'valence')::float8 as valence
            from events, span where kind = 'TurnFinished' and at >= span.first and at < span.next
        ) turn
        group by conversation having count(*) > 1
    ) talk
    group by 3
"""

_OUTCOMES: LiteralString = """
    insert into daily_totals (day, measure, name, n, total)
    select %(day)s::date, 'outcomes:' || o.kind, coalesce(turn.strategy, ''), count(*), 0
    from span join outcomes o on o.at >= span.first and o.at < span.next
        left join lateral (
            select data->>'strategy' as strategy from events e
            where e.user_id = o.user_id and e.kind = 'TurnFinished' and e.data->>'turn_id' = o.turn_id::text limit 1
        ) turn on true
    group by o.kind, turn.strategy
"""


async def export_metrics(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """A person's days."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select * from user_metrics where user_id = %s order by day", [user_id])
        return [row | {"user_id": str(user_id), "day": row["day"].isoformat()} for row in await cursor.fetchall()]


async def export_totals(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """A person over all their days."""
    cursor = await conn.execute(
        "select first_day, last_day, turns, user_type, typed_after from user_totals where user_id = %s", [user_id]
    )
    return [
        {"first_day": first.isoformat(), "last_day": last.isoformat(), "turns": n, "user_type": label, "typed_after": k}
        for first, last, n, label, k in await cursor.fetchall()
    ]


async def erase_metrics(conn: Connection, user_id: UUID) -> int:
    """Delete a person's days; the totals of everybody's days keep their numbers."""
    return (await conn.execute("delete from user_metrics where user_id = %s", [user_id])).rowcount


async def erase_totals(conn: Connection, user_id: UUID) -> int:
    """Delete a person's totals."""
    return (await conn.execute("delete from user_totals where user_id = %s", [user_id])).rowcount
