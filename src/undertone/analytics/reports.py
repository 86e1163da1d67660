"""The reports: each a name, the question it answers, and one query over roll-ups or a short index range.

    table = await run_report(conn, "active", first, last)
    table.columns, table.rows

Groups of fewer than SMALLEST_GROUP people are left out wherever people are told apart. docs/reports.md defines each.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncCursor

from undertone.errors import BadInput, NotFound
from undertone.resources import Connection

SMALLEST_GROUP = 10
"""People a row about a group must be made of; smaller groups are not shown."""
Z = 1.959963984540054
"""Normal quantile of a 95 % interval."""
CLAIM = (("LONELY_SINGLE", 0.20), ("MARRIED_GUILTY", 0.65), ("HORNY_ADDICT", 0.10), ("CURIOUS_TOURIST", 0.05))
"""The shares of revenue by type that the owners expect. Shown beside what is measured; nothing else reads them."""

PERSON_QUESTION = "What did this person do each day? Days without a turn or a visit are left out."


@dataclass(frozen=True, slots=True)
class Report:
    """One answer: names of columns, and rows of as many values."""

    name: str
    question: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Definition:
    """What a report asks, and its query, which takes first, last, k, z and the claim."""

    question: str
    query: LiteralString


REPORTS: dict[str, Definition] = {
    "active": Definition(
        "How many people talked each day, and in the 7 and 30 days that end on it?",
        "select day, sum(n) filter (where name = 'day') as day_people,"
        " sum(n) filter (where name = 'week') as week_people,"
        " sum(n) filter (where name = 'month') as month_people"
        " from daily_totals where measure = 'active' and day between %(first)s and %(last)s"
        " group by day order by day",
    ),
    "turns": Definition(
        "How many turns ended each day, and how?",
        "select day, sum(n) as turns, coalesce(sum(n) filter (where name = 'done'), 0) as done,"
        " coalesce(sum(n) filter (where name = 'stopped'), 0) as stopped,"
        " coalesce(sum(n) filter (where name = 'interrupted'), 0) as interrupted,"
        " coalesce(sum(n) filter (where name = 'failed'), 0) as failed"
        " from daily_totals where measure = 'turns' and day between %(first)s and %(last)s"
        " group by day order by day",
    ),
    "retention": Definition(
        "Of the people who first came in a week, which share came back in the weeks after?",
        """
        select c.day as week, c.n as people, r.name::int as weeks_later, r.n as came_back,
            round(r.n::numeric / c.n, 4) as share
        from daily_totals c join daily_totals r on r.measure = 'retention' and r.day = c.day
        where c.measure = 'retention' and c.name = '0' and c.n >= %(k)s and c.day between %(first)s and %(last)s
        order by c.day, r.name::int
        """,
    ),
    "types": Definition(
        "Which types are people, and at which of their turns was it known?",
        """
        select user_type, count(*) as people, round(count(*)::numeric / sum(count(*)) over (), 4) as share,
            round(percentile_cont(0.5) within group (order by typed_after)::numeric, 1) as known_at_median,
            round(percentile_cont(0.9) within group (order by typed_after)::numeric, 1) as known_at_p90,
            round(avg((typed_after <= 3)::int) filter (where typed_after is not null), 4) as known_by_third_turn
        from user_totals where first_day <= %(last)s and last_day >= %(first)s
        group by user_type having count(*) >= %(k)s order by people desc, user_type
        """,
    ),
    "mood": Definition(
        "In which mood did people write each day? Valence is the mean, in [-1, 1].",
        "select day, name as mood, n as turns, round(n / sum(n) over (partition by day), 4) as share,"
        " round((total / n)::numeric, 4) as valence"
        " from daily_totals where measure = 'mood' and day between %(first)s and %(last)s"
        " order by day, name",
    ),
    "engagement": Definition(
        "How engaged were people each day?",
        "select day, name as engagement, n as turns, round(n / sum(n) over (partition by day), 4) as share"
        " from daily_totals where measure = 'engagement' and day between %(first)s and %(last)s"
        " order by day, name",
    ),
    "trajectories": Definition(
        "Did conversations end in a better or a worse mood than they began? 0.1 of valence counts as a change.",
        "select day, name as ended, n as conversations, round(n / sum(n) over (partition by day), 4) as share,"
        " round((total / n)::numeric, 4) as change"
        " from daily_totals where measure = 'trajectories' and day between %(first)s and %(last)s"
        " order by day, name",
    ),
    "memory": Definition(
        "In which share of turns was something recalled, and how much?",
        "select day, sum(n) as turns, coalesce(sum(n) filter (where name = 'recalled'), 0) as with_memories,"
        " round(coalesce(sum(n) filter (where name = 'recalled'), 0) / sum(n), 4) as share,"
        " round((sum(total) / sum(n))::numeric, 3) as memories_a_turn"
        " from daily_totals where measure = 'memories' and day between %(first)s and %(last)s"
        " group by day order by day",
    ),
    "strategies": Definition(
        "How often was each strategy used, in which mood, and what came of its turns?",
        """
        select s.name as strategy, sum(s.n) as turns, round((sum(s.total) / sum(s.n))::numeric, 4) as valence,
            coalesce(max(o.harms), 0) as harms, coalesce(max(o.thanks), 0) as thanks
        from daily_totals s left join (
            select name, sum(n) filter (where measure in
                    ('outcomes:complaint', 'outcomes:refund', 'outcomes:regret', 'outcomes:crisis')) as harms,
                sum(n) filter (where measure = 'outcomes:thanks') as thanks
            from daily_totals where measure like 'outcomes:%%' and day between %(first)s and %(last)s group by name
        ) o on o.name = s.name
        where s.measure = 'strategies' and s.day between %(first)s and %(last)s
        group by s.name order by turns desc, strategy
        """,
    ),
    "cost": Definition(
        "What did each model cost, in chat and in the background, and which share of its prompt came from the cache?",
        """
        select day, name as model,
            round(coalesce(sum(total) filter (where measure = 'cost:chat'), 0)::numeric, 6) as chat_usd,
            round(coalesce(sum(total) filter (where measure = 'cost:background'), 0)::numeric, 6) as background_usd,
            coalesce(sum(total) filter (where measure = 'tokens:prompt'), 0)::bigint as prompt_tokens,
            coalesce(sum(total) filter (where measure = 'tokens:completion'), 0)::bigint as completion_tokens,
            round((sum(total) filter (where measure = 'tokens:cached')
                / nullif(sum(total) filter (where measure = 'tokens:prompt'), 0))::numeric, 4) as cache_hit_rate
        from daily_totals where measure in
            ('cost:chat', 'cost:background', 'tokens:prompt', 'tokens:cached', 'tokens:completion')
            and day between %(first)s and %(last)s
        group by day, name order by day, name
        """,
    ),
    "ttft": Definition(
        "How many milliseconds passed to the first words? From buckets 5 % wide.",
        """
        select day, max(upto) as turns, round((sum(total) / sum(n))::numeric, 1) as mean_ms,
            round(exp((min(bucket) filter (where upto >= 0.50 * whole) + 0.5) / 20.0), 1) as p50_ms,
            round(exp((min(bucket) filter (where upto >= 0.95 * whole) + 0.5) / 20.0), 1) as p95_ms,
            round(exp((min(bucket) filter (where upto >= 0.99 * whole) + 0.5) / 20.0), 1) as p99_ms
        from (
            select day, name::int as bucket, n, total, sum(n) over (partition by day order by name::int) as upto,
                sum(n) over (partition by day) as whole
            from daily_totals where measure = 'ttft' and day between %(first)s and %(last)s
        ) b group by day order by day
        """,
    ),
    "refusals": Definition(
        "Which rails fired, on people's words (input) or a model's (output), and what did people report?",
        "select day, case measure when 'reported' then 'person' else substr(measure, 7) end as side,"
        " name as reason, n as times"
        " from daily_totals where measure in ('rails:input', 'rails:output', 'reported')"
        " and day between %(first)s and %(last)s order by 1, 2, 3",
    ),
    "referrals": Definition(
        "How often was crisis help shown, by month, kind and country? From the sealed ledger, which names nobody.",
        """
        select date_trunc('month', day)::date as month, kind, level, country, count(*) as referrals
        from referral_ledger where day between %(first)s and %(last)s group by 1, 2, 3, 4 order by 1, 2, 3, 4
        """,
    ),
    "notices": Definition(
        "Which share of turns began within three hours of being told that this is an AI, and why was it said?",
        """
        select day, sum(n) filter (where measure = 'disclosure') as turns,
            coalesce(sum(n) filter (where name = 'untold'), 0) as untold,
            round(coalesce(sum(n) filter (where name = 'told'), 0)
                / nullif(sum(n) filter (where measure = 'disclosure'), 0), 4) as compliance,
            coalesce(sum(n) filter (where measure = 'notices' and name = 'start'), 0) as at_start,
            coalesce(sum(n) filter (where measure = 'notices' and name = 'clock'), 0) as by_clock,
            coalesce(sum(n) filter (where measure = 'notices' and name = 'asked'), 0) as when_asked
        from daily_totals where measure in ('disclosure', 'notices') and day between %(first)s and %(last)s
        group by day order by day
        """,
    ),
    "erasure": Definition(
        "What was forgotten and still waits to be deleted for good? A person's erasure waits for nothing.",
        """
        select 'memories' as what, count(*) as waiting, min(forgotten_at) as oldest
        from memories where forgotten_at is not null
        union all select 'messages', count(*), min(forgotten_at) from messages where forgotten_at is not null
        """,
    ),
    "visits": Definition(
        "How many visits did the sites have each day, bots left out, and how long were they? Means in seconds.",
        """
        select (hour at time zone (select zone from rollup_state))::date as day,
            coalesce(sum(sessions) filter (where not is_bot), 0) as sessions,
            coalesce(sum(pages) filter (where not is_bot), 0) as pages,
            round(sum(engaged_s) filter (where not is_bot) / nullif(sum(sessions) filter (where not is_bot), 0), 1)
                as engaged_s,
            round(sum(elapsed_s) filter (where not is_bot) / nullif(sum(sessions) filter (where not is_bot), 0), 1)
                as elapsed_s,
            coalesce(sum(sessions) filter (where is_bot), 0) as bots
        from visit_hours
        where hour >= (%(first)s::timestamp at time zone (select zone from rollup_state))
            and hour < ((%(last)s::date + 1)::timestamp at time zone (select zone from rollup_state))
        group by 1 order by 1
        """,
    ),
    "visits_by": Definition(
        "With which devices, browsers, systems, from which countries and to which sites did people come?",
        """
        select case when grouping(device) = 0 then 'device' when grouping(browser) = 0 then 'browser'
                when grouping(os) = 0 then 'system' when grouping(country) = 0 then 'country' else 'site' end as by,
            coalesce(device, browser, os, country, site) as name, sum(sessions) as sessions,
            round(sum(sessions) / sum(sum(sessions)) over (
                partition by grouping(device), grouping(browser), grouping(os), grouping(country)), 4) as share,
            round(sum(pages) / sum(sessions), 2) as pages, round(sum(engaged_s) / sum(sessions), 1) as engaged_s,
            round(sum(elapsed_s) / sum(sessions), 1) as elapsed_s
        from visit_hours
        where not is_bot and hour >= (%(first)s::timestamp at time zone (select zone from rollup_state))
            and hour < ((%(last)s::date + 1)::timestamp at time zone (select zone from rollup_state))
        group by grouping sets (device, browser, os, country, site) having sum(sessions) >= %(k)s
        order by 1, sessions desc, 2
        """,
    ),
    "revenue_and_harm": Definition(
        "Which share of revenue comes from each type, and which share of its people came to harm? by person, 95 %.",
        """
        with within as materialized (
            select user_id, kind, value, currency from outcomes
            where at >= (%(first)s::timestamp at time zone (select zone from rollup_state))
                and at < ((%(last)s::date + 1)::timestamp at time zone (select zone from rollup_state))
        ), currencies as (
            select distinct currency from within where currency is not null
            union all select null where not exists (select from within where currency is not null)
        ), person as (
            select t.user_id, t.user_type, c.currency, coalesce(o.paid, 0) as paid, coalesce(h.harmed, false) as harmed
            from user_totals t cross join currencies c left join (
                select user_id, currency,
                    sum(case when kind = 'refund' then -value when kind in ('purchase', 'subscription') then value end)
                        as paid
                from within where currency is not null group by user_id, currency
            ) o on o.user_id = t.user_id and o.currency = c.currency
            left join (select user_id, bool_or(kind in ('complaint', 'refund', 'regret', 'crisis')) as harmed
                from within group by user_id) h on h.user_id = t.user_id
            where t.first_day <= %(last)s and t.last_day >= %(first)s
        ), whole as (
            select currency, sum(paid)::float8 as paid, sum(paid * paid)::float8 as squares
            from person group by currency
        ),
        kinds as (
            select user_type, currency, count(*)::float8 as people, sum(paid)::float8 as paid,
                sum(paid * paid)::float8 as squares,
                count(*) filter (where paid > 0) as payers, count(*) filter (where harmed)::float8 as harmed
            from person group by user_type, currency having count(*) >= %(k)s
        ), shares as (
            select k.*, k.paid / nullif(w.paid, 0) as share, w.paid as everyone,
                sqrt(greatest(k.squares * (1 - 2 * k.paid / nullif(w.paid, 0))
                    + w.squares * (k.paid / nullif(w.paid, 0)) ^ 2, 0)) / nullif(w.paid, 0) as error,
                harmed / people as harm
            from kinds k join whole w on w.currency is not distinct from k.currency
        )
        select currency, user_type, people::int, payers, round(paid::numeric, 2) as revenue,
            round(share::numeric, 4) as share,
            round(greatest(share - %(z)s * error, 0)::numeric, 4) as share_low,
            round(least(share + %(z)s * error, 1)::numeric, 4) as share_high, c.claim as claimed_share,
            round(harm::numeric, 4) as harmed_people,
            round(((harm + %(z)s ^ 2 / (2 * people) - %(z)s * sqrt(harm * (1 - harm) / people
                + %(z)s ^ 2 / (4 * people ^ 2))) / (1 + %(z)s ^ 2 / people))::numeric, 4) as harm_low,
            round(((harm + %(z)s ^ 2 / (2 * people) + %(z)s * sqrt(harm * (1 - harm) / people
                + %(z)s ^ 2 / (4 * people ^ 2))) / (1 + %(z)s ^ 2 / people))::numeric, 4) as harm_high
        from shares left join unnest(%(types)s::text[], %(claims)s::float8[]) c(name, claim) on c.name = user_type
        order by currency, user_type
        """,
    ),
}
"""Every report by name."""


async def run_report(conn: Connection, name: str, first: date, last: date) -> Report:
    """The report over the days from `first` to `last`, both included. Raises NotFound, BadInput."""
    definition = REPORTS.get(name)
    if definition is None:
        raise NotFound(f"There is no report {name!r}. Choose from: {', '.join(REPORTS)}.")
    if last < first:
        raise BadInput("The range ends before it begins.")
    cursor = await conn.execute(definition.query, values_of(first, last))
    return Report(name, definition.question, _columns(cursor), await cursor.fetchall())


async def person_days(conn: Connection, user_id: UUID, first: date, last: date) -> Report:
    """One person's days from `first` to `last`, both included: `user_metrics` and visits. Raises BadInput."""
    if last < first:
        raise BadInput("The range ends before it begins.")
    cursor = await conn.execute(
        """
        with visited as (
            select (started_at at time zone (select zone from rollup_state))::date as day, count(*) as sessions,
                sum(pages) as pages, sum(engaged_s) as engaged_s
            from sessions where user_id = %(user_id)s group by 1
        )
        select day, coalesce(turns, 0) as turns, coalesce(conversations, 0) as conversations,
            coalesce(memories, 0) as memories, round(valence::numeric, 4) as valence,
            coalesce(prompt_tokens, 0) as prompt_tokens, round(coalesce(cost_usd, 0)::numeric, 6) as cost_usd,
            user_type, coalesce(sessions, 0) as sessions, coalesce(pages, 0) as pages,
            coalesce(engaged_s, 0) as engaged_s
        from (select * from user_metrics where user_id = %(user_id)s) talked full join visited using (day)
        where day between %(first)s and %(last)s order by day
        """,
        {"user_id": user_id, "first": first, "last": last},
    )
    return Report("person", PERSON_QUESTION, _columns(cursor), await cursor.fetchall())


def _columns(cursor: AsyncCursor[Any]) -> tuple[str, ...]:
    return tuple(column.name for column in cursor.description or ())


def values_of(first: date, last: date) -> dict[str, Any]:
    """What every query takes: the days, the smallest group, the quantile, the claim."""
    return {
        "first": first,
        "last": last,
        "k": SMALLEST_GROUP,
        "z": Z,
        "types": [label for label, _ in CLAIM],
        "claims": [share for _, share in CLAIM],
    }
