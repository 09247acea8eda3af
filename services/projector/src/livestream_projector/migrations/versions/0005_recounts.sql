-- Users' counts follow the deletion of a big channel in steps.

-- Steps that were made, and of how many channels there are more to come.
ALTER TABLE partitions
    ADD COLUMN recounts    bigint NOT NULL DEFAULT 0,
    ADD COLUMN recounting  integer NOT NULL DEFAULT 0;

-- Deleted channels whose users' counts follow: those up to the name `reached` have.
CREATE TABLE recounts (
    generation  integer NOT NULL REFERENCES generations ON DELETE CASCADE,
    partition   integer NOT NULL,
    channel     text COLLATE "C" NOT NULL,
    reached     text COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, partition, channel)
);

-- The newest deletion of its channel that a pair knows of.
ALTER TABLE pairs ADD COLUMN counted_from_ms bigint NOT NULL DEFAULT -4611686018427387904;
UPDATE pairs p SET counted_from_ms = c.deleted_ms
    FROM channels c WHERE c.generation = p.generation AND c.channel = p.channel AND c.deleted_ms > p.counted_from_ms;
ALTER TABLE pairs ALTER COLUMN counted_from_ms DROP DEFAULT;

-- The pairs that count for their channel. The others are still part of their user's count, and of nothing else.
CREATE VIEW settled_pairs AS
    SELECT p.* FROM pairs p LEFT JOIN channels c ON c.generation = p.generation AND c.channel = p.channel
    WHERE p.counted_from_ms >= coalesce(c.deleted_ms, -4611686018427387904);

-- Which display name is left after a deletion: it may have come with a message that is not visible any more.
DROP INDEX hidden_channel_names;
DROP INDEX hidden_user_names;
CREATE INDEX hidden_channel_names ON messages (channel, ts_ms) WHERE NOT visible AND channel_display_name IS NOT NULL;
CREATE INDEX hidden_user_names ON messages (username, ts_ms) WHERE NOT visible AND user_display_name IS NOT NULL;
