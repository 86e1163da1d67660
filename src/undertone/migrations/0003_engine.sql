-- Personas, turns and what keeps a turn whole when a client, a model or a server dies.
create table personas (
    persona_id  text        not null,
    version     integer     not null,
    active      boolean     not null,
    card        jsonb       not null,
    created_at  timestamptz not null default now(),
    primary key (persona_id, version)
);
create unique index personas_active on personas (persona_id) where active;

-- One row a server process; `seen_at` is its heartbeat. A turn whose replica is silent is an orphan.
create table replicas (
    replica_id  uuid        not null primary key,
    seen_at     timestamptz not null default now()
);

create table turns (
    user_id          uuid        not null,
    turn_id          uuid        not null,
    conversation_id  uuid        not null,
    persona_id       text        not null,
    persona_version  integer     not null,
    user_message_id  uuid        not null,
    reply_id         uuid,
    state            text        not null check (state in ('running', 'done', 'stopped', 'interrupted', 'failed')),
    replica_id       uuid        not null,
    stop_requested   boolean     not null default false,
    strategy         text,
    why              jsonb       not null default '{}',
    usage            jsonb,
    problem          jsonb,
    started_at       timestamptz not null default now(),
    finished_at      timestamptz,
    primary key (user_id, turn_id)
);
create index turns_by_id on turns (turn_id);
create index turns_running on turns (replica_id) where state = 'running';
create index turns_by_reply on turns (user_id, reply_id);

-- The log of pieces that another replica replays. `offset_chars` is where the piece starts in the reply.
create table turn_pieces (
    user_id      uuid    not null,
    turn_id      uuid    not null,
    offset_chars integer not null,
    text         text    not null,
    primary key (user_id, turn_id, offset_chars)
);

create table idempotency_keys (
    owner      text        not null,
    key        text        not null,
    user_id    uuid        not null,
    turn_id    uuid        not null,
    body_hash  bytea       not null,
    created_at timestamptz not null default now(),
    primary key (owner, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);
create index idempotency_keys_by_person on idempotency_keys (user_id);

-- A person's report of one of our messages.
create table reports (
    user_id    uuid        not null,
    id         uuid        not null,
    turn_id    uuid        not null,
    reason     text        not null,
    created_at timestamptz not null default now(),
    primary key (user_id, id)
);
