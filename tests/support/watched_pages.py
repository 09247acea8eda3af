"""Somebody who looks at web's pages and API all the time, and remembers what was shown."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.waiting import wait_until_async
from tests.support.web import WebClient, web_client

LOOK_EVERY_S = 0.05
_MESSAGES = re.compile(r'data-total="messages">([^<]+)<')


class WatchedPages:
    """`counts` are the numbers of messages that `/` and the API showed, in order; `statuses` counts all answers."""

    def __init__(self, web: WebClient) -> None:
        self.counts: list[int] = []
        self.statuses: Counter[int] = Counter()
        self._web = web
        self._task = asyncio.create_task(self._watch())

    async def looks(self, status: int) -> None:
        """Until that was answered once more."""
        wanted = self.statuses[status] + 1

        async def answered() -> bool:
            if self._task.done():
                self._task.result()
            return self.statuses[status] >= wanted

        await wait_until_async(answered, 30, f"an answer {status}")

    async def _watch(self) -> None:
        while True:
            page = await self._web.get("/")
            summary = await self._web.get("/api/v1/summary")
            for answer in (page, summary):
                self.statuses[answer.status] += 1
                assert answer.status in (200, 503), answer
            if page.status == 200:
                shown = _MESSAGES.search(page.text)
                assert shown, "totals on the page"
                self.counts.append(int(re.sub(r"\D", "", shown[1])))
            if summary.status == 200:
                self.counts.append(summary.body["totals"]["messages"])
            await asyncio.sleep(LOOK_EVERY_S)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if not self._task.cancelled():
            self._task.result()


@asynccontextmanager
async def watching(web_url: str) -> AsyncIterator[WatchedPages]:
    """Watches meanwhile; what is neither an answer nor a refusal that says when to come back is raised."""
    async with web_client(web_url) as web:
        pages = WatchedPages(web)
        await pages.looks(200)
        try:
            yield pages
        finally:
            await pages.end()
