-- Who someone is to us and what they allowed. Owned by the people room.

create table users (
    user_id     uuid primary key,
    external_id text not null unique check (char_length(external_id) between 1 and 128),
    country     text check (country ~ '^[A-Z]{2}$'),
    language    text,
    created_at  timestamptz not null default now()
);

-- What a platform's servers authenticate with. The secret itself is shown once and never kept.
create table api_keys (
    id           text primary key,
    name         text not null,
    hash         bytea not null unique check (octet_length(hash) = 32),
    scopes       text[] not null,
    attests      text[] not null,
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- What a person's browser authenticates with, and the one-time links that hand such a token out.
create table tokens (
    user_id    uuid not null references users (user_id) on delete cascade,
    hash       bytea not null check (octet_length(hash) = 32),
    kind       text not null check (kind in ('person', 'link')),
    key_id     text references api_keys (id),
    attests    text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at    timestamptz,
    primary key (user_id, hash)
);

-- Every yes and no a person ever gave; the newest row of a purpose counts.
create table consents (
    user_id uuid not null references users (user_id) on delete cascade,
    n       bigint generated always as identity,
    purpose text not null check (purpose in ('chat', 'memory', 'typing', 'training')),
    version text not null,
    granted boolean not null,
    source  text not null,
    at      timestamptz not null default now(),
    primary key (user_id, n)
);

-- What age-assurance providers signed. The assertion is kept as its digest: sent twice it counts once.
create table age_assertions (
    user_id     uuid not null references users (user_id) on delete cascade,
    digest      bytea not null check (octet_length(digest) = 32),
    adult       boolean not null,
    method      text not null,
    strength    smallint not null,
    issuer      text not null,
    asserted_at timestamptz not null,
    expires_at  timestamptz not null,
    received_at timestamptz not null default now(),
    primary key (user_id, digest)
);

create function refuse_update() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name;
end
$$;

create trigger consents_append_only before update on consents
    for each row execute function refuse_update();
create trigger age_assertions_append_only before update on age_assertions
    for each row execute function refuse_update();

-- What stands for each person: their newest answers, and whether a valid assertion makes them an adult. A negative
-- assertion is only outweighed by a later positive one of at least the same strength, and it never expires.
create view standings as
select u.user_id, u.external_id, u.country, u.language, u.created_at,
    (select coalesce(jsonb_object_agg(newest.purpose, newest.granted), '{}')
        from (select distinct on (c.purpose) c.purpose, c.granted from consents c
            where c.user_id = u.user_id order by c.purpose, c.n desc) newest) as answers,
    exists (select from age_assertions yes
        where yes.user_id = u.user_id and yes.adult and yes.expires_at > now()
        and not exists (select from age_assertions no where no.user_id = u.user_id and not no.adult
            and (no.asserted_at >= yes.asserted_at or no.strength > yes.strength))) as proven_adult,
    exists (select from age_assertions no where no.user_id = u.user_id and not no.adult) as refuted_adult
from users u;
