"""Hostile paths, parameters and headers: no fault of ours comes of them, and no line of an answer."""

import json
from collections.abc import AsyncIterator

import pytest

from livestream.serving import ServingCopy
from tests.support.kafka_log import KafkaLog
from tests.support.raw_http import ask, raw_request
from tests.support.stacks import RunningStack
from tests.support.unharmed import unharmed
from tests.support.upstream_events import caught_up
from tests.support.ways_in import encoded, message


@pytest.fixture(autouse=True)
async def _unharmed_by_it(stack: RunningStack) -> AsyncIterator[None]:
    async with unharmed(stack):
        yield


INJECTION = b"%0d%0aInjected:%20yes%0d%0a%0d%0a<script>"
REQUESTS: list[tuple[str, bytes, set[int]]] = [
    *(
        ("ingest", raw_request(method, path + name), {422})
        for method, path in (
            (b"DELETE", b"/v1/channels/"),
            (b"DELETE", b"/v1/users/"),
            (b"DELETE", b"/v1/channels/c/messages/"),
        )
        for name in (b"%00", b"%ff", b"a%C3", b"%ED%A0%80", INJECTION, b"a" * 201)
    ),
    *(
        ("ingest", raw_request(b"GET", path), {400, 404})
        for path in (b"/%00", b"/" + INJECTION, b"/\xff", b"*", b"//x")
    ),
    *(
        ("web", raw_request(b"GET", path + name), {404})
        for path in (b"/channels/", b"/users/", b"/api/v1/channels/", b"/api/v1/users/", b"/", b"/static/x/")
        for name in (b"%00", b"%ff", INJECTION, b"..%2f..%2fetc%2fpasswd", b"%2e%2e")
    ),
    *(
        ("web", raw_request(b"GET", b"/api/v1/messages?" + parameter + b"=" + value), {400})
        for parameter in (b"channel", b"user", b"before", b"after", b"limit", b"page")
        for value in (b"%00", b"%ff", INJECTION, b"a%C3")
    ),
    ("web", raw_request(b"GET", b"/messages?page=" + INJECTION), {400}),
    ("web", raw_request(b"GET", b"/", b"Accept-Encoding: \xff;q=\x80"), {200}),
    ("web", raw_request(b"GET", b"/?" + INJECTION), {200}),
    *(
        ("gateway", raw_request(b"GET", b"/v1/streams/" + view), {400, 404})
        for view in (b"channels/%00", b"channels/%ff", b"channels/" + INJECTION, INJECTION, b"users/%2e%2e", b"home/")
    ),
    *(
        ("gateway", raw_request(b"GET", b"/v1/streams?view=" + view), {400})
        for view in (b"%ff", b"users/%ff", INJECTION)
    ),
    *(
        ("gateway", raw_request(b"GET", b"/v1/streams/home?cursor=" + value), {200})
        for value in (b"%ff", INJECTION, b"0")
    ),
    *(
        ("gateway", raw_request(b"GET", b"/v1/streams/home", b"Last-Event-ID: " + value), {200})
        for value in (b"\xff\xfe", b"0" * 8_000, b"<script>", b"0000000000000000-999999999999999999999")
    ),
    ("gateway", raw_request(b"GET", b"/v1/streams/home", b'Origin: http://\xff/"<', b"Accept-Encoding: \xff"), {200}),
    *(
        (service, raw_request(b"GET", b"/livez", header), {400})
        for service in ("ingest", "web", "gateway")
        for header in (b"X: a\x00b", b"X: a\rInjected: yes", b"X Y: z", b"X: " + b"y" * 100_000, b"Content-Length: -1")
    ),
    *(
        (service, request, {400})
        for service in ("ingest", "web", "gateway")
        for request in (
            b"\x16\x03\x01\x00\xff\r\n\r\n",
            raw_request(b"G\xffT", b"/"),
            raw_request(b"GET", b"http://[::1/"),
        )
    ),
]


async def test_no_path_parameter_or_header_is_a_fault_of_ours_or_adds_a_line(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy
) -> None:
    await caught_up(log, serving)
    ports = {"ingest": stack.ports.ingest, "web": stack.ports.web, "gateway": stack.ports.gateway}
    for service, request, statuses in REQUESTS:
        answer = await ask(ports[service], request)
        assert answer.status in statuses, (service, request[:200], answer)
        assert b"\ninjected" not in answer.head.lower()
        assert b"text/html" not in answer.head or b"<script>" not in answer.body
        if answer.status == 200 and service == "gateway":
            assert b'"reason":"' in answer.body


async def test_whatever_an_idempotency_key_is_made_of_it_gives_the_same_ids_again(
    stack: RunningStack, unique: str
) -> None:
    async def ids(key: bytes) -> list[str]:
        body = encoded({"channel": unique, "user": "ann", "text": "x"})
        request = raw_request(
            b"POST", b"/v1/messages", b"Content-Type: application/json", b"Idempotency-Key: " + key, body=body
        )
        answer = await ask(stack.ports.ingest, request)
        assert answer.status == 202
        found: list[str] = json.loads(answer.body)["ids"]
        return found

    keys = [b"\xff\xfe", b"\xff\xfd", "ключ".encode(), b"<script>", b"%0d%0a", b"k" * 255]
    once = [await ids(key) for key in keys]
    assert [await ids(key) for key in keys] == once
    assert len({id_ for [id_] in once}) == len(keys)


WRONG_HEADERS = [
    ([b"Content-Encoding: gzip, gzip"], 415),
    ([b"Content-Encoding: \xff"], 415),
    ([b"Content-Encoding: gzip"], 400),
    ([b"Content-Encoding: deflate"], 400),
    ([b"Idempotency-Key:"], 400),
    ([b"Idempotency-Key: " + b"k" * 256], 400),
    ([b"ce-type: message.posted"], 422),
    ([b"ce-: x"], 422),
    ([b"ce-specversion: %ff", b"ce-type: %0d%0a", b"ce-source: /", b"ce-id: %00"], 422),
    ([b"ce-specversion: 1.0", b"ce-type: <script>%0d%0a", b"ce-source: /", b"ce-id: 1"], 422),
    ([b"ce-specversion: 1.0", b"ce-type: message.posted\xff", b"ce-source: /", b"ce-id: 1"], 422),
]


async def test_headers_that_cannot_be_meant_are_problems(stack: RunningStack, unique: str) -> None:
    for headers, status in WRONG_HEADERS:
        json_type, body = b"Content-Type: application/json", encoded(message(unique))
        answer = await ask(stack.ports.ingest, raw_request(b"POST", b"/v1/messages", json_type, *headers, body=body))
        assert (answer.status, answer.is_problem) == (status, True), headers
        assert json.loads(answer.body)["detail"]
