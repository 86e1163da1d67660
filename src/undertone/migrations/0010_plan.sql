-- How many bytes of text a model counts as one token, learned from the usage its provider reports.
create table token_ratios (
    model text primary key,
    bytes_per_token double precision not null check (bytes_per_token between 1 and 12),
    updated_at timestamptz not null
);

-- Which messages came from a log: a row of it is stored once however often it is read, and one that was forgotten since
-- does not come back. The id is made from the row (see ops/importers).
create table imported_messages (
    user_id uuid not null,
    message_id uuid not null,
    primary key (user_id, message_id)
) partition by hash (user_id);
do $$
begin
    for i in 0..31 loop
        execute format(
            'create table imported_messages_%s partition of imported_messages for values with (modulus 32, remainder %s)',
            i, i);
    end loop;
end
$$;
