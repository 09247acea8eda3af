-- Which channels were deleted, as `deleted_users` tells of users: few, so that reads of many messages need not go through
-- all channels to learn that none of theirs was.
CREATE INDEX deleted_channels ON channels (generation, channel, deleted_ms) WHERE deleted_ms > -4611686018427387904;
