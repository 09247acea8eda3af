"""Runs one stack in the foreground, from the first port check to the last process's end."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from livestream_local.console import ConsoleReport
from livestream_local.plan import Servers, plan_servers, plan_services
from livestream_local.ports import Ports, require_free
from livestream_local.program import Program
from livestream_local.services import Service
from livestream_local.stack import describe, exclusive, published
from livestream_local.supervisor import Supervisor

PlanServices = Callable[[Ports, Servers], Sequence[Service]]


def run_stack(
    port_base: int, data: Path, extras: Sequence[Program] = (), services: PlanServices = plan_services
) -> None:
    """Starts the servers, then `services`, then `extras`; returns after Ctrl-C or SIGTERM, when everything has stopped.

    Raises LauncherError if it could not start.
    """
    data = data.resolve()
    with exclusive(data):
        asyncio.run(_run(Ports.from_base(port_base), data, extras, services))


async def _run(ports: Ports, data: Path, extras: Sequence[Program], plan: PlanServices) -> None:
    console = Console(highlight=False)
    report = ConsoleReport(console)
    servers = plan_servers(ports, data, progress=report.downloading)
    services = plan(ports, servers)
    stages = [servers.embedded, services, extras]
    require_free(program.ports for stage in stages for program in stage)

    supervisor = Supervisor(stages, data / "logs", report)
    interrupted = _interruption()
    with report.waiting():
        if not await _start(supervisor, interrupted):
            report.stopping()
            await supervisor.stop()
            # A download in another thread has no end that we could bring about, and must not delay ours.
            sys.stdout.flush()
            os._exit(0)
    with published(describe(ports, data, servers.environment)):
        console.print(f"\nOpen http://127.0.0.1:{ports.web}/\n", style="bold")
        for line in (
            f"Messages go to http://127.0.0.1:{ports.ingest}/v1/messages,",
            f"or to Kafka at {servers.kafka_bootstrap_servers}.",
            f"Streams come from http://127.0.0.1:{ports.gateway}/v1/streams/home.",
            *_processes(services),
            f"Logs are in {data / 'logs'}. Ctrl-C stops.",
        ):
            console.print(line, soft_wrap=True)
        await interrupted.wait()
    with report.waiting():
        report.stopping()
        await supervisor.stop()


def _processes(services: Sequence[Service]) -> list[str]:
    """Where each answers for itself, where there are several of one."""
    sharing = [service for service in services if service.shared_port is not None]
    return [f"Of their own: {', '.join(f'{each.name} {each.url}' for each in sharing)}."] if sharing else []


async def _start(supervisor: Supervisor, interrupted: asyncio.Event) -> bool:
    """Whether everything is ready; not, if the interruption came first."""
    start = asyncio.create_task(supervisor.start())
    wait = asyncio.create_task(interrupted.wait())
    await asyncio.wait([start, wait], return_when=asyncio.FIRST_COMPLETED)
    wait.cancel()
    if not start.done():
        start.cancel()
        await asyncio.wait([start])
        return False
    await start
    return True


def _interruption() -> asyncio.Event:
    """Set by the first SIGINT or SIGTERM; a second one ends this process, and thereby the others, at once."""
    interrupted = asyncio.Event()

    def interrupt() -> None:
        if interrupted.is_set():
            os.kill(os.getpid(), signal.SIGKILL)
        interrupted.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupt)
    return interrupted
