"""`python -m livestream.probe`: whether the service in this container is ready, for health checks that run a command.

Asks `/readyz` at PORT. Exit status 0 where it is ready, 1 with its answer where it is not, 2 where PORT is not set.
"""

import os
import sys
from urllib.error import HTTPError
from urllib.request import urlopen

# A little longer than the service waits for what it depends on. Nothing of ours is imported: it runs every few seconds.
_TIMEOUT_SECONDS = 3.0


def main() -> int:
    port = os.environ.get("PORT", "")
    if not port.isdecimal():
        sys.stderr.write(f"PORT is {port!r}, but must be that of the service\n")
        return 2
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=_TIMEOUT_SECONDS):
            return 0
    except HTTPError as refusal:
        sys.stderr.write(f"{refusal.read().decode(errors='replace')}\n")
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
