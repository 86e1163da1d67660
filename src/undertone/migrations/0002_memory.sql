-- What was said (conversations, messages), what recall reads (recall_streams, recall_blocks) and what is kept (memories).
-- No foreign keys between them: each row carries user_id, and erase deletes by user_id from every table.

create table conversations (
    user_id uuid not null,
    id uuid not null,
    persona_id text not null,
    opened_at timestamptz not null,
    last_at timestamptz not null,
    closed_at timestamptz,
    next_position integer not null default 1,
    title text,
    summary text,
    summarised_to integer not null default 0,  -- the last position the summary covers
    primary key (user_id, id)
);
create index conversations_recent on conversations (user_id, persona_id, last_at desc);

create table messages (
    user_id uuid not null,
    id uuid not null,
    conversation_id uuid not null,
    persona_id text not null,
    turn_id uuid,
    parent_id uuid,
    position integer not null,                 -- order within the conversation
    seq integer not null,                      -- order within everything said between this person and this persona
    role text not null check (role in ('user', 'assistant')),
    speaker text,                              -- a name, where a chat has named speakers
    text text not null,
    created_at timestamptz not null,
    response_time_s real,
    typing_stops integer,
    active boolean not null default true,      -- false on a branch that an edit left behind
    quarantined boolean not null default false,
    finish text not null default 'complete' check (finish in ('complete', 'interrupted', 'stopped')),
    model text,
    persona_version integer,
    terms bytea not null,                      -- stems and counts, see memory/terms.py
    embedding halfvec({{recall_dimension}}),
    primary key (user_id, id)
) partition by hash (user_id);
create index messages_conversation on messages (user_id, conversation_id, position);
create index messages_stream on messages (user_id, persona_id, seq);

-- One row for each pair of person and persona: hands out seq, and says up to which one the blocks reach.
create table recall_streams (
    user_id uuid not null,
    persona_id text not null,
    next_seq integer not null default 1,
    packed_to integer not null default 0,
    extracted_to integer not null default 0,
    primary key (user_id, persona_id)
);

-- Messages packed for reading, 128 seqs a row: derived from messages, rebuilt when one of them changes or goes.
create table recall_blocks (
    user_id uuid not null,
    persona_id text not null,
    first_seq integer not null,
    last_seq integer not null,
    heads bytea not null,
    terms bytea not null,
    vectors bytea not null,
    primary key (user_id, persona_id, first_seq)
) partition by hash (user_id);

create table memories (
    user_id uuid not null,
    id uuid not null,
    persona_id text not null,
    kind text not null check (kind in ('fact', 'preference', 'person', 'event', 'summary')),
    text text not null,
    subject text not null default '',          -- what it is about; two memories of one subject may contradict each other
    terms bytea not null,
    embedding halfvec({{recall_dimension}}),
    source_message_ids uuid[] not null default '{}',
    confidence real not null default 1,
    sensitivity text not null default 'normal' check (sensitivity in ('normal', 'private', 'special')),
    pinned boolean not null default false,
    made_by text not null default 'rules' check (made_by in ('rules', 'model', 'person', 'operator')),
    valid_from timestamptz not null,
    valid_to timestamptz,
    superseded_by uuid,
    forgotten_at timestamptz,                  -- hidden at once, deleted for good when the time to undo is over
    created_at timestamptz not null,
    last_used_at timestamptz,
    use_count integer not null default 0,
    tier text not null default 'hot' check (tier in ('hot', 'cold')),
    primary key (user_id, id)
) partition by hash (user_id);
create index memories_current on memories (user_id, persona_id, kind) where superseded_by is null;

do $$
begin
    for i in 0..31 loop
        execute format('create table messages_%s partition of messages for values with (modulus 32, remainder %s)', i, i);
        execute format('create table memories_%s partition of memories for values with (modulus 32, remainder %s)', i, i);
        execute format('create table recall_blocks_%s partition of recall_blocks for values with (modulus 32, remainder %s)', i, i);
    end loop;
end
$$;
alter table recall_blocks alter column vectors set storage external;
alter table recall_blocks alter column heads set storage external;
alter table recall_blocks alter column terms set storage external;
