"""Whether something accepts connections, asked before a client library that would complain aloud."""

import asyncio

PROBE_TIMEOUT_S = 2


async def accepts_connections(port: int) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
    except OSError:  # TimeoutError is one
        return False
    return True
