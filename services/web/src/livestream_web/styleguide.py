"""`/styleguide`: every token and component in every state, drawn by the templates that draw the pages."""

import re
from http import HTTPStatus
from importlib import resources
from typing import Any, Final, NamedTuple

from aiohttp import web

from livestream.deltas import MessageRow, NameRow, Totals, message_row
from livestream.frames import View, ViewKind
from livestream_web.activity import ActivityChart
from livestream_web.failures import Failure
from livestream_web.page_models import live_messages, live_names
from livestream_web.rendering import RENDERER

# 2026-01-02T03:04:05.678Z
_NOW_MS: Final = 1_767_323_045_678
_STEP_MS: Final = 5_000
_HOME: Final = View(ViewKind.HOME)


class Token(NamedTuple):
    """A custom property, and its value in the light and in the dark scheme."""

    name: str
    light: str
    dark: str


class ShownStatus(NamedTuple):
    """`when`: what a page has to be in for it to say so."""

    state: str
    words: str
    when: str


# In the words of static/status-line.js, which a test compares.
STATUSES: Final = (
    ShownStatus("off", "Live updates are off.", "No script runs. Refresh stands beside it."),
    ShownStatus("connecting", "Connecting…", "From the first view until the stream answers."),
    ShownStatus("live", "Live", "What is shown is what there is."),
    ShownStatus("idle", "Connected. No messages for 2 min", "All is well, and nobody says anything."),
    ShownStatus("paused", "Paused. Showing data from 03:04:05 UTC", "Until Resume, nothing moves."),
    ShownStatus("missing", "Connected. Nothing under this name yet", "The channel or user is unknown, or was deleted."),
    ShownStatus("stale", "Updates are delayed", "The projector is behind the log, or silent."),
    ShownStatus("rebuilding", "Rebuilding…", "The read model is being loaded; its progress stands beside it."),
    ShownStatus("reconnecting", "Reconnecting… Showing data from 03:04:05 UTC", "The connection broke a moment ago."),
    ShownStatus(
        "disconnected",
        "Disconnected. Showing data from 03:04:05 UTC",
        "Nothing was heard for two heartbeats. Refresh is offered.",
    ),
)

_FAILURES: Final = (
    Failure(HTTPStatus.SERVICE_UNAVAILABLE, "Rebuilding", "The data is being loaded.", passes=True),
    Failure(HTTPStatus.NOT_FOUND, "Not found", "There is nothing at this address."),
    Failure(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong", "Something went wrong on our side."),
)

_MESSAGES: Final = (
    ("ann", "tea", "A message as most are.", False),
    ("Bärbel", "#general", "One that was edited after it was posted.", True),
    ("שרה", "#עברית", "הודעה מימין לשמאל, with a word of English in it", False),
    ("zoë", "odd", "Z̷̡͎͍̮̦̞͓͐̑̏͊̿a̸̪̭̍̃͗̍̕l̵͖̩̯̺̀̽̓̓g̴̞̮̐͛̍͒o̷͔̣͌̄̑͝ and z\u200be\u200br\u200bo width", False),
    ("a-very-long-name-" * 8, "#" + "channel" * 20, "unbroken" * 40, False),
    ("quiet", "tea", "", False),
)
_NAMES: Final = (
    NameRow("#general", "General", 1_234_567, _NOW_MS),
    NameRow("#עברית", "בעברית", 4_321, _NOW_MS - 60_000),
    NameRow("a-very-long-name-" * 6, "", 7, _NOW_MS - 86_400_000),
)


class ShownForm(NamedTuple):
    """A form as fields.html draws it, one field right and one wrong."""

    typed: dict[str, str]
    errors: dict[str, str]
    moment: str = ""


async def styleguide(request: web.Request) -> web.Response:
    """A page that is complete without scripts, and has none."""
    return request.app[RENDERER].page(request, "styleguide.html", _context())


def _context() -> dict[str, Any]:
    rows = [_row(number, *said) for number, said in enumerate(reversed(_MESSAGES))]
    return {
        "tokens": _tokens(),
        "statuses": STATUSES,
        "failures": _FAILURES,
        "totals": Totals(1_234_567, 1_024, 98_765),
        "activity": _chart({back: 40 + back * 37 % 60 for back in range(125)}),
        "charts": {
            "Quiet": _chart({back: int(back in (3, 40, 41, 90)) for back in range(125)}),
            "With a gap": _chart({back: 40 + back * 37 % 60 for back in range(125) if not 30 < back < 71}),
            "Just begun": _chart({0: 3, 1: 12, 2: 9}),
        },
        "messages": live_messages("/messages", "/api/v1/messages", _HOME, rows, has_older=True),
        "newest": "/messages",
        "names": live_names("channels", list(_NAMES), len(_NAMES), has_more=True),
        "nobody": live_names("users", [], len(_NAMES), has_more=False),
        "form": ShownForm({"q": "tea -coffee", "at": "yesterday"}, {"at": "must be a time in UTC"}, "yesterday"),
    }


def _tokens() -> dict[str, list[Token]]:
    """The tokens by what they are for, as tokens.css declares them."""
    style = resources.files("livestream_web").joinpath("static/tokens.css").read_text("utf-8")
    parts = (re.findall(r"--([\w-]+): *([^;]+);", part) for part in style.split("@media")[:2])
    light, dark = ({name: " ".join(value.split()) for name, value in part} for part in parts)
    groups: dict[str, list[Token]] = {"Colour": [], "Type": [], "Space": [], "Radius": [], "Motion": [], "Focus": []}
    prefixes = {"size": "Type", "font": "Type", "strong": "Type", "space": "Space", "radius": "Radius"}
    prefixes |= {"quick": "Motion", "settling": "Motion", "focus-width": "Focus", "focus-gap": "Focus"}
    for name, value in light.items():
        group = prefixes.get(name) or prefixes.get(name.split("-")[0], "Colour")
        groups[group].append(Token(name, value, dark.get(name, value)))
    return groups


def _chart(counts_back: dict[int, int]) -> ActivityChart:
    newest = _NOW_MS // _STEP_MS
    return ActivityChart(_NOW_MS, 0, _STEP_MS, {newest - back: count for back, count in counts_back.items()})


def _row(number: int, user: str, channel: str, text: str, is_edited: bool) -> MessageRow:
    ts_ms = _NOW_MS + number * 1_000
    edited = ts_ms + 500 if is_edited else None
    return message_row(
        channel=channel, id_=str(number), user=user, ts_ms=ts_ms, append_ms=ts_ms, offset=number, text=text,
        edited_ts_ms=edited,
    )  # fmt: skip
