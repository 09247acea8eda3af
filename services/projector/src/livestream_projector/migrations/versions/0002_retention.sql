-- Retention: history is dropped, counts stay.

-- Each change of RETENTION_DAYS: from then on history is kept for `keep_ms`; NULL: forever.
CREATE TABLE retention (
    since_ms  bigint PRIMARY KEY,
    keep_ms   bigint
);
-- How many of these changes whoever folds has to know: it is refused where it knows fewer.
ALTER TABLE generations ADD COLUMN retention_changes integer NOT NULL DEFAULT 0;

-- Of the messages before `baseline_offset` (offsets of messages.v1) no row is left, only what they count; all that was
-- appended before `dropped_before_ms` has been dropped. `drops` fences a batch that read rows before they went.
ALTER TABLE partitions
    ADD COLUMN baseline_offset    bigint NOT NULL DEFAULT 0,
    ADD COLUMN dropped_before_ms  bigint NOT NULL DEFAULT -4611686018427387904,
    ADD COLUMN drops              bigint NOT NULL DEFAULT 0,
    ADD COLUMN users_checksum     bigint NOT NULL DEFAULT 0;

-- `messages` counts those that were dropped too.
ALTER TABLE pairs
    ADD COLUMN dropped          bigint NOT NULL DEFAULT 0,
    ADD COLUMN dropped_last_ms  bigint NOT NULL DEFAULT -4611686018427387904;

-- Where the partition's append times had come to with the post or its deletion: rows are dropped in this order.
ALTER TABLE messages ADD COLUMN kept_ms bigint;
UPDATE messages SET kept_ms = CASE
    WHEN posted AND NOT deleted THEN append_ms ELSE (extract(epoch FROM now()) * 1000)::bigint END;
UPDATE messages m SET kept_ms = come_to.kept_ms
FROM (SELECT generation, channel, id, append_ms,
             max(append_ms) OVER (PARTITION BY generation, partition ORDER BY log_offset) AS kept_ms
      FROM messages WHERE posted AND NOT deleted) AS come_to
WHERE come_to.kept_ms > come_to.append_ms  -- a broker's clock had gone back
  AND m.generation = come_to.generation AND m.channel = come_to.channel AND m.id = come_to.id;
ALTER TABLE messages ALTER COLUMN kept_ms SET NOT NULL;

-- Posts that were not counted, since they repeat one before them: a rebuild that begins behind that one has to know.
CREATE TABLE repeats (
    generation       integer NOT NULL REFERENCES generations ON DELETE CASCADE,
    partition        integer NOT NULL,
    log_offset       bigint NOT NULL,
    original_offset  bigint NOT NULL,
    PRIMARY KEY (generation, partition, log_offset)
);

-- Rows are dropped by partition in this order; without retention nobody looks for them so.
CREATE FUNCTION index_for_drop(indexed_generation integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    leaf text := 'messages_' || indexed_generation;
BEGIN
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I (partition, kept_ms, log_offset)', leaf || '_drop', leaf);
END
$$;

CREATE OR REPLACE FUNCTION create_generation(new_generation integer, new_state text, partition_count integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    leaf text := 'messages_' || new_generation;
BEGIN
    INSERT INTO generations (generation, state, partitions, retention_changes)
        VALUES (new_generation, new_state, partition_count, (SELECT count(*) FROM retention));
    INSERT INTO partitions (generation, partition)
        SELECT new_generation, partition FROM generate_series(0, partition_count - 1) AS partition;
    EXECUTE format('CREATE TABLE %I PARTITION OF messages FOR VALUES IN (%s)', leaf, new_generation);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (channel, id)', leaf);
    EXECUTE format('CREATE INDEX ON %I (ts_ms, channel, log_offset) WHERE visible', leaf);
    EXECUTE format('CREATE INDEX ON %I (channel, ts_ms, log_offset) WHERE visible', leaf);
    EXECUTE format('CREATE INDEX ON %I (username, ts_ms, channel, log_offset) WHERE visible', leaf);
    IF EXISTS (SELECT FROM retention) THEN
        PERFORM index_for_drop(new_generation);
    END IF;
END
$$;
