"""Names and texts that are valid, since any Unicode but control characters is, and written to do harm."""

import unicodedata

from livestream.texts import NAME_MAX_CHARACTERS
from livestream.times import format_ms, now_ms
from tests.support.ways_in import message

# To break out of HTML, attributes, templates, addresses, lines of a stream, and the direction of the text around them.
NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</template></title></bdi><b>",
    "<!-- & &amp; &lt;i&gt;",
    "javascript:alert(1)",
    "{{ 7 * 7 }} ${7 * 7} {% raw %}",
    "data: {}",
    "../../%2e%2e%0d%0aInjected: yes",
    "line\u2028separator\u2029and\u00a0space",
    "\u202eright to left\u202c",
    "\u2067isolated, and never ended",
    "\u2069\u2069ended, and never begun\u200f",
    "\ufeff\u200b\u200d\ufffe\U0010ffff",
    "a\u0300\u0301\u0302" * 50,
]
TEXTS = [
    *NAMES,
    "\r\n\r\nevent: snapshot\r\ndata: {}\r\nid: 0000000000000000-1\r\nretry: 0\r\n\r\n",
    "\n\nid: \n: comment\n",
    "\r",
    "\x01\x08\x0b\x0c\x1b[2J\x7f\x85\x9f",
    "\u2028data: {}\u2029",
    "</p></li></template><script>alert(1)</script>",
]


def hostile_messages(unique: str) -> list[dict[str, str]]:
    """Every name and text at every place where people can put one, with names that no other test has."""
    now, room = format_ms(now_ms()), NAME_MAX_CHARACTERS - 20
    messages = []
    for number, text in enumerate(TEXTS):
        name, other = NAMES[number % len(NAMES)][:room], NAMES[-1 - number % len(NAMES)][:room]
        labels = {"channel_display_name": f"{other}!", "user_display_name": f"!{other}"}
        id_, user = f"{number} {other}", f"{unique}{name}"
        messages.append(message(f"{name}{unique}", id_, user=user, text=text, ts=now, **labels))
    return messages


def nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)
