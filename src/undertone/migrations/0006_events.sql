-- What happened: ids, numbers and names of things, never a person's text. Append-only but for erasure.
create table events (
    id          uuid        not null primary key,
    user_id     uuid,
    kind        text        not null,
    version     smallint    not null,
    at          timestamptz not null default now(),
    data        jsonb       not null
);
create index events_by_person on events (user_id, at) where user_id is not null;
create index events_by_kind on events (kind, at);
