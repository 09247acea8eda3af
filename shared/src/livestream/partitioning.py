"""Where a record belongs: murmur2 over the NFC name, as Java's and aiokafka's default partitioners place it."""

from functools import lru_cache

from aiokafka.partitioner import murmur2

_CACHED_NAMES = 65_536  # murmur2 is pure Python here; a stream has far fewer names than messages


@lru_cache(_CACHED_NAMES)
def partition_of(name: str, partitions: int) -> int:
    """The partition of `name` (already NFC) in a topic with so many partitions."""
    return int(murmur2(name.encode()) & 0x7FFFFFFF) % partitions
