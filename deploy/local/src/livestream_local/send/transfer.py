"""One transfer from its source to its end, its failure, or Ctrl-C."""

import asyncio

import aiohttp

from livestream_local.authorization import authorized_by
from livestream_local.send.display import Display
from livestream_local.send.interruption import interruption
from livestream_local.send.pacing import Pacing
from livestream_local.send.reader import ChunkReader
from livestream_local.send.sender import Sender, Tally
from livestream_local.send.source import Source


async def transfer(source: Source, pacing: Pacing, url: str, key: str | None, display: Display, tally: Tally) -> None:
    """Sends chunk after chunk, one request at a time, so that all lines keep their order; counts in `tally`.

    `key` is the API key to send them with, if any.

    Raises InterruptedTransferError, and LauncherError where the source is broken or ingest does not take it.
    """
    clock = asyncio.get_running_loop().time
    started_at: float | None = None
    async with interruption() as ctrl_c, aiohttp.ClientSession(headers=authorized_by(key)) as session:
        sender = Sender(session, url, tally, notice=display.notice, pause=ctrl_c.pause)
        chunks = ChunkReader(lambda: pacing(source.blocks()))
        while (chunk := await ctrl_c.wait_for(chunks.next())) is not None:
            started_at = clock() if started_at is None else started_at
            await ctrl_c.pause(started_at + chunk.due_s - clock())
            await sender.send(chunk.lines)
            display.update(tally, source.fraction_read())
