"""Noticing peers that vanished without a word: their network or machine is gone, and no FIN ever comes."""

import asyncio
from typing import Final

from livestream_gateway import metrics
from livestream_gateway.hub import Hub

# Often enough that a peer is given up within two heartbeats; a look at 10,000 connections takes 10 ms.
_LOOK_EVERY_SECONDS: Final = 0.5
# Then whoever connects or asks for health has a turn.
_CONNECTIONS_AT_ONCE: Final = 1_000


class Presence:
    """Cuts the connections of those who are gone; whoever serves them is cancelled by that."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            for number, stream in enumerate(list(self._hub.streams), 1):
                if stream.connection.peer_is_gone():
                    metrics.CUT.labels("gone").inc()
                    stream.connection.abort()
                if number % _CONNECTIONS_AT_ONCE == 0:
                    await asyncio.sleep(0)
