-- Words of deleted users that the indexes of words hold still: they never drop one, and are made anew.

-- A row where there are some: when the first of them was erased from its rows, and how many erasures there were since.
CREATE TABLE word_erasures (
    generation  integer PRIMARY KEY REFERENCES generations ON DELETE CASCADE,
    since       timestamptz NOT NULL DEFAULT now(),
    erasures    bigint NOT NULL DEFAULT 1
);
-- Nobody knows whether they have been made anew since the last deletion.
INSERT INTO word_erasures (generation)
    SELECT DISTINCT generation FROM partition_users WHERE deleted_ms > -4611686018427387904;
