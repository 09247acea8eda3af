"""Port bases that nothing uses, for launchers in a process of their own."""

import random

from livestream_local.errors import LauncherError
from livestream_local.ports import Ports, require_free

# Below where systems take the ports of outgoing connections from, above what people's own programs use.
LOWEST_BASE = 18_000
HIGHEST_BASE = 30_000


def free_base() -> int:
    """A `--port-base` whose ports were all free a moment ago."""
    while True:
        base = random.randrange(LOWEST_BASE, HIGHEST_BASE, len(Ports.__slots__))
        try:
            require_free([{"port": base + offset} for offset in range(len(Ports.__slots__))])
        except LauncherError:
            continue
        return base
