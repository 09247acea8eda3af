"""One client's connection: writing without waiting, and knowing how it fares."""

import asyncio
import os
import socket
import struct
import sys
import time
from math import inf
from typing import Final

from livestream_gateway.wire import Form, Wire

# The kernel takes no more than this ahead of what was sent: a slow client shows in our buffer, and memory is bounded.
_UNSENT_BYTES: Final = 128 * 1024
_HAS_UNSENT_LIMIT: Final = sys.platform in ("linux", "darwin")
_TCP_NOTSENT_LOWAT: Final = 25 if sys.platform == "linux" else 0x201

TOO_SLOW: Final = -1

# struct tcp_info of <linux/tcp.h>: segments that were not acknowledged, and milliseconds since the last that was.
_HAS_TCP_INFO: Final = sys.platform == "linux"
_TCP_INFO_BYTES: Final = 104
_UNACKED_OFFSET: Final = 24
_LAST_ACK_OFFSET: Final = 56
_UINT32: Final = struct.Struct("I")
# Every heartbeat is acknowledged, if not at once: two of them without a word, less the time until somebody looks.
_GONE_AFTER_MS: Final = 3_250
# The kernel counts in steps of up to 10 ms, and so the two clocks may differ.
_CLOCKS_DIFFER_MS: Final = 20


class Connection:
    """A client's transport, past the response's headers."""

    __slots__ = ("_descriptor", "_due_since", "_socket", "_transport", "form")

    def __init__(self, transport: asyncio.Transport, form: Form) -> None:
        self.form = form
        self._transport = transport
        # When a look first found something unacknowledged, with nothing acknowledged since.
        self._due_since: float | None = None
        self._socket: socket.socket | None = transport.get_extra_info("socket")
        is_plain = self._socket is not None and transport.get_extra_info("sslcontext") is None
        self._descriptor = self._socket.fileno() if self._socket is not None and is_plain else None
        if self._socket is not None and _HAS_UNSENT_LIMIT and self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)

    @property
    def buffered_bytes(self) -> int:
        """What is written and was not taken by the kernel."""
        return self._transport.get_write_buffer_size()

    def write(self, wire: Wire) -> int:
        """Hand over, never waiting. Returns the number of bytes."""
        return max(self.offer(wire), 0)

    def offer(self, wire: Wire, most_waiting_bytes: float = inf) -> int:
        """The same, but where more than that is waiting nothing is written, and it is `TOO_SLOW`.

        To the kernel itself where nothing waits before it: most of what a gateway does is this, and a transport adds a
        third. What the kernel does not take, and what it says of a broken connection, is the transport's.
        """
        transport = self._transport
        if transport.is_closing():
            return 0
        waiting, taken = transport.get_write_buffer_size(), 0
        if waiting > most_waiting_bytes:
            return TOO_SLOW
        content = wire.to(self.form)
        if self._descriptor is not None and not waiting:
            try:  # noqa: SIM105 - `suppress` costs as much as all else here
                taken = os.write(self._descriptor, content)
            except OSError:
                pass
        if taken < len(content):
            transport.write(memoryview(content)[taken:])
        return len(content)

    def write_raw(self, content: bytes) -> None:
        """What is no event and concerns this connection alone."""
        if not self._transport.is_closing():
            self._transport.write(b"%x\r\n%b\r\n" % (len(content), content) if self.form.chunked else content)

    def abort(self) -> None:
        """Cut it; whoever serves it is cancelled by that."""
        self._transport.abort()

    def peer_is_gone(self) -> bool:
        """Whether the peer's machine or network vanished without a word. To be asked twice a second.

        Nothing was acknowledged for almost two heartbeats, and not since the last look either, at which something was
        due: a process that was stopped for a while finds old acknowledgements, and must first give its peers a chance.
        TCP_USER_TIMEOUT would cut clients that merely do not read for a while, too: those acknowledge what they hold.
        """
        if self._socket is None or not _HAS_TCP_INFO or self._transport.is_closing():
            return False
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        unacked: int = _UINT32.unpack_from(info, _UNACKED_OFFSET)[0]
        last_ack_ms: int = _UINT32.unpack_from(info, _LAST_ACK_OFFSET)[0]
        if not unacked:
            self._due_since = None
            return False
        now = time.monotonic()
        if self._due_since is None or last_ack_ms <= (now - self._due_since) * 1000 + _CLOCKS_DIFFER_MS:
            self._due_since = now
            return False
        return last_ack_ms >= _GONE_AFTER_MS
