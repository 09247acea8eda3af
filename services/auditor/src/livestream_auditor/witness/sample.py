"""A sample of the channels, by a hash of their names that Postgres can work out too."""

import hashlib
from typing import Final

POINTS: Final = 2**32  # as many as eight hexadecimal digits of MD5 tell apart


class ChannelSample:
    """Channels whose point is below `below`, out of POINTS: a smaller sample is a part of every larger one."""

    def __init__(self, below: int) -> None:
        self.below = below

    @classmethod
    def of_share(cls, share: float) -> "ChannelSample":
        """About so many of all channels, from 0 to 1."""
        return cls(round(share * POINTS))

    @property
    def share(self) -> float:
        return self.below / POINTS

    @property
    def is_whole(self) -> bool:
        return self.below >= POINTS

    def __contains__(self, channel: str) -> bool:
        return self.is_whole or _point(channel) < self.below

    def halved(self) -> "ChannelSample":
        return ChannelSample(self.below // 2)


EVERYTHING: Final = ChannelSample(POINTS)


def _point(channel: str) -> int:
    return int(hashlib.md5(channel.encode(), usedforsecurity=False).hexdigest()[:8], 16)
