"""Whatever the names of headers are, a consumer reads on."""

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords

from livestream.kafka import AIOKafkaConsumer
from tests.support.header_names import GZIP, Headers, NotUtf8, batch_of


def read(content: bytes) -> list[tuple[int, bytes, list[tuple[str, bytes]]]]:
    """As aiokafka's fetcher does."""
    assert AIOKafkaConsumer
    records, found = fetcher.MemoryRecords(content), []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        found += [(record.offset, record.value, record.headers) for record in batch]
    return found


@pytest.mark.parametrize("compression", [0, GZIP])
def test_a_name_that_is_not_utf_8_is_read_with_replacement_characters_and_its_neighbours_as_they_are(
    compression: int,
) -> None:
    headers: list[Headers] = [[("a", b"1")], [(NotUtf8(b"\xffx"), b"\xff"), ("é", b"")], [("b", None)]]
    content = batch_of(*((b"value" * 50, each) for each in headers), compression=compression)
    with pytest.raises(UnicodeDecodeError):
        list(MemoryRecords(content).next_batch())
    assert read(content) == [
        (0, b"value" * 50, [("a", b"1")]),
        (1, b"value" * 50, [("\ufffdx", b"\xff"), ("é", b"")]),
        (2, b"value" * 50, [("b", None)]),
    ]


def test_batches_without_such_names_are_read_the_fast_way() -> None:
    records = fetcher.MemoryRecords(batch_of((b"value", [("é", b"1")])))
    assert type(records) is MemoryRecords
    assert type(records.next_batch()) is DefaultRecordBatch


def test_what_is_broken_is_left_for_the_consumer_to_say() -> None:
    content = batch_of((b"value", []))
    broken = content[:-2] + b"\xff\xff"
    assert not fetcher.MemoryRecords(broken).next_batch().validate_crc()
    assert read(content[:-1]) == read(b"") == []
