-- What the inspector needs: forgetting that can be undone, changes by hand with what stood there before, what was sent
-- for a reply, and the person's yes to sharing between personas.

alter table messages add column forgotten_at timestamptz;  -- hidden at once, deleted for good when the time to undo is over
alter table messages add column last_used_at timestamptz;  -- when it last went into a request as a recalled memory
alter table messages add column use_count integer not null default 0;

-- One change a person (or an operator) made by hand. `before` has each row as it was, by its id: undo puts it back, and
-- a fact's history reads its earlier texts there. Forgetting for good takes the row's part out.
create table memory_changes (
    user_id uuid not null,
    id uuid not null,                          -- a version 7 UUID: changes sort by it
    change text not null check (change in ('edit', 'pin', 'unpin', 'forget', 'merge', 'undo')),
    made_by text not null check (made_by in ('person', 'operator')),
    memory_ids uuid[] not null,                -- the memory first that the change is about
    before jsonb not null,
    at timestamptz not null,
    undone_at timestamptz,
    primary key (user_id, id)
);

-- The layout of the request a reply came from: whose words stand where, by reference; see engine/sent.py.
alter table turns add column sent jsonb;

-- Texts that such layouts share and no other table keeps: the persona's instructions, notes, summaries as they were.
create table sent_texts (
    user_id uuid not null,
    digest bytea not null check (octet_length(digest) = 32),
    text text not null,
    refs uuid[] not null default '{}',         -- what it quotes; forgetting one of them deletes it
    primary key (user_id, digest)
);

alter table consents drop constraint consents_purpose_check;
alter table consents add constraint consents_purpose_check
    check (purpose in ('chat', 'memory', 'typing', 'training', 'sharing'));
