-- Care, limits and the referral ledger. Care belongs to the person: no conversation, window or replica has its own.

-- Every column only ever moves forward, so two replicas that save at once cannot undo each other (see guardrails/care.py).
create table care_states (
    user_id           uuid        not null primary key,
    crisis_at         timestamptz,
    concern_at        timestamptz,
    referred_at       timestamptz,
    alerted_at        timestamptz,
    checked_in_at     timestamptz,
    romance_until     timestamptz,
    offers_until      timestamptz,
    disclosed_at      timestamptz,
    kind              text
);

-- One row a person: what has been sent in the running minute and day, and until when sending is closed.
create table admissions (
    user_id           uuid        not null primary key,
    minute_began      timestamptz not null default '-infinity',
    minute_count      integer     not null default 0,
    day_began         timestamptz not null default '-infinity',
    day_count         integer     not null default 0,
    cooldown_until    timestamptz,
    excluded_until    timestamptz
);

-- Each time a person was shown crisis help. No identifiers: a day, a kind, a country. Each row seals the one before.
create table referral_ledger (
    number        bigint      not null primary key,
    day           date        not null,
    kind          text        not null,
    level         text        not null,
    country       text        not null,
    previous      bytea       not null unique,
    seal          bytea       not null unique
);

create function referral_ledger_seal() returns trigger language plpgsql as $$
declare
    last referral_ledger;
begin
    perform pg_advisory_xact_lock(hashtext('referral_ledger'));
    select * into last from referral_ledger order by number desc limit 1;
    new.number := coalesce(last.number, 0) + 1;
    new.previous := coalesce(last.seal, sha256('referral_ledger'::bytea));
    new.seal := sha256(new.previous || convert_to(
        concat_ws('|', new.number, to_char(new.day, 'YYYY-MM-DD'), new.kind, new.level, new.country), 'UTF8'));
    return new;
end $$;

create function referral_ledger_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the referral ledger is append-only';
end $$;

create trigger referral_ledger_seals before insert on referral_ledger
    for each row execute function referral_ledger_seal();
create trigger referral_ledger_keeps before update or delete or truncate on referral_ledger
    for each statement execute function referral_ledger_refuse();
