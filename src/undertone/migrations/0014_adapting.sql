-- Adapting: paid items and when one was mentioned, reminders people asked for, branches, and what people preferred.

alter table consents drop constraint consents_purpose_check;
alter table consents add constraint consents_purpose_check
    check (purpose in ('chat', 'memory', 'typing', 'training', 'sharing', 'offers', 'reminders'));

-- The platform's paid items. `price` is what the platform wrote, and is shown as it stands to everybody.
create table offers (
    offer_id    text        not null primary key check (offer_id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    title       text        not null,
    description text        not null,
    price       text        not null check (price ~ '^[0-9]{1,9}([.][0-9]{1,2})?$'),
    currency    text        not null check (currency ~ '^[A-Z]{3}$'),
    url         text        not null,
    personas    text[]      not null,
    cues        text[]      not null,
    active      boolean     not null default true,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);

-- Until when a person is left in peace. It only ever moves forward.
create table offer_rests (
    user_id     uuid        not null primary key,
    rest_until  timestamptz not null,
    reason      text        not null
);

create table offer_mentions (
    user_id      uuid        not null,
    turn_id      uuid        not null,
    offer_id     text        not null,
    conversation_id uuid     not null,
    price        text        not null,
    currency     text        not null,
    mentioned_at timestamptz not null,
    primary key (user_id, turn_id)
);

-- Where and when a person may be reminded. Hours are those of their clock.
create table reminder_settings (
    user_id     uuid        not null primary key,
    time_zone   text        not null,
    quiet_from  smallint    not null check (quiet_from between 0 and 23),
    quiet_to    smallint    not null check (quiet_to between 0 and 23)
);

-- `words` are the person's own. Proposed: found, and not yet agreed to.
create table reminders (
    user_id      uuid        not null,
    id           uuid        not null,
    persona_id   text        not null,
    turn_id      uuid,
    kind         text        not null check (kind in ('luck', 'ask', 'remind')),
    words        text        not null,
    due_at       timestamptz not null,
    state        text        not null check (state in ('proposed', 'set', 'delivered', 'cancelled', 'held', 'missed')),
    created_at   timestamptz not null,
    delivered_at timestamptz,
    conversation_id uuid,
    message_id   uuid,
    primary key (user_id, id)
);
create index reminders_due on reminders (due_at) where state = 'set';
create index reminders_delivered on reminders (delivered_at) where state = 'delivered';

-- How a turn came about: said, another reply, an edited message, or more of the reply before.
alter table turns add column kind text not null default 'said' check (kind in ('said', 'another', 'edit', 'continue'));

-- One row each time messages left the living branch of a conversation, so that it can be gone back to.
create table branches (
    user_id         uuid        not null,
    id              uuid        not null,
    conversation_id uuid        not null,
    turn_id         uuid        not null,
    kind            text        not null check (kind in ('another', 'edit', 'choose')),
    left_ids        uuid[]      not null,
    created_at      timestamptz not null default now(),
    primary key (user_id, id)
);

-- What somebody preferred, a label for learning: never used without `trainable`, their consent at that moment.
create table preferences (
    user_id     uuid        not null,
    id          uuid        not null,
    turn_id     uuid        not null,
    kind        text        not null check (kind in ('chosen', 'another', 'edited', 'continued', 'fixed')),
    over_turns  uuid[]      not null,
    suggestion  text,
    trainable   boolean     not null,
    created_at  timestamptz not null default now(),
    primary key (user_id, id)
);
