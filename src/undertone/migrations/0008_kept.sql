-- What is kept beside the words: summaries by level, what the background model has cost, and the tier of what is kept.

-- Summaries above the single conversation's (which stays with the conversation): of an open conversation so far, of a
-- month, of all so far. The range says which messages' words may stand in one: forgetting one of them deletes it.
create table summaries (
    user_id uuid not null,
    id uuid not null,
    persona_id text not null,
    level text not null check (level in ('so_far', 'month', 'life')),
    of text not null,                          -- the conversation's id, the month as 2026-05, or empty for life
    text text not null,
    covers_to integer not null default 0,      -- the last position it covers, of a conversation so far
    first_at timestamptz not null,
    last_at timestamptz not null,
    made_by text not null check (made_by in ('rules', 'model')),
    made_at timestamptz not null,
    primary key (user_id, id),
    unique (user_id, persona_id, level, of)
);

alter table conversations add column summary_made_by text check (summary_made_by in ('rules', 'model'));

-- What the background model has used for this pair today.
alter table recall_streams add column asked_on date;
alter table recall_streams add column asked_tokens integer not null default 0;

create index memories_subject on memories (user_id, persona_id, subject) where valid_to is null;
create index conversations_unsummarised on conversations (closed_at) where closed_at is not null and summary is null;
