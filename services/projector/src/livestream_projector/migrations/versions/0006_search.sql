-- Finding things: messages by their words, channels and users by how their names begin.

SET LOCAL maintenance_work_mem = '256MB';  -- an index of words is made in few runs over the table, or in many

-- The words of messages that can be seen. New ones wait in a list until it is full, since many are put in at far less
-- than the cost of each alone. The list is short: a search reads all of it, and the planner shuns an index with a long one.
CREATE FUNCTION index_for_search(indexed_generation integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    leaf text := 'messages_' || indexed_generation;
BEGIN
    -- A rebuild that was killed may have left a generation without its messages.
    IF to_regclass(leaf) IS NOT NULL THEN
        EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I USING gin (to_tsvector(''simple'', text))'
            ' WITH (fastupdate = on, gin_pending_list_limit = 1024) WHERE visible', leaf || '_words', leaf);
    END IF;
END
$$;
SELECT index_for_search(generation) FROM generations;

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
    PERFORM index_for_search(new_generation);
    EXECUTE format('ALTER TABLE messages ATTACH PARTITION %I FOR VALUES IN (%s)', leaf, new_generation);
    IF EXISTS (SELECT FROM retention) THEN
        PERFORM index_for_drop(new_generation);
    END IF;
END
$$;

-- Where a channel or user is found by a beginning: its name, and each word of its display name, without regard to case.
CREATE FUNCTION beginnings(name text, display_name text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(array_remove(
        lower(name COLLATE "default") || regexp_split_to_array(lower(display_name COLLATE "default"), '[^[:alnum:]]+'),
        ''))
$$;
CREATE INDEX channels_beginnings ON channels USING gin (beginnings(channel, display_name))
    WITH (fastupdate = on, gin_pending_list_limit = 256);
CREATE INDEX users_beginnings ON partition_users USING gin (beginnings(username, display_name))
    WITH (fastupdate = on, gin_pending_list_limit = 256);

-- A text as one lexeme of a tsquery.
CREATE FUNCTION quoted(lexeme text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || ''''
$$;

-- What begins with a text, or has words that begin so one after the other.
CREATE FUNCTION begun_by(wanted text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT concat_ws('|', quoted(lower(wanted COLLATE "default")) || ':*', '(' || words || ':*)')::tsquery
    FROM (SELECT string_agg(quoted(word), '&') AS words
          FROM regexp_split_to_table(lower(wanted COLLATE "default"), '[^[:alnum:]]+') AS word WHERE word <> '') AS found
$$;
