-- Who wrote a version of a persona, the file it was imported from, and what real people agreed to.
alter table personas add column author text not null default '', add column note text not null default '';

-- The file of an imported card, whole, so that export gives back what was not understood as well.
create table persona_files (
    persona_id  text        not null,
    version     integer     not null,
    source      bytea       not null,
    created_at  timestamptz not null default now(),
    primary key (persona_id, version),
    foreign key (persona_id, version) references personas
);

-- What the person a persona is modelled on agreed to; never changed but for the moment of withdrawal.
create table persona_consents (
    id            bigint      generated always as identity primary key,
    persona_id    text        not null,
    real_person   text        not null,
    covers        text[]      not null,
    statement     text        not null,
    recorded_by   text        not null,
    granted_at    timestamptz not null default now(),
    withdrawn_at  timestamptz
);
create index persona_consents_standing on persona_consents (persona_id) where withdrawn_at is null;
