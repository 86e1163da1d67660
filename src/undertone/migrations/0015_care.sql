-- What follows from care: the follow-up, incidents and their webhooks, a person's own limits, no contact, hand-over.

alter table care_states add column followed_up_at timestamptz;

-- What an operator should look at. It outlives the person, without them, so that the counts stay whole.
create table incidents (
    id                uuid        not null primary key,
    user_id           uuid,                                   -- null once the person was erased
    conversation_id   uuid,
    persona_id        text,
    kind              text        not null,                   -- a kind of crisis, or `human` for who asked for one
    level             text        not null check (level in ('crisis', 'human')),
    country           text        not null default '',
    opened_at         timestamptz not null,
    latest_at         timestamptz not null,
    referrals         integer     not null default 0,         -- lines of the referral ledger that belong to it
    state             text        not null default 'open' check (state in ('open', 'seen', 'closed')),
    seen_at           timestamptz,
    seen_by           text,
    closed_at         timestamptz,
    closed_by         text,
    note              text        not null default ''
);
create index incidents_open on incidents (opened_at) where state <> 'closed';
create index incidents_by_person on incidents (user_id, opened_at desc) where user_id is not null;

-- Referrals from before there were incidents, so that the counts agree from now on.
insert into incidents (id, kind, level, opened_at, latest_at, referrals, state)
select gen_random_uuid(), 'earlier', 'crisis', now(), now(), count(*), 'closed' from referral_ledger having count(*) > 0;

-- What is told to the platform's own address. The body is made of the incident when it is sent; no words are in either.
create table webhook_deliveries (
    id                text        not null primary key,       -- the same at each try: whoever hears it twice can tell
    kind              text        not null,
    incident_id       uuid        not null references incidents,
    created_at        timestamptz not null,
    attempts          integer     not null default 0,
    tried_at          timestamptz,
    delivered_at      timestamptz,
    given_up_at       timestamptz,
    problem           text        not null default ''
);
create index webhook_deliveries_waiting on webhook_deliveries (created_at) where delivered_at is null;

-- Limits a person set for themselves, and those the platform set for them; the stricter of both holds.
create table person_limits (
    user_id           uuid        not null,
    set_by            text        not null check (set_by in ('person', 'platform')),
    minutes_a_day     integer,
    spend_a_day       numeric(12, 2),
    spend_a_week      numeric(12, 2),
    spend_a_month     numeric(12, 2),
    currency          text,
    break_after       integer,                                -- minutes without a pause; 0 for no reminder
    later             jsonb,                                  -- what was loosened, and holds from later_at on
    later_at          timestamptz,
    changed_at        timestamptz not null,
    primary key (user_id, set_by)
);

alter table admissions
    add column active_s integer not null default 0,           -- seconds of conversation in the running day
    add column last_at timestamptz,
    add column unbroken_since timestamptz,
    add column break_said_at timestamptz;

-- Who does not want to be written to by itself: a row means no.
create table contact_stops (
    user_id           uuid        not null primary key,
    stopped_at        timestamptz not null,
    said              text        not null check (said in ('chat', 'page', 'platform'))
);

-- A conversation in which a person was asked for, or answers.
create table handovers (
    user_id           uuid        not null,
    conversation_id   uuid        not null,
    state             text        not null check (state in ('asked', 'taken', 'back')),
    asked_at          timestamptz not null,
    taken_at          timestamptz,
    taken_by          text,
    back_at           timestamptz,
    incident_id       uuid,
    primary key (user_id, conversation_id)
);

alter table messages add column by_human boolean not null default false;  -- written by a person of the platform's
