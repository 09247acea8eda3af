"""A town's chat of the last ten minutes, as if somebody had been watching it since then."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import redis

from livestream_local.chat.generator import Utterance, generate
from tests.e2e.upstream import Upstream
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

# A day on which nothing happened that would flatten the chart.
_SEED: Final = 20
_RATE: Final = 6.0
_TALK_RATE: Final = 3.0
_MINUTES: Final = 10
_AT_ONCE: Final = 1_000
# Of the channel's messages, the one that is edited and linked to: with others before and behind it.
_FROM_THE_END: Final = 6
# The step in which serving.lua counts.
_STEP_S: Final = 5
ODD: Final = (
    ("odd", "שרה", "טקסט מימין לשמאל, with English and 123 in it"),
    ("odd", "zoë", "Z̷̡͎͍̮̦̞͓͐̑̏͊̿a̸̪̭̍̃͗̍̕l̵͖̩̯̺̀̽̓̓g̴̞̮̐͛̍͒o̷͔̣͌̄̑͝ and z\u200be\u200br\u200bo-width"),
    ("odd", "a-very-long-name-" * 8, "unbroken" * 60),
    ("odd", "pre", "lines\n\tand tabs,\n    kept as they are"),
    ("odd", "quiet", ""),
    ("odd", "tags", "<script>alert(1)</script> &amp; <b>not bold</b>"),
)


class Filled(NamedTuple):
    """What there is to show: a lively channel, an edited message in it by its id, and somebody who talks a lot."""

    channel: str
    user: str
    message_id: str


def fill(stack: RunningStack, upstream: Upstream) -> Filled:
    """Returns when all of it is shown."""
    now = datetime.now(UTC)
    before = upstream.totals()["messages"]
    said = _last_minutes()
    items = [_item(utterance, now - timedelta(seconds=age_s)) for utterance, age_s in said]
    items += [{"channel": channel, "user": user, "text": text} for channel, user, text in ODD]
    ids = [
        id_ for start in range(0, len(items), _AT_ONCE) for id_ in upstream.post_items(items[start : start + _AT_ONCE])
    ]
    wait_until(lambda: upstream.totals()["messages"] == before + len(items), 60, "the chat on the pages")
    _remember(stack, Counter(int((now.timestamp() - age_s) // _STEP_S) for _, age_s in said))
    channel, user = (Counter(item[name] for item in items).most_common(1)[0][0] for name in ("channel", "user"))
    chosen = [place for place, item in enumerate(items) if item["channel"] == channel][-_FROM_THE_END]
    upstream.edit(channel, ids[chosen], f"{items[chosen]['text']} (and one more thing)")
    return Filled(channel, user, ids[chosen])


@contextmanager
def talking(upstream: Upstream) -> Iterator[None]:
    """Somebody says something now and then meanwhile."""
    ends = threading.Event()

    def talk() -> None:
        for utterance in generate(_SEED, _TALK_RATE):
            if ends.wait(utterance.delay_s):
                return
            upstream.post_items([_item(utterance)])

    thread = threading.Thread(target=talk, name="talking")
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def _last_minutes() -> list[tuple[Utterance, float]]:
    """What was said in them, the oldest first, and how many seconds ago."""
    said: list[tuple[Utterance, float]] = []
    at_s = 0.0
    for utterance in generate(_SEED, _RATE):
        at_s += utterance.delay_s
        if at_s > _MINUTES * 60:
            return [(each, _MINUTES * 60 - each_at_s) for each, each_at_s in said]
        said.append((utterance, at_s))
    raise AssertionError("the chat came to an end")


def _item(utterance: Utterance, ts: datetime | None = None) -> dict[str, str]:
    names = {"channel_display_name": utterance.channel_display_name, "user_display_name": utterance.user_display_name}
    item = {"channel": utterance.channel, "user": utterance.user, "text": utterance.text}
    item |= {field: name for field, name in names.items() if name is not None}
    return item if ts is None else {**item, "ts": ts.isoformat(timespec="milliseconds")}


def _remember(stack: RunningStack, counts: Counter[int]) -> None:
    """Activity is counted when messages come, and these all came at once: put it where they say they belong."""
    with redis.Redis.from_url(stack.redis_url) as client:
        epoch = str(client.hget("{livestream}:meta", "epoch"), "ascii")
        key = f"{{livestream}}:{epoch}:activity"
        client.delete(key)
        client.hset(key, mapping={str(step): count for step, count in counts.items()})
