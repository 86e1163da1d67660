-- The sum of all migrations. Written by runs/schema.sh; do not edit.

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

CREATE FUNCTION referral_ledger_refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'the referral ledger is append-only';
end $$;

CREATE FUNCTION referral_ledger_seal() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION refuse_update() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception '% is append-only', tg_table_name;
end
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE address_reads (
    n bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    who text NOT NULL,
    scope text NOT NULL,
    how_many integer NOT NULL,
    filters jsonb NOT NULL
);

ALTER TABLE address_reads ALTER COLUMN n ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME address_reads_n_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE admissions (
    user_id uuid NOT NULL,
    minute_began timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    minute_count integer DEFAULT 0 NOT NULL,
    day_began timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    day_count integer DEFAULT 0 NOT NULL,
    cooldown_until timestamp with time zone,
    excluded_until timestamp with time zone,
    active_s integer DEFAULT 0 NOT NULL,
    last_at timestamp with time zone,
    unbroken_since timestamp with time zone,
    break_said_at timestamp with time zone
);

CREATE TABLE age_assertions (
    user_id uuid NOT NULL,
    digest bytea NOT NULL,
    adult boolean NOT NULL,
    method text NOT NULL,
    strength smallint NOT NULL,
    issuer text NOT NULL,
    asserted_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT age_assertions_digest_check CHECK ((octet_length(digest) = 32))
);

CREATE TABLE api_keys (
    id text NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL,
    scopes text[] NOT NULL,
    attests text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_hash_check CHECK ((octet_length(hash) = 32))
);

CREATE TABLE branches (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    kind text NOT NULL,
    left_ids uuid[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT branches_kind_check CHECK ((kind = ANY (ARRAY['another'::text, 'edit'::text, 'choose'::text])))
);

CREATE TABLE care_states (
    user_id uuid NOT NULL,
    crisis_at timestamp with time zone,
    concern_at timestamp with time zone,
    referred_at timestamp with time zone,
    alerted_at timestamp with time zone,
    checked_in_at timestamp with time zone,
    romance_until timestamp with time zone,
    offers_until timestamp with time zone,
    disclosed_at timestamp with time zone,
    kind text,
    followed_up_at timestamp with time zone
);

CREATE TABLE consents (
    user_id uuid NOT NULL,
    n bigint NOT NULL,
    purpose text NOT NULL,
    version text NOT NULL,
    granted boolean NOT NULL,
    source text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT consents_purpose_check CHECK ((purpose = ANY (ARRAY['chat'::text, 'memory'::text, 'typing'::text, 'training'::text, 'sharing'::text, 'offers'::text, 'reminders'::text])))
);

ALTER TABLE consents ALTER COLUMN n ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME consents_n_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE contact_stops (
    user_id uuid NOT NULL,
    stopped_at timestamp with time zone NOT NULL,
    said text NOT NULL,
    CONSTRAINT contact_stops_said_check CHECK ((said = ANY (ARRAY['chat'::text, 'page'::text, 'platform'::text])))
);

CREATE TABLE conversations (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    persona_id text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    next_position integer DEFAULT 1 NOT NULL,
    title text,
    summary text,
    summarised_to integer DEFAULT 0 NOT NULL,
    summary_made_by text,
    CONSTRAINT conversations_summary_made_by_check CHECK ((summary_made_by = ANY (ARRAY['rules'::text, 'model'::text])))
);

CREATE TABLE daily_totals (
    day date NOT NULL,
    measure text NOT NULL,
    name text NOT NULL,
    n bigint NOT NULL,
    total double precision DEFAULT 0 NOT NULL
);

CREATE TABLE events (
    id uuid NOT NULL,
    user_id uuid,
    kind text NOT NULL,
    version smallint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    data jsonb NOT NULL,
    written_by xid8 DEFAULT pg_current_xact_id() NOT NULL
);

CREATE TABLE fixed_settings (
    name text NOT NULL,
    value text NOT NULL
);

CREATE TABLE handovers (
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    state text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    taken_at timestamp with time zone,
    taken_by text,
    back_at timestamp with time zone,
    incident_id uuid,
    CONSTRAINT handovers_state_check CHECK ((state = ANY (ARRAY['asked'::text, 'taken'::text, 'back'::text])))
);

CREATE TABLE idempotency_keys (
    owner text NOT NULL,
    key text NOT NULL,
    user_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    body_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE imported_messages (
    user_id uuid NOT NULL,
    message_id uuid NOT NULL
)
PARTITION BY HASH (user_id);

CREATE TABLE incidents (
    id uuid NOT NULL,
    user_id uuid,
    conversation_id uuid,
    persona_id text,
    kind text NOT NULL,
    level text NOT NULL,
    country text DEFAULT ''::text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    latest_at timestamp with time zone NOT NULL,
    referrals integer DEFAULT 0 NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    seen_at timestamp with time zone,
    seen_by text,
    closed_at timestamp with time zone,
    closed_by text,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT incidents_level_check CHECK ((level = ANY (ARRAY['crisis'::text, 'human'::text]))),
    CONSTRAINT incidents_state_check CHECK ((state = ANY (ARRAY['open'::text, 'seen'::text, 'closed'::text])))
);

CREATE TABLE memories (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    persona_id text NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    terms bytea NOT NULL,
    embedding halfvec(384),
    source_message_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    confidence real DEFAULT 1 NOT NULL,
    sensitivity text DEFAULT 'normal'::text NOT NULL,
    pinned boolean DEFAULT false NOT NULL,
    made_by text DEFAULT 'rules'::text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    superseded_by uuid,
    forgotten_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    use_count integer DEFAULT 0 NOT NULL,
    tier text DEFAULT 'hot'::text NOT NULL,
    CONSTRAINT memories_kind_check CHECK ((kind = ANY (ARRAY['fact'::text, 'preference'::text, 'person'::text, 'event'::text, 'summary'::text]))),
    CONSTRAINT memories_made_by_check CHECK ((made_by = ANY (ARRAY['rules'::text, 'model'::text, 'person'::text, 'operator'::text]))),
    CONSTRAINT memories_sensitivity_check CHECK ((sensitivity = ANY (ARRAY['normal'::text, 'private'::text, 'special'::text]))),
    CONSTRAINT memories_tier_check CHECK ((tier = ANY (ARRAY['hot'::text, 'cold'::text])))
)
PARTITION BY HASH (user_id);

CREATE TABLE memory_changes (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    change text NOT NULL,
    made_by text NOT NULL,
    memory_ids uuid[] NOT NULL,
    before jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    undone_at timestamp with time zone,
    CONSTRAINT memory_changes_change_check CHECK ((change = ANY (ARRAY['edit'::text, 'pin'::text, 'unpin'::text, 'forget'::text, 'merge'::text, 'undo'::text]))),
    CONSTRAINT memory_changes_made_by_check CHECK ((made_by = ANY (ARRAY['person'::text, 'operator'::text])))
);

CREATE TABLE messages (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    persona_id text NOT NULL,
    turn_id uuid,
    parent_id uuid,
    "position" integer NOT NULL,
    seq integer NOT NULL,
    role text NOT NULL,
    speaker text,
    text text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    response_time_s real,
    typing_stops integer,
    active boolean DEFAULT true NOT NULL,
    quarantined boolean DEFAULT false NOT NULL,
    finish text DEFAULT 'complete'::text NOT NULL,
    model text,
    persona_version integer,
    terms bytea NOT NULL,
    embedding halfvec(384),
    forgotten_at timestamp with time zone,
    last_used_at timestamp with time zone,
    use_count integer DEFAULT 0 NOT NULL,
    by_human boolean DEFAULT false NOT NULL,
    CONSTRAINT messages_finish_check CHECK ((finish = ANY (ARRAY['complete'::text, 'interrupted'::text, 'stopped'::text]))),
    CONSTRAINT messages_role_check CHECK ((role = ANY (ARRAY['user'::text, 'assistant'::text])))
)
PARTITION BY HASH (user_id);

CREATE TABLE migrations (
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE offer_mentions (
    user_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    offer_id text NOT NULL,
    conversation_id uuid NOT NULL,
    price text NOT NULL,
    currency text NOT NULL,
    mentioned_at timestamp with time zone NOT NULL
);

CREATE TABLE offer_rests (
    user_id uuid NOT NULL,
    rest_until timestamp with time zone NOT NULL,
    reason text NOT NULL
);

CREATE TABLE offers (
    offer_id text NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    price text NOT NULL,
    currency text NOT NULL,
    url text NOT NULL,
    personas text[] NOT NULL,
    cues text[] NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT offers_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT offers_offer_id_check CHECK ((offer_id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'::text)),
    CONSTRAINT offers_price_check CHECK ((price ~ '^[0-9]{1,9}([.][0-9]{1,2})?$'::text))
);

CREATE TABLE operator_sign_ins (
    hash bytea NOT NULL,
    kind text NOT NULL,
    key_id text,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT operator_sign_ins_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT operator_sign_ins_kind_check CHECK ((kind = ANY (ARRAY['cookie'::text, 'link'::text])))
);

CREATE TABLE outcomes (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    value numeric(14,2),
    currency text,
    turn_id uuid,
    at timestamp with time zone NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    written_by xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT outcomes_check CHECK (((value IS NULL) = (currency IS NULL))),
    CONSTRAINT outcomes_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT outcomes_value_check CHECK ((value >= (0)::numeric))
);

CREATE TABLE page_views (
    session_id uuid NOT NULL,
    view bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    path text NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    engaged_s integer DEFAULT 0 NOT NULL,
    skipped_s integer DEFAULT 0 NOT NULL,
    CONSTRAINT page_views_engaged_s_check CHECK ((engaged_s >= 0))
)
WITH (fillfactor='80');

CREATE TABLE person_limits (
    user_id uuid NOT NULL,
    set_by text NOT NULL,
    minutes_a_day integer,
    spend_a_day numeric(12,2),
    spend_a_week numeric(12,2),
    spend_a_month numeric(12,2),
    currency text,
    break_after integer,
    later jsonb,
    later_at timestamp with time zone,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT person_limits_set_by_check CHECK ((set_by = ANY (ARRAY['person'::text, 'platform'::text])))
);

CREATE TABLE persona_consents (
    id bigint NOT NULL,
    persona_id text NOT NULL,
    real_person text NOT NULL,
    covers text[] NOT NULL,
    statement text NOT NULL,
    recorded_by text NOT NULL,
    granted_at timestamp with time zone DEFAULT now() NOT NULL,
    withdrawn_at timestamp with time zone
);

ALTER TABLE persona_consents ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME persona_consents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE persona_files (
    persona_id text NOT NULL,
    version integer NOT NULL,
    source bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE personas (
    persona_id text NOT NULL,
    version integer NOT NULL,
    active boolean NOT NULL,
    card jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    author text DEFAULT ''::text NOT NULL,
    note text DEFAULT ''::text NOT NULL
);

CREATE TABLE preferences (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    turn_id uuid NOT NULL,
    kind text NOT NULL,
    over_turns uuid[] NOT NULL,
    suggestion text,
    trainable boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT preferences_kind_check CHECK ((kind = ANY (ARRAY['chosen'::text, 'another'::text, 'edited'::text, 'continued'::text, 'fixed'::text])))
);

CREATE TABLE profiles (
    user_id uuid NOT NULL,
    version integer NOT NULL,
    state jsonb NOT NULL,
    user_type text DEFAULT 'undecided'::text NOT NULL,
    corrected text,
    mood real DEFAULT 0 NOT NULL,
    engagement text DEFAULT 'steady'::text NOT NULL,
    messages integer DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE recall_blocks (
    user_id uuid NOT NULL,
    persona_id text NOT NULL,
    first_seq integer NOT NULL,
    last_seq integer NOT NULL,
    heads bytea NOT NULL,
    terms bytea NOT NULL,
    vectors bytea NOT NULL
)
PARTITION BY HASH (user_id);
ALTER TABLE ONLY recall_blocks ALTER COLUMN heads SET STORAGE EXTERNAL;
ALTER TABLE ONLY recall_blocks ALTER COLUMN terms SET STORAGE EXTERNAL;
ALTER TABLE ONLY recall_blocks ALTER COLUMN vectors SET STORAGE EXTERNAL;

CREATE TABLE recall_streams (
    user_id uuid NOT NULL,
    persona_id text NOT NULL,
    next_seq integer DEFAULT 1 NOT NULL,
    packed_to integer DEFAULT 0 NOT NULL,
    extracted_to integer DEFAULT 0 NOT NULL,
    asked_on date,
    asked_tokens integer DEFAULT 0 NOT NULL
);

CREATE TABLE referral_ledger (
    number bigint NOT NULL,
    day date NOT NULL,
    kind text NOT NULL,
    level text NOT NULL,
    country text NOT NULL,
    previous bytea NOT NULL,
    seal bytea NOT NULL
);

CREATE TABLE reminder_settings (
    user_id uuid NOT NULL,
    time_zone text NOT NULL,
    quiet_from smallint NOT NULL,
    quiet_to smallint NOT NULL,
    CONSTRAINT reminder_settings_quiet_from_check CHECK (((quiet_from >= 0) AND (quiet_from <= 23))),
    CONSTRAINT reminder_settings_quiet_to_check CHECK (((quiet_to >= 0) AND (quiet_to <= 23)))
);

CREATE TABLE reminders (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    persona_id text NOT NULL,
    turn_id uuid,
    kind text NOT NULL,
    words text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    delivered_at timestamp with time zone,
    conversation_id uuid,
    message_id uuid,
    CONSTRAINT reminders_kind_check CHECK ((kind = ANY (ARRAY['luck'::text, 'ask'::text, 'remind'::text]))),
    CONSTRAINT reminders_state_check CHECK ((state = ANY (ARRAY['proposed'::text, 'set'::text, 'delivered'::text, 'cancelled'::text, 'held'::text, 'missed'::text])))
);

CREATE TABLE replicas (
    replica_id uuid NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE reports (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    turn_id uuid NOT NULL,
    reason text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE rollup_state (
    only_one boolean DEFAULT true NOT NULL,
    zone text DEFAULT 'UTC'::text NOT NULL,
    seen xid8 DEFAULT '0'::xid8 NOT NULL,
    at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    visits_seen timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT rollup_state_only_one_check CHECK (only_one)
);

CREATE TABLE sent_texts (
    user_id uuid NOT NULL,
    digest bytea NOT NULL,
    text text NOT NULL,
    refs uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    CONSTRAINT sent_texts_digest_check CHECK ((octet_length(digest) = 32))
);

CREATE TABLE sessions (
    id uuid NOT NULL,
    site text NOT NULL,
    visitor text NOT NULL,
    user_id uuid,
    started_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    engaged_s integer DEFAULT 0 NOT NULL,
    pages integer DEFAULT 0 NOT NULL,
    entry_path text NOT NULL,
    exit_path text NOT NULL,
    referrer text DEFAULT ''::text NOT NULL,
    device text NOT NULL,
    browser text DEFAULT ''::text NOT NULL,
    browser_version text DEFAULT ''::text NOT NULL,
    os text DEFAULT ''::text NOT NULL,
    is_bot boolean NOT NULL,
    country character(2),
    address inet,
    address_truncated boolean DEFAULT false NOT NULL,
    consent boolean DEFAULT false NOT NULL,
    CONSTRAINT sessions_check CHECK ((last_seen_at >= started_at)),
    CONSTRAINT sessions_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT sessions_device_check CHECK ((device = ANY (ARRAY['desktop'::text, 'phone'::text, 'tablet'::text, 'bot'::text, 'other'::text]))),
    CONSTRAINT sessions_engaged_s_check CHECK ((engaged_s >= 0))
)
WITH (fillfactor='80');

CREATE TABLE users (
    user_id uuid NOT NULL,
    external_id text NOT NULL,
    country text,
    language text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT users_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT users_external_id_check CHECK (((char_length(external_id) >= 1) AND (char_length(external_id) <= 128)))
);

CREATE VIEW standings AS
 SELECT user_id,
    external_id,
    country,
    language,
    created_at,
    ( SELECT COALESCE(jsonb_object_agg(newest.purpose, newest.granted), '{}'::jsonb) AS "coalesce"
           FROM ( SELECT DISTINCT ON (c.purpose) c.purpose,
                    c.granted
                   FROM consents c
                  WHERE (c.user_id = u.user_id)
                  ORDER BY c.purpose, c.n DESC) newest) AS answers,
    (EXISTS ( SELECT
           FROM age_assertions yes
          WHERE ((yes.user_id = u.user_id) AND yes.adult AND (yes.expires_at > now()) AND (NOT (EXISTS ( SELECT
                   FROM age_assertions no
                  WHERE ((no.user_id = u.user_id) AND (NOT no.adult) AND ((no.asserted_at >= yes.asserted_at) OR (no.strength > yes.strength))))))))) AS proven_adult,
    (EXISTS ( SELECT
           FROM age_assertions no
          WHERE ((no.user_id = u.user_id) AND (NOT no.adult)))) AS refuted_adult
   FROM users u;

CREATE TABLE summaries (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    persona_id text NOT NULL,
    level text NOT NULL,
    of text NOT NULL,
    text text NOT NULL,
    covers_to integer DEFAULT 0 NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    made_by text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT summaries_level_check CHECK ((level = ANY (ARRAY['so_far'::text, 'month'::text, 'life'::text]))),
    CONSTRAINT summaries_made_by_check CHECK ((made_by = ANY (ARRAY['rules'::text, 'model'::text])))
);

CREATE TABLE token_ratios (
    model text NOT NULL,
    bytes_per_token double precision NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT token_ratios_bytes_per_token_check CHECK (((bytes_per_token >= (1)::double precision) AND (bytes_per_token <= (12)::double precision)))
);

CREATE TABLE tokens (
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    kind text NOT NULL,
    key_id text,
    attests text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT tokens_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT tokens_kind_check CHECK ((kind = ANY (ARRAY['person'::text, 'link'::text])))
);

CREATE TABLE turn_pieces (
    user_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    offset_chars integer NOT NULL,
    text text NOT NULL
);

CREATE TABLE turns (
    user_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    persona_id text NOT NULL,
    persona_version integer NOT NULL,
    user_message_id uuid NOT NULL,
    reply_id uuid,
    state text NOT NULL,
    replica_id uuid NOT NULL,
    stop_requested boolean DEFAULT false NOT NULL,
    strategy text,
    why jsonb DEFAULT '{}'::jsonb NOT NULL,
    usage jsonb,
    problem jsonb,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    sent jsonb,
    kind text DEFAULT 'said'::text NOT NULL,
    CONSTRAINT turns_kind_check CHECK ((kind = ANY (ARRAY['said'::text, 'another'::text, 'edit'::text, 'continue'::text]))),
    CONSTRAINT turns_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'stopped'::text, 'interrupted'::text, 'failed'::text])))
);

CREATE TABLE user_metrics (
    user_id uuid NOT NULL,
    day date NOT NULL,
    turns integer NOT NULL,
    conversations integer NOT NULL,
    memories integer NOT NULL,
    valence real NOT NULL,
    prompt_tokens bigint NOT NULL,
    cost_usd double precision NOT NULL,
    user_type text NOT NULL,
    untyped integer NOT NULL,
    typed boolean NOT NULL
);

CREATE TABLE user_totals (
    user_id uuid NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    turns bigint NOT NULL,
    user_type text NOT NULL,
    typed_after integer
);

CREATE TABLE visit_hours (
    hour timestamp with time zone NOT NULL,
    site text NOT NULL,
    device text NOT NULL,
    browser text NOT NULL,
    os text NOT NULL,
    country text NOT NULL,
    is_bot boolean NOT NULL,
    sessions integer NOT NULL,
    pages bigint NOT NULL,
    engaged_s bigint NOT NULL,
    elapsed_s bigint NOT NULL
);

CREATE TABLE visit_rules (
    only_one boolean DEFAULT true NOT NULL,
    visit_days integer DEFAULT 400 NOT NULL,
    address_days integer DEFAULT 30 NOT NULL,
    CONSTRAINT visit_rules_only_one_check CHECK (only_one)
);

CREATE TABLE webhook_deliveries (
    id text NOT NULL,
    kind text NOT NULL,
    incident_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    tried_at timestamp with time zone,
    delivered_at timestamp with time zone,
    given_up_at timestamp with time zone,
    problem text DEFAULT ''::text NOT NULL
);

CREATE TABLE withdrawals (
    site text NOT NULL,
    visitor text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY address_reads
    ADD CONSTRAINT address_reads_pkey PRIMARY KEY (n);

ALTER TABLE ONLY admissions
    ADD CONSTRAINT admissions_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY age_assertions
    ADD CONSTRAINT age_assertions_pkey PRIMARY KEY (user_id, digest);

ALTER TABLE ONLY api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);

ALTER TABLE ONLY api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY branches
    ADD CONSTRAINT branches_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY care_states
    ADD CONSTRAINT care_states_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (user_id, n);

ALTER TABLE ONLY contact_stops
    ADD CONSTRAINT contact_stops_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY daily_totals
    ADD CONSTRAINT daily_totals_pkey PRIMARY KEY (measure, day, name);

ALTER TABLE ONLY events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY fixed_settings
    ADD CONSTRAINT fixed_settings_pkey PRIMARY KEY (name);

ALTER TABLE ONLY handovers
    ADD CONSTRAINT handovers_pkey PRIMARY KEY (user_id, conversation_id);

ALTER TABLE ONLY idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (owner, key);

ALTER TABLE ONLY imported_messages
    ADD CONSTRAINT imported_messages_pkey PRIMARY KEY (user_id, message_id);

ALTER TABLE ONLY incidents
    ADD CONSTRAINT incidents_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memories
    ADD CONSTRAINT memories_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY memory_changes
    ADD CONSTRAINT memory_changes_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY offer_mentions
    ADD CONSTRAINT offer_mentions_pkey PRIMARY KEY (user_id, turn_id);

ALTER TABLE ONLY offer_rests
    ADD CONSTRAINT offer_rests_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY offers
    ADD CONSTRAINT offers_pkey PRIMARY KEY (offer_id);

ALTER TABLE ONLY operator_sign_ins
    ADD CONSTRAINT operator_sign_ins_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY outcomes
    ADD CONSTRAINT outcomes_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY page_views
    ADD CONSTRAINT page_views_pkey PRIMARY KEY (session_id, view);

ALTER TABLE ONLY person_limits
    ADD CONSTRAINT person_limits_pkey PRIMARY KEY (user_id, set_by);

ALTER TABLE ONLY persona_consents
    ADD CONSTRAINT persona_consents_pkey PRIMARY KEY (id);

ALTER TABLE ONLY persona_files
    ADD CONSTRAINT persona_files_pkey PRIMARY KEY (persona_id, version);

ALTER TABLE ONLY personas
    ADD CONSTRAINT personas_pkey PRIMARY KEY (persona_id, version);

ALTER TABLE ONLY preferences
    ADD CONSTRAINT preferences_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY profiles
    ADD CONSTRAINT profiles_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY recall_blocks
    ADD CONSTRAINT recall_blocks_pkey PRIMARY KEY (user_id, persona_id, first_seq);

ALTER TABLE ONLY recall_streams
    ADD CONSTRAINT recall_streams_pkey PRIMARY KEY (user_id, persona_id);

ALTER TABLE ONLY referral_ledger
    ADD CONSTRAINT referral_ledger_pkey PRIMARY KEY (number);

ALTER TABLE ONLY referral_ledger
    ADD CONSTRAINT referral_ledger_previous_key UNIQUE (previous);

ALTER TABLE ONLY referral_ledger
    ADD CONSTRAINT referral_ledger_seal_key UNIQUE (seal);

ALTER TABLE ONLY reminder_settings
    ADD CONSTRAINT reminder_settings_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY reminders
    ADD CONSTRAINT reminders_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY replicas
    ADD CONSTRAINT replicas_pkey PRIMARY KEY (replica_id);

ALTER TABLE ONLY reports
    ADD CONSTRAINT reports_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY rollup_state
    ADD CONSTRAINT rollup_state_pkey PRIMARY KEY (only_one);

ALTER TABLE ONLY sent_texts
    ADD CONSTRAINT sent_texts_pkey PRIMARY KEY (user_id, digest);

ALTER TABLE ONLY sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY summaries
    ADD CONSTRAINT summaries_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY summaries
    ADD CONSTRAINT summaries_user_id_persona_id_level_of_key UNIQUE (user_id, persona_id, level, of);

ALTER TABLE ONLY token_ratios
    ADD CONSTRAINT token_ratios_pkey PRIMARY KEY (model);

ALTER TABLE ONLY tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (user_id, hash);

ALTER TABLE ONLY turn_pieces
    ADD CONSTRAINT turn_pieces_pkey PRIMARY KEY (user_id, turn_id, offset_chars);

ALTER TABLE ONLY turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (user_id, turn_id);

ALTER TABLE ONLY user_metrics
    ADD CONSTRAINT user_metrics_pkey PRIMARY KEY (user_id, day);

ALTER TABLE ONLY user_totals
    ADD CONSTRAINT user_totals_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY users
    ADD CONSTRAINT users_external_id_key UNIQUE (external_id);

ALTER TABLE ONLY users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY visit_hours
    ADD CONSTRAINT visit_hours_pkey PRIMARY KEY (hour, site, device, browser, os, country, is_bot);

ALTER TABLE ONLY visit_rules
    ADD CONSTRAINT visit_rules_pkey PRIMARY KEY (only_one);

ALTER TABLE ONLY webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY withdrawals
    ADD CONSTRAINT withdrawals_pkey PRIMARY KEY (site, visitor);

CREATE INDEX address_reads_by_time ON address_reads USING btree (at);

CREATE INDEX conversations_recent ON conversations USING btree (user_id, persona_id, last_at DESC);

CREATE INDEX conversations_unsummarised ON conversations USING btree (closed_at) WHERE ((closed_at IS NOT NULL) AND (summary IS NULL));

CREATE INDEX events_by_kind ON events USING btree (kind, at);

CREATE INDEX events_by_person ON events USING btree (user_id, at) WHERE (user_id IS NOT NULL);

CREATE INDEX events_by_writer ON events USING btree (written_by);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys USING btree (created_at);

CREATE INDEX idempotency_keys_by_person ON idempotency_keys USING btree (user_id);

CREATE INDEX incidents_by_person ON incidents USING btree (user_id, opened_at DESC) WHERE (user_id IS NOT NULL);

CREATE INDEX incidents_open ON incidents USING btree (opened_at) WHERE (state <> 'closed'::text);

CREATE INDEX memories_current ON ONLY memories USING btree (user_id, persona_id, kind) WHERE (superseded_by IS NULL);

CREATE INDEX memories_forgotten ON ONLY memories USING btree (forgotten_at) WHERE (forgotten_at IS NOT NULL);

CREATE INDEX memories_subject ON ONLY memories USING btree (user_id, persona_id, subject) WHERE (valid_to IS NULL);

CREATE INDEX messages_conversation ON ONLY messages USING btree (user_id, conversation_id, "position");

CREATE INDEX messages_forgotten ON ONLY messages USING btree (forgotten_at) WHERE (forgotten_at IS NOT NULL);

CREATE INDEX messages_stream ON ONLY messages USING btree (user_id, persona_id, seq);

CREATE INDEX outcomes_by_time ON outcomes USING btree (at);

CREATE INDEX outcomes_by_writer ON outcomes USING btree (written_by);

CREATE INDEX page_views_by_time ON page_views USING brin (at) WITH (pages_per_range='32');

CREATE INDEX persona_consents_standing ON persona_consents USING btree (persona_id) WHERE (withdrawn_at IS NULL);

CREATE UNIQUE INDEX personas_active ON personas USING btree (persona_id) WHERE active;

CREATE INDEX reminders_delivered ON reminders USING btree (delivered_at) WHERE (state = 'delivered'::text);

CREATE INDEX reminders_due ON reminders USING btree (due_at) WHERE (state = 'set'::text);

CREATE INDEX sessions_by_last_seen ON sessions USING btree (last_seen_at DESC);

CREATE INDEX sessions_by_start ON sessions USING btree (started_at DESC, id DESC);

CREATE INDEX sessions_by_user ON sessions USING btree (user_id, started_at DESC) WHERE (user_id IS NOT NULL);

CREATE INDEX sessions_by_visitor ON sessions USING btree (site, visitor, started_at DESC);

CREATE INDEX sessions_with_whole_address ON sessions USING btree (started_at) WHERE ((address IS NOT NULL) AND (NOT address_truncated));

CREATE INDEX turns_by_id ON turns USING btree (turn_id);

CREATE INDEX turns_by_reply ON turns USING btree (user_id, reply_id);

CREATE INDEX turns_running ON turns USING btree (replica_id) WHERE (state = 'running'::text);

CREATE INDEX user_metrics_by_day ON user_metrics USING btree (day);

CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries USING btree (created_at) WHERE (delivered_at IS NULL);

CREATE TRIGGER address_reads_append_only BEFORE UPDATE ON address_reads FOR EACH ROW EXECUTE FUNCTION refuse_update();

CREATE TRIGGER age_assertions_append_only BEFORE UPDATE ON age_assertions FOR EACH ROW EXECUTE FUNCTION refuse_update();

CREATE TRIGGER consents_append_only BEFORE UPDATE ON consents FOR EACH ROW EXECUTE FUNCTION refuse_update();

CREATE TRIGGER referral_ledger_keeps BEFORE DELETE OR UPDATE OR TRUNCATE ON referral_ledger FOR EACH STATEMENT EXECUTE FUNCTION referral_ledger_refuse();

CREATE TRIGGER referral_ledger_seals BEFORE INSERT ON referral_ledger FOR EACH ROW EXECUTE FUNCTION referral_ledger_seal();

ALTER TABLE ONLY age_assertions
    ADD CONSTRAINT age_assertions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY consents
    ADD CONSTRAINT consents_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY operator_sign_ins
    ADD CONSTRAINT operator_sign_ins_key_id_fkey FOREIGN KEY (key_id) REFERENCES api_keys(id);

ALTER TABLE ONLY page_views
    ADD CONSTRAINT page_views_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE;

ALTER TABLE ONLY persona_files
    ADD CONSTRAINT persona_files_persona_id_version_fkey FOREIGN KEY (persona_id, version) REFERENCES personas(persona_id, version);

ALTER TABLE ONLY tokens
    ADD CONSTRAINT tokens_key_id_fkey FOREIGN KEY (key_id) REFERENCES api_keys(id);

ALTER TABLE ONLY tokens
    ADD CONSTRAINT tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_incident_id_fkey FOREIGN KEY (incident_id) REFERENCES incidents(id);

-- imported_messages: 32 hash partitions
-- memories: 32 hash partitions
-- messages: 32 hash partitions
-- recall_blocks: 32 hash partitions
