-- What came of turns, as platforms report it, and the roll-ups that reports read.

-- An id is made from the caller's idempotency key or from the outcome itself: sent twice it is there once.
create table outcomes (
    user_id     uuid          not null,
    id          uuid          not null,
    kind        text          not null,
    value       numeric(14,2) check (value >= 0),
    currency    text          check (currency ~ '^[A-Z]{3}$'),
    turn_id     uuid,
    at          timestamptz   not null,
    received_at timestamptz   not null default now(),
    written_by  xid8          not null default pg_current_xact_id(),
    primary key (user_id, id),
    check ((value is null) = (currency is null))
);
create index outcomes_by_time on outcomes (at);
create index outcomes_by_writer on outcomes (written_by);

-- Which transaction wrote an event: roll-ups read on from the last one they saw, however old the event's own time is.
alter table events add column written_by xid8 not null default pg_current_xact_id();
create index events_by_writer on events (written_by);

-- One row: what has been rolled up. Every transaction below `seen` is in; days are days in `zone`.
create table rollup_state (
    only_one boolean     not null primary key default true check (only_one),
    zone     text        not null default 'UTC',
    seen     xid8        not null default '0',
    at       timestamptz not null default '-infinity'
);
insert into rollup_state default values;

-- One person's day, made anew from events whenever one of that day arrives.
create table user_metrics (
    user_id       uuid    not null,
    day           date    not null,
    turns         integer not null,
    conversations integer not null,
    memories      integer not null,
    valence       real    not null,               -- the mean over the day's turns, in [-1, 1]
    prompt_tokens bigint  not null,
    cost_usd      double precision not null,
    user_type     text    not null,               -- the last label of the day
    untyped       integer not null,               -- turns before the first decided label of the day
    typed         boolean not null,
    primary key (user_id, day)
);
create index user_metrics_by_day on user_metrics (day);

-- One person over all their days.
create table user_totals (
    user_id     uuid    not null primary key,
    first_day   date    not null,
    last_day    date    not null,
    turns       bigint  not null,
    user_type   text    not null,
    typed_after integer                           -- the turn at which a type was first decided
);

-- Numbers of everybody's day: `measure` and `name` are listed in docs/reports.md.
create table daily_totals (
    day     date             not null,
    measure text             not null,
    name    text             not null,
    n       bigint           not null,
    total   double precision not null default 0,
    primary key (measure, day, name)
);

-- What waits to be deleted for good is counted without reading everything that does not.
create index memories_forgotten on memories (forgotten_at) where forgotten_at is not null;
create index messages_forgotten on messages (forgotten_at) where forgotten_at is not null;
