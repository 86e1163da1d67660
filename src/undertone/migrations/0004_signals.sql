-- What was read of a person, with their consent: one row a person, rebuilt as they talk, deleted with them.
create table profiles (
    user_id     uuid        not null primary key,
    version     integer     not null,
    state       jsonb       not null,
    user_type   text        not null default 'undecided',
    corrected   text,
    mood        real        not null default 0,
    engagement  text        not null default 'steady',
    messages    integer     not null default 0,
    updated_at  timestamptz not null default now()
);
