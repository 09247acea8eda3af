"""Random happenings from a seed, dense enough that rows enter and leave small windows all the time."""

import random
from collections.abc import Iterator

from livestream.frames import Limits, ViewKind
from tests.support.chat_model import DeleteChannel, DeleteMessage, DeleteUser, Edit, Happening, Post

# Windows that a few messages fill.
TINY_WINDOWS = {
    ViewKind.HOME: Limits(3, 2, 2),
    ViewKind.MESSAGES: Limits(4, 0, 0),
    ViewKind.CHANNELS: Limits(0, 2, 0),
    ViewKind.USERS: Limits(0, 0, 3),
    ViewKind.CHANNEL: Limits(2, 1, 0),
    ViewKind.USER: Limits(3, 0, 1),
}
CHANNELS = ("a/b", "\uff5e", "😀")
USERS = ("ann", "Zoë", "b?#%", "\u202eltr")


def random_batches(seed: int) -> Iterator[list[Happening]]:
    """Batches for ever."""
    choose = random.Random(seed)
    now_ms = 1_000_000
    posted = 0

    def some_post() -> Post:
        nonlocal posted, now_ms
        posted += 1
        now_ms += choose.randrange(3)
        ts_ms = now_ms - choose.choice((0, 0, 0, 5, 60)) + choose.choice((0, 0, 9))
        display = choose.choice(("", "", "Shown"))
        return Post(choose.choice(CHANNELS), str(posted), choose.choice(USERS), ts_ms, now_ms, "text", display)

    def some_happening() -> Happening:
        kind = choose.random()
        if kind < 0.6 or not posted:
            return some_post()
        channel, id_ = choose.choice(CHANNELS), str(max(posted - choose.randrange(20), 1))
        if kind < 0.75:
            return Edit(channel, id_, f"edited {posted}")
        if kind < 0.93:
            return DeleteMessage(channel, id_)
        if kind < 0.97:
            return DeleteChannel(channel, now_ms - choose.randrange(5))
        return DeleteUser(choose.choice(USERS), now_ms - choose.randrange(5))

    while True:
        yield [some_happening() for _ in range(choose.choice((1, 1, 2, 5)))]
