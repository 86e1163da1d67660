-- Operators' browsers: what a sign-in with an API key, or the local one-time link, leaves in a cookie. Hashes only.

create table operator_sign_ins (
    hash       bytea       not null primary key check (octet_length(hash) = 32),
    kind       text        not null check (kind in ('cookie', 'link')),
    key_id     text        references api_keys (id),   -- the key it was made from; it ends with that key
    scopes     text[]      not null,                   -- what it opens where no key stands behind it
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
