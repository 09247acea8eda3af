"""Plays utterances to ingest at their time, through every outage."""

import asyncio
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import aiohttp
import orjson

from livestream.logs import get_logger
from livestream.retries import until_it_works
from livestream_local.authorization import authorized_by
from livestream_local.chat.generator import Utterance

_TOGETHER_SECONDS: Final = 0.05  # what is said within a blink goes in one request, so that high rates stay cheap
_MAX_TOGETHER: Final = 1000
_MAX_LAG_SECONDS: Final = 1.0  # after an outage the chat goes on from there, instead of a flood of what was missed
_REQUEST_TIMEOUT_SECONDS: Final = 30.0
_TRY_AGAIN: Final = frozenset({429, 500, 502, 503, 504})

_log = get_logger(__name__)


class _BusyError(Exception):
    """Ingest asks to come back later."""


class _Group(NamedTuple):
    """Utterances that are posted together, `due_s` seconds after the start."""

    due_s: float
    utterances: list[Utterance]


async def play(utterances: Iterable[Utterance], url: str, key: str | None = None) -> None:
    """Post until `utterances` end, with an API key if one is given. Whatever ingest answers, it goes on."""
    clock = asyncio.get_running_loop().time
    start = clock()
    timeout = aiohttp.ClientTimeout(total=_REQUEST_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, headers=authorized_by(key)) as session:
        for group in _together(utterances):
            await asyncio.sleep(start + group.due_s - clock())
            await _post(session, f"{url.rstrip('/')}/v1/messages", group.utterances)
            start = max(start, clock() - group.due_s - _MAX_LAG_SECONDS)


def _together(utterances: Iterable[Utterance]) -> Iterator[_Group]:
    due_s = 0.0
    group = _Group(0.0, [])
    for utterance in utterances:
        due_s += utterance.delay_s
        if group.utterances and (due_s - group.due_s > _TOGETHER_SECONDS or len(group.utterances) >= _MAX_TOGETHER):
            yield group
            group = _Group(due_s, [])
        if not group.utterances:
            group = _Group(due_s, [utterance])
        else:
            group.utterances.append(utterance)
    if group.utterances:
        yield group


async def _post(session: aiohttp.ClientSession, url: str, utterances: list[Utterance]) -> None:
    body = orjson.dumps([_message(utterance) for utterance in utterances])
    headers = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}

    async def attempt() -> tuple[int, str]:
        async with session.post(url, data=body, headers=headers) as response:
            if response.status in _TRY_AGAIN:
                await asyncio.sleep(_seconds(response.headers.get("Retry-After")))
                raise _BusyError(f"ingest answers {response.status}")
            return response.status, await response.text()

    status, answer = await until_it_works("post_chat", attempt, (aiohttp.ClientError, TimeoutError, _BusyError))
    if status != 202:
        _log.error("chat_refused", status=status, answer=answer[:1000])


def _message(utterance: Utterance) -> dict[str, Any]:
    names = {
        "channel_display_name": utterance.channel_display_name,
        "user_display_name": utterance.user_display_name,
    }
    return {
        "channel": utterance.channel,
        "user": utterance.user,
        "text": utterance.text,
        **{field: name for field, name in names.items() if name is not None},
    }


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else 0.0
