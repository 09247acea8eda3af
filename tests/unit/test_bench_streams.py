"""The load client of benchmarks: it must see every message that is missing, comes twice or is out of order."""

import socket
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from bench.streams.marked_chat import MarkedChat
from bench.streams.marks import Dechunked, Frame, Marked, MarkReader, mark, now_us
from bench.streams.shared_stream import Delivered, SharedStream
from bench.streams.watchers import Audience, Watchers

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TIMEOUT_S = 10


def event(*numbers: int) -> bytes:
    return "".join(["event: delta\ndata: ", *(mark(number, 7) for number in numbers), "\n\n"]).encode()


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def block(content: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(content) + deflate.flush(zlib.Z_FULL_FLUSH)


@pytest.mark.parametrize("form", ["plain", "chunked", "gzip"])
def test_frames_are_found_when_they_are_complete(form: str) -> None:
    encodings: dict[str, Callable[[bytes], bytes]] = {
        "plain": bytes,
        "chunked": chunk,
        "gzip": lambda content: chunk(block(content)),
    }
    encode = encodings[form]
    events = [event(1, 2), b"event: status\ndata: {}\n\n", event(3)]
    stream = b"".join(encode(each) for each in events)
    reader, content, frames = MarkReader(is_chunked=form != "plain", is_gzip=form == "gzip"), bytearray(), []
    for byte in stream:
        content.append(byte)
        frames += [(len(content), frame) for frame in reader.read(content)]
    first = len(encode(events[0]))
    assert frames == [
        (first, Frame(first, [Marked(1, 7), Marked(2, 7)])),
        (len(stream), Frame(len(stream), [Marked(3, 7)])),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_chunks_are_taken_apart_wherever_they_are_cut(size: int) -> None:
    stream = b"".join(chunk(each) for each in (b"a", b"bcd" * 10, event(1)))
    taken = Dechunked()
    pieces = [taken.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert b"".join(pieces) == b"a" + b"bcd" * 10 + event(1)


@pytest.mark.parametrize("numbers", [[1, 3], [1, 2, 2, 3], [1, 3, 2], [2, 3]])
def test_what_is_missing_or_twice_or_out_of_order_is_seen(numbers: Sequence[int]) -> None:
    shared = SharedStream(MarkReader(is_chunked=False), first=1)
    for number in numbers:
        assert shared.takes(len(shared), event(number))
    shared.look()
    assert not shared.is_in_order


@pytest.mark.parametrize(("numbers", "is_in_order"), [([3, 4], True), ([5, 4], False), ([3, 5], False)])
def test_a_view_of_the_newest_messages_may_skip_older_ones_but_not_among_them(
    numbers: Sequence[int], *, is_in_order: bool
) -> None:
    shared = SharedStream(MarkReader(is_chunked=False), first=1, may_skip=True)
    assert shared.takes(0, event(1))
    assert shared.takes(len(event(1)), event(*numbers))
    shared.look()
    assert shared.is_in_order is is_in_order


def test_all_clients_must_be_told_the_same_and_are_counted_by_how_far_they_got() -> None:
    shared = SharedStream(MarkReader(is_chunked=False), first=1)
    stream = event(1) + event(2, 3)
    assert shared.takes(0, stream[:5])
    assert shared.takes(0, stream)  # another one, that is ahead
    assert shared.takes(5, stream[5:])
    assert not shared.takes(5, stream[4:])
    assert not shared.takes(0, stream[:-1] + b"x")
    assert not shared.takes(len(stream) - 3, b"xyz and more")
    shared.look()
    assert shared.is_in_order
    assert shared.last == 3
    assert shared.delivered([len(stream), len(event(1)), len(stream) - 1]) == Delivered(messages=5, frames=4)


def test_rows_are_as_long_as_asked_and_follow_one_another() -> None:
    chat = MarkedChat()
    rows = [*chat.rows(3, now_us(), row_bytes=400), *chat.rows(2, now_us())]
    assert [len(row.json) for row in rows[:3]] == [400] * 3
    assert [row.ts_ms for row in rows] == sorted({row.ts_ms for row in rows})
    first, second = chat.batch(rows[:3]).positions[0], chat.batch(rows[3:]).positions[0]
    assert (first.messages_from, first.messages_to, second.messages_from, second.messages_to) == (0, 3, 3, 5)


@contextmanager
def served(clients: int) -> Iterator[tuple[tuple[str, int], list[socket.socket]]]:
    """A server that answers so many clients and leaves their connections to the test."""
    accepted: list[socket.socket] = []

    def accept(listening: socket.socket) -> None:
        for _ in range(clients):
            connection, _ = listening.accept()
            connection.recv(1000)
            connection.sendall(HEAD + chunk(b"hello"))
            accepted.append(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=(listening,))
        thread.start()
        yield listening.getsockname(), accepted
        thread.join(TIMEOUT_S)
    for connection in accepted:
        connection.close()


@pytest.mark.parametrize("cuts_alike", [True, False])
def test_watchers_count_what_came_to_each_and_see_who_was_told_something_else(*, cuts_alike: bool) -> None:
    with served(3) as (address, connections):
        watchers = Watchers()
        watchers.come(Audience([address], [b"GET / HTTP/1.1\r\n\r\n"], 3, cuts_alike))
        watchers.begin(first=1, timed=3)
        for connection in connections:
            connection.sendall(chunk(event(1)) + chunk(event(2)))
        assert watchers.finish(2, TIMEOUT_S)
        report = watchers.report()
        assert (report.messages, report.frames, report.is_complete, report.different) == (6, 6, True, 0)
        assert report.latency is not None

        watchers.begin(first=3, timed=3)
        for number, connection in enumerate(connections):
            connection.sendall(chunk(event(3)) + chunk(event(4) if number else event(5)))
        assert not watchers.finish(4, 0.5)
        report = watchers.report()
        assert report.different > 0
        assert not report.is_complete
        watchers.leave()


def test_watchers_see_who_was_cut() -> None:
    with served(2) as (address, connections):
        watchers = Watchers()
        watchers.come(Audience([address], [b"GET / HTTP/1.1\r\n\r\n"], 2, cuts_alike=True))
        watchers.begin(first=1, timed=1)
        connections[0].sendall(chunk(event(1)))
        connections[1].close()
        assert watchers.finish(1, TIMEOUT_S)
        report = watchers.report()
        assert (report.messages, report.cut, report.is_complete) == (1, 1, False)
        watchers.leave()
