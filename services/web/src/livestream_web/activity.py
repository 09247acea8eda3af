"""How lively it has been lately, as numbers and as a chart. Pure; `static/activity.js` works out the same from frames.

Messages are counted by the step of time in which they came to be visible. Two steps are one bar. A step that nobody
counted in is unknown: it is a gap in the chart, and never a zero.
"""

from typing import Final

import msgspec

from livestream import times
from livestream.serving import Activity

SHOWN_MS: Final = 600_000
BAR_MS: Final = 10_000
BARS: Final = SHOWN_MS // BAR_MS
RATE_MS: Final = 60_000

# The chart's own units: bars that stand five apart, one of it between them.
BAR_PITCH: Final = 5
BAR_WIDTH: Final = 4
WIDTH: Final = BARS * BAR_PITCH - (BAR_PITCH - BAR_WIDTH)
HEIGHT: Final = 100
# What is known to be nothing is a line, and what is something is more than that.
LEAST_HEIGHT: Final = 4
LEAST_HEIGHT_OF_SOME: Final = 10
# A chart's top stands for at least so many messages a bar: a lone message must not look like a storm.
LEAST_TOP: Final = 5

_encode: Final = msgspec.json.Encoder().encode


class ActivityJson(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """`counts`: messages by steps of `step_ms`, the first of which begins at `from_`; None for what is not known.

    `messages`: how many were visible in all at `as_of`, which lies in the last step.
    """

    as_of: str
    messages: int
    step_ms: int
    from_: str
    counts: list[int | None]


class ActivityChart:
    """The last ten minutes, as they are at `now_ms`, by Redis. `messages`: the total up to which it has counted.

    `counts`: step → messages, as of `livestream.serving.Activity`.
    """

    def __init__(self, now_ms: int, messages: int, step_ms: int, counts: dict[int, int]) -> None:
        self.now_ms = now_ms
        self.messages = messages
        self.step_ms = step_ms
        self._counts = counts

    @classmethod
    def at(cls, activity: Activity, messages: int, now_ms: int) -> "ActivityChart":
        """What was read, brought up to a total that was read thereafter: as a page does with each frame."""
        counts, step = dict(activity.counts), now_ms // activity.step_ms
        counts[step] = counts.get(step, 0) + max(0, messages - activity.messages)
        return cls(now_ms, messages, activity.step_ms, counts)

    @property
    def box(self) -> tuple[int, int]:
        """Width and height that `path` is drawn in."""
        return WIDTH, HEIGHT

    @property
    def per_minute(self) -> int:
        """How many came in the last minute. Of the step in which that began, as much as lies in the minute."""
        newest, last = self.now_ms // self.step_ms, RATE_MS // self.step_ms
        whole = sum(self._counts.get(step, 0) for step in range(newest - last + 1, newest + 1))
        left = self.step_ms - self.now_ms % self.step_ms
        return whole + (2 * self._counts.get(newest - last, 0) * left + self.step_ms) // (2 * self.step_ms)

    @property
    def bars(self) -> list[int | None]:
        """Messages by bar, oldest first; None for what is not known. The last one is still growing."""
        newest, steps = self.now_ms // BAR_MS, BAR_MS // self.step_ms
        return [self._bar(range(bar * steps, (bar + 1) * steps)) for bar in range(newest - BARS + 1, newest + 1)]

    @property
    def path(self) -> str:
        """The bars as an SVG path, to be drawn in `box`."""
        bars = self.bars
        top = max(LEAST_TOP, *(bar or 0 for bar in bars))
        drawn = ((place * BAR_PITCH, _height(bar, top)) for place, bar in enumerate(bars) if bar is not None)
        return "".join(f"M{x} {HEIGHT}V{HEIGHT - height}h{BAR_WIDTH}V{HEIGHT}z" for x, height in drawn)

    @property
    def summary(self) -> str:
        """The chart in words."""
        bars = self.bars
        known = [bar for bar in bars if bar is not None]
        counted = f" (counted for {_duration(len(known) * BAR_MS // 1000)})" if len(known) < len(bars) else ""
        return f"Last 10 min{counted}: {sum(known):,}, at most {max(known, default=0):,} in 10 s"

    @property
    def json(self) -> ActivityJson:
        """What `/api/v1/activity` answers, and the script goes on from."""
        first_ms = (self.now_ms // BAR_MS - BARS + 1) * BAR_MS
        steps = range(first_ms // self.step_ms, self.now_ms // self.step_ms + 1)
        counts = [self._counts.get(step) for step in steps]
        return ActivityJson(
            times.format_ms(self.now_ms), self.messages, self.step_ms, times.format_ms(first_ms), counts
        )

    @property
    def data(self) -> str:
        return _encode(self.json).decode()

    def _bar(self, steps: range) -> int | None:
        known = [self._counts[step] for step in steps if step in self._counts]
        return sum(known) if known else None


def _height(count: int, top: int) -> int:
    """Rounded to the nearest whole, halves up."""
    least = LEAST_HEIGHT_OF_SOME if count else LEAST_HEIGHT
    return max(least, (2 * count * HEIGHT + top) // (2 * top))


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    parts = [f"{minutes} min"] * bool(minutes) + [f"{seconds} s"] * bool(seconds)
    return " ".join(parts) or "0 s"
