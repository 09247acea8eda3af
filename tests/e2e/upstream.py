"""An upstream system that posts, edits and deletes over HTTP, and a look at what the API says is there."""

import json
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.support.waiting import wait_until

_TIMEOUT_S = 20


class Upstream:
    def __init__(self, ingest_url: str, web_url: str) -> None:
        self._ingest = ingest_url
        self._web = web_url

    def post(self, channel: str, user: str, *texts: str, age_s: float | None = None, **more: str) -> list[str]:
        """Post messages in order and return their ids. `age_s`: how old they claim to be."""
        item = {"channel": channel, "user": user, **more}
        if age_s is not None:
            item["ts"] = (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat(timespec="milliseconds")
        return self.post_items([{**item, "text": text} for text in texts])

    def post_items(self, items: Sequence[dict[str, str]]) -> list[str]:
        body = self._request("POST", f"{self._ingest}/v1/messages", items)
        ids: list[str] = body["ids"]
        return ids

    def edit(self, channel: str, id_: str, text: str) -> None:
        self._request("PATCH", f"{self._message(channel, id_)}", {"text": text})

    def delete_message(self, channel: str, id_: str) -> None:
        self._request("DELETE", self._message(channel, id_))

    def delete_channel(self, channel: str) -> None:
        self._request("DELETE", f"{self._ingest}/v1/channels/{quote(channel, safe='')}")

    def delete_user(self, user: str) -> None:
        self._request("DELETE", f"{self._ingest}/v1/users/{quote(user, safe='')}")

    def post_and_see(self, channel: str, user: str, *texts: str) -> list[str]:
        """Post messages to a channel of one's own, and wait until the API shows them."""
        ids = self.post(channel, user, *texts)
        listed = f"messages?limit=500&channel={quote(channel, safe='')}"
        wait_until(lambda: set(ids) <= {row["id"] for row in self.listed(listed)}, what="messages in the API")
        return ids

    def totals(self) -> dict[str, int]:
        totals: dict[str, int] = self._request("GET", f"{self._web}/api/v1/summary")["totals"]
        return totals

    def listed(self, path: str) -> list[dict[str, Any]]:
        """The items of one page of the API."""
        items: list[dict[str, Any]] = self._request("GET", f"{self._web}/api/v1/{path}")["items"]
        return items

    @contextmanager
    def posting(self, channel: str, user: str) -> Iterator[list[str]]:
        """Posts one message after the other until the context ends; gives the texts that are acknowledged."""
        posted: list[str] = []
        ends = threading.Event()

        def post() -> None:
            while not ends.is_set():
                text = f"{user} {len(posted)}"
                self.post(channel, user, text)
                posted.append(text)

        thread = threading.Thread(target=post, name="posting")
        thread.start()
        try:
            yield posted
        finally:
            ends.set()
            thread.join()

    def _message(self, channel: str, id_: str) -> str:
        return f"{self._ingest}/v1/channels/{quote(channel, safe='')}/messages/{quote(id_, safe='')}"

    def _request(self, method: str, url: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            return json.loads(response.read())
