-- Visits to web sites: sessions, the pages seen in them, and who read visitors' addresses.

-- A session is one visit: it ends after 30 idle minutes or 24 hours. It may belong to nobody, so that its own id is the
-- key; the id sorts by time (UUID version 7). `visitor` is a digest of the random number that the tracker keeps for a site.
create table sessions (
    id                uuid        primary key,
    site              text        not null,
    visitor           text        not null,
    user_id           uuid,
    started_at        timestamptz not null,
    last_seen_at      timestamptz not null check (last_seen_at >= started_at),
    ended_at          timestamptz,             -- set when another session or a withdrawal ended it; else time tells
    engaged_s         integer     not null default 0 check (engaged_s >= 0),
    pages             integer     not null default 0,
    entry_path        text        not null,
    exit_path         text        not null,
    referrer          text        not null default '',
    device            text        not null check (device in ('desktop', 'phone', 'tablet', 'bot', 'other')),
    browser           text        not null default '',
    browser_version   text        not null default '',
    os                text        not null default '',
    is_bot            boolean     not null,
    country           char(2)     check (country ~ '^[A-Z]{2}$'),
    address           inet,
    address_truncated boolean     not null default false,
    consent           boolean     not null default false
) with (fillfactor = 80);

create index sessions_by_start on sessions (started_at desc, id desc);
create index sessions_by_visitor on sessions (site, visitor, started_at desc);
create index sessions_by_last_seen on sessions (last_seen_at desc);
create index sessions_by_user on sessions (user_id, started_at desc) where user_id is not null;
create index sessions_with_whole_address on sessions (started_at) where address is not null and not address_truncated;

-- One page as one tab showed it. `view` is a random number of the tracker's: a beacon that comes twice is there once.
create table page_views (
    session_id uuid        not null references sessions (id) on delete cascade,
    view       bigint      not null,
    at         timestamptz not null,
    path       text        not null,
    title      text        not null default '',
    engaged_s  integer     not null default 0 check (engaged_s >= 0),
    skipped_s  integer     not null default 0, -- what the tracker had counted of this view before this session
    primary key (session_id, view)
) with (fillfactor = 80);

create index page_views_by_time on page_views using brin (at) with (pages_per_range = 32);

-- Who withdrew, kept for a day: a beacon that was still on its way brings nothing back.
create table withdrawals (
    site    text        not null,
    visitor text        not null,
    at      timestamptz not null default now(),
    primary key (site, visitor)
);

-- Each time somebody read visitors' addresses. Rows are added and never changed.
create table address_reads (
    n        bigint      generated always as identity primary key,
    at       timestamptz not null default now(),
    who      text        not null,             -- the key or operator
    scope    text        not null,             -- what let them
    how_many integer     not null,             -- addresses handed out
    filters  jsonb       not null
);
create index address_reads_by_time on address_reads (at);
create trigger address_reads_append_only before update on address_reads
    for each row execute function refuse_update();

-- One row: how long visits and whole addresses are kept, as the settings said when a server last started.
create table visit_rules (
    only_one     boolean not null primary key default true check (only_one),
    visit_days   integer not null default 400,
    address_days integer not null default 30
);
insert into visit_rules default values;
