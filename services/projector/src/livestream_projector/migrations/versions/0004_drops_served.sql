-- What a drop leaves to do, and what it needs, outlives the process that made it.

-- `worn`: rows have gone that clients may still hold, until an epoch is served that was loaded after that. All before
-- `passed_offset` and `users_passed_offset` is folded: markers of transactions lie between there and the last record,
-- and when Kafka has dropped them, nobody can tell them from records any more.
ALTER TABLE partitions
    ADD COLUMN worn                 boolean NOT NULL DEFAULT false,
    ADD COLUMN passed_offset        bigint NOT NULL DEFAULT 0,
    ADD COLUMN users_passed_offset  bigint NOT NULL DEFAULT 0;

-- A rebuild that was killed may have left a generation without its messages.
CREATE OR REPLACE FUNCTION index_for_drop(indexed_generation integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    leaf text := 'messages_' || indexed_generation;
BEGIN
    IF to_regclass(leaf) IS NOT NULL THEN
        EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I (partition, kept_ms, log_offset)', leaf || '_drop', leaf);
    END IF;
END
$$;

-- The partition of `messages` is made apart and attached: made as one from the start, it would lock out all who read
-- or fold until the transaction ends.
CREATE OR REPLACE FUNCTION create_generation(new_generation integer, new_state text, partition_count integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    leaf text := 'messages_' || new_generation;
BEGIN
    INSERT INTO generations (generation, state, partitions, retention_changes)
        VALUES (new_generation, new_state, partition_count, (SELECT count(*) FROM retention));
    INSERT INTO partitions (generation, partition)
        SELECT new_generation, partition FROM generate_series(0, partition_count - 1) AS partition;
    EXECUTE format('CREATE TABLE %I (LIKE messages)', leaf);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (channel, id)', leaf);
    EXECUTE format('CREATE INDEX ON %I (ts_ms, channel, log_offset) WHERE visible', leaf);
    EXECUTE format('CREATE INDEX ON %I (channel, ts_ms, log_offset) WHERE visible', leaf);
    EXECUTE format('CREATE INDEX ON %I (username, ts_ms, channel, log_offset) WHERE visible', leaf);
    EXECUTE format('ALTER TABLE messages ATTACH PARTITION %I FOR VALUES IN (%s)', leaf, new_generation);
    IF EXISTS (SELECT FROM retention) THEN
        PERFORM index_for_drop(new_generation);
    END IF;
END
$$;
