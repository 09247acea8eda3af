"""aiokafka alone: puts prepared records on the log, with ingest's guarantees and the size of its batches.

A program: `python -m bench.posting.bare_producer send|send_batch SERVERS FILE`. It says `ready`, begins at the first
line that it is told, and says `done`.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.posting.chat_bodies import Record
from livestream.events import MESSAGES_TOPIC
from livestream.kafka import AIOKafkaProducer
from livestream.service import new_event_loop
from livestream_ingest.producer import BATCH_BYTES

# As many as the load has connections: one hands over while the others wait for Kafka.
HANDS: Final = 4

Put = Callable[[AIOKafkaProducer, Sequence[Record]], Awaitable[None]]


async def put_each(producer: AIOKafkaProducer, group: Sequence[Record]) -> None:
    """`send`, and all acknowledgements awaited together."""
    sent = [
        await producer.send(MESSAGES_TOPIC, record.value, key=record.key, partition=record.partition)
        for record in group
    ]
    await asyncio.gather(*sent)


async def put_batches(producer: AIOKafkaProducer, group: Sequence[Record]) -> None:
    """`send_batch`, as few as hold the group."""
    open_batches: dict[int, Any] = {}
    full: list[tuple[int, Any]] = []
    for record in group:
        batch = open_batches.get(record.partition)
        if batch is None or batch.append(timestamp=None, key=record.key, value=record.value) is None:
            if batch is not None:
                full.append((record.partition, batch))
            batch = open_batches[record.partition] = producer.create_batch()
            batch.append(timestamp=None, key=record.key, value=record.value)
    sent = [
        await producer.send_batch(batch, MESSAGES_TOPIC, partition=partition)
        for partition, batch in (*full, *open_batches.items())
    ]
    await asyncio.gather(*sent)


_WAYS: Final[dict[str, Put]] = {"send": put_each, "send_batch": put_batches}


async def _run(put: Put, servers: str, groups: Sequence[Sequence[Record]]) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
    )
    await producer.start()
    try:
        await producer.partitions_for(MESSAGES_TOPIC)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        waiting = deque(groups)

        async def hand_over() -> None:
            while waiting:
                await put(producer, waiting.popleft())

        async with asyncio.TaskGroup() as hands:
            for _ in range(HANDS):
                hands.create_task(hand_over())
        print("done", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    finally:
        await producer.stop()


def main() -> None:
    way, servers, path = sys.argv[1:]
    groups = msgspec.msgpack.decode(Path(path).read_bytes(), type=list[list[Record]])
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_run(_WAYS[way], servers, groups))


if __name__ == "__main__":
    main()
