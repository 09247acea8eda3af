-- A foreign key is looked up for each row that is inserted: for thousands of new pairs and users a batch, to learn each time
-- that the generation is there which the same transaction holds (`hold_generation`). What it did when a generation was
-- dropped is done once a generation now.
--
-- All locks at once, in the order in which a batch takes them, and not behind somebody who reads for long: everybody else
-- would wait behind this. Without them it is tried again.
SET LOCAL lock_timeout = '2s';
LOCK TABLE generations, partitions, pairs, channels, partition_users IN ACCESS EXCLUSIVE MODE;

ALTER TABLE pairs DROP CONSTRAINT pairs_generation_fkey;
ALTER TABLE channels DROP CONSTRAINT channels_generation_fkey;
ALTER TABLE partition_users DROP CONSTRAINT partition_users_generation_fkey;

CREATE FUNCTION drop_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pairs WHERE generation IN (SELECT generation FROM gone);
    DELETE FROM channels WHERE generation IN (SELECT generation FROM gone);
    DELETE FROM partition_users WHERE generation IN (SELECT generation FROM gone);
    RETURN NULL;
END
$$;
CREATE TRIGGER drop_counts AFTER DELETE ON generations REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION drop_counts();
