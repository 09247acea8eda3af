"""A whole `./live up` with stand-ins for our services: `python -m tests.support.stand_in_stack PORT_BASE DATA`."""

import sys
from pathlib import Path

from livestream_local.cli import reporting_errors
from livestream_local.plan import Servers
from livestream_local.ports import Ports
from livestream_local.run_stack import run_stack
from livestream_local.services import Service


def stand_ins(ports: Ports, _servers: Servers) -> list[Service]:
    return [
        Service("web", "tests.support.stand_in", ports.web),
        Service("ingest", "tests.support.stand_in", ports.ingest),
    ]


if __name__ == "__main__":
    with reporting_errors():
        run_stack(int(sys.argv[1]), Path(sys.argv[2]), services=stand_ins)
