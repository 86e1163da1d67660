-- Visits of an hour, counted by what they came with: what long periods are read from. Names nobody; '' is not known.

create table visit_hours (
    hour      timestamptz not null,
    site      text        not null,
    device    text        not null,
    browser   text        not null,
    os        text        not null,
    country   text        not null,
    is_bot    boolean     not null,
    sessions  integer     not null,
    pages     bigint      not null,
    engaged_s bigint      not null,
    elapsed_s bigint      not null,
    primary key (hour, site, device, browser, os, country, is_bot)
);

-- Up to when visits have been counted; '-infinity' makes everything due.
alter table rollup_state add column visits_seen timestamptz not null default '-infinity';
