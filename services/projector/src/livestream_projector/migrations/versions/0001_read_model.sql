-- The durable read model. Every row belongs to a generation: a rebuild folds the next one beside the live one.
-- Names and ids compare by code points (COLLATE "C"), as in Python, in Redis and in the browser.
-- Times are milliseconds since 1970 UTC. -4611686018427387904 stands for "never" (livestream.fold.NEVER_MS).

CREATE TABLE generations (
    generation   integer PRIMARY KEY,
    state        text NOT NULL CHECK (state IN ('building', 'live', 'retired')),
    partitions   integer NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX one_live_generation ON generations (state) WHERE state = 'live';

-- Where each partition's fold stands, and its totals. The offsets are the next ones to read, and what a transaction is
-- conditional on: a process that lost its partition finds them moved and writes nothing.
CREATE TABLE partitions (
    generation       integer NOT NULL REFERENCES generations ON DELETE CASCADE,
    partition        integer NOT NULL,
    messages_offset  bigint NOT NULL DEFAULT 0,
    users_offset     bigint NOT NULL DEFAULT 0,
    messages         bigint NOT NULL DEFAULT 0,
    channels         bigint NOT NULL DEFAULT 0,
    last_append_ms   bigint NOT NULL DEFAULT -4611686018427387904,
    last_checksum    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (generation, partition)
) WITH (fillfactor = 50);

-- A message, or (posted = false) the tombstone that came before it. A row outlives its text: it is what a repeat is
-- recognised by. `digest` stands for (user, text as posted).
CREATE TABLE messages (
    generation            integer NOT NULL,
    partition             integer NOT NULL,
    channel               text COLLATE "C" NOT NULL,
    id                    text COLLATE "C" NOT NULL,
    username              text COLLATE "C" NOT NULL,
    ts_ms                 bigint NOT NULL,
    append_ms             bigint NOT NULL,
    log_offset            bigint NOT NULL,
    digest                bigint NOT NULL,
    edited_ts_ms          bigint,
    edited_offset         bigint,
    posted                boolean NOT NULL,
    deleted               boolean NOT NULL,
    visible               boolean NOT NULL,
    text                  text NOT NULL,
    channel_display_name  text,
    user_display_name     text
) PARTITION BY LIST (generation);

-- Counts of visible messages by one user in one channel; a channel lies in one partition.
CREATE TABLE pairs (
    generation  integer NOT NULL REFERENCES generations ON DELETE CASCADE,
    partition   integer NOT NULL,
    channel     text COLLATE "C" NOT NULL,
    username    text COLLATE "C" NOT NULL,
    messages    bigint NOT NULL,
    last_ms     bigint NOT NULL,
    PRIMARY KEY (generation, channel, username)
) WITH (fillfactor = 70);
CREATE INDEX pairs_by_user ON pairs (generation, partition, username);

CREATE TABLE channels (
    generation      integer NOT NULL REFERENCES generations ON DELETE CASCADE,
    channel         text COLLATE "C" NOT NULL,
    partition       integer NOT NULL,
    messages        bigint NOT NULL,
    last_ms         bigint NOT NULL,
    deleted_ms      bigint NOT NULL,
    display_name    text NOT NULL,
    display_ts_ms   bigint NOT NULL,
    display_channel text COLLATE "C" NOT NULL,
    display_offset  bigint NOT NULL,
    PRIMARY KEY (generation, channel)
) WITH (fillfactor = 70);

-- A user as far as one partition knows: instances never contend for a row, and readers merge them.
CREATE TABLE partition_users (
    generation      integer NOT NULL REFERENCES generations ON DELETE CASCADE,
    partition       integer NOT NULL,
    username        text COLLATE "C" NOT NULL,
    messages        bigint NOT NULL,
    last_ms         bigint NOT NULL,
    deleted_ms      bigint NOT NULL,
    display_name    text NOT NULL,
    display_ts_ms   bigint NOT NULL,
    display_channel text COLLATE "C" NOT NULL,
    display_offset  bigint NOT NULL,
    PRIMARY KEY (generation, username, partition)
) WITH (fillfactor = 70);
CREATE INDEX deleted_users ON partition_users (generation, username, deleted_ms)
    WHERE deleted_ms > -4611686018427387904;

-- One row a transaction: the delta to publish (livestream.deltas.Batch as MessagePack). Deleted when Redis has it.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation  integer NOT NULL REFERENCES generations ON DELETE CASCADE,
    batch       bytea NOT NULL
);

-- Deletions whose rows are hidden already and still to be erased, in chunks.
CREATE TABLE erasures (
    generation  integer NOT NULL REFERENCES generations ON DELETE CASCADE,
    partition   integer NOT NULL,
    scope       text NOT NULL CHECK (scope IN ('channel', 'user')),
    name        text COLLATE "C" NOT NULL,
    up_to_ms    bigint NOT NULL,
    PRIMARY KEY (generation, partition, scope, name)
);

-- Makes the partition of `messages` that holds one generation, so that dropping it is one statement.
CREATE FUNCTION create_generation(new_generation integer, new_state text, partition_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    leaf text := 'messages_' || new_generation;
BEGIN
    INSERT INTO generations (generation, state, partitions) VALUES (new_generation, new_state, partition_count);
    INSERT INTO partitions (generation, partition)
        SELECT new_generation, partition FROM generate_series(0, partition_count - 1) AS partition;
    EXECUTE format('CREATE TABLE %I PARTITION OF messages FOR VALUES IN (%s)', leaf, new_generation);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (channel, id)', leaf);
    EXECUTE format('CREATE INDEX ON %I (ts_ms, channel, log_offset) WHERE visible', leaf);
    EXECUTE format('CREATE INDEX ON %I (channel, ts_ms, log_offset) WHERE visible', leaf);
    EXECUTE format('CREATE INDEX ON %I (username, ts_ms, channel, log_offset) WHERE visible', leaf);
END
$$;
