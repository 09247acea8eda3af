"""The image at work: all its services, on embedded servers, until a message that was posted is counted on a page."""

import asyncio
import subprocess
from pathlib import Path
from typing import Final

import aiohttp
import psutil

from livestream_local.errors import LauncherError
from livestream_local.image.buildah import Image
from livestream_local.image.contained import ContainedService
from livestream_local.plan import plan_servers, plan_services
from livestream_local.ports import free_ports
from livestream_local.report import Report
from livestream_local.supervisor import Supervisor

_CHANNEL: Final = "trial"
_SHOWN_WITHIN_S: Final = 30
_POLL_S: Final = 0.1


async def try_out(image: Image, data: Path, report: Report) -> None:
    """Starts everything, posts a message, waits for it, and stops everything; data and logs are in `data`.

    Raises LauncherError for what does not work.
    """
    ports = free_ports()
    servers = plan_servers(ports, data, environment={})
    services = [ContainedService(image, service) for service in plan_services(ports, servers)]
    supervisor = Supervisor([servers.embedded, services], data / "logs", report)
    await supervisor.start()
    try:
        for service in services:
            _check_process(service, supervisor.pids[service.name])
        await _message_is_counted(f"http://127.0.0.1:{ports.ingest}", f"http://127.0.0.1:{ports.web}")
    finally:
        await supervisor.stop()


def _check_process(contained: ContainedService, pid: int) -> None:
    uid, _, _ = psutil.Process(pid).uids()
    if uid != int(contained.image.user.partition(":")[0]):
        raise LauncherError(f"{contained.name} runs as user {uid}, not as {contained.image.user}")
    probe = subprocess.run(contained.probe(), capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        raise LauncherError(f"the health check of {contained.name} says: {probe.stderr}")


async def _message_is_counted(ingest_url: str, web_url: str) -> None:
    message = {"channel": _CHANNEL, "user": "somebody", "text": "Is anybody there?"}
    try:
        async with aiohttp.ClientSession(raise_for_status=True) as session, asyncio.timeout(_SHOWN_WITHIN_S):
            await session.post(f"{ingest_url}/v1/messages", json=message)
            while True:
                if await _is_counted(session, web_url):
                    return
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise LauncherError(f"a message was not counted within {_SHOWN_WITHIN_S} s") from None
    except aiohttp.ClientError as error:
        raise LauncherError(f"posting and reading a message failed: {error}") from None


async def _is_counted(session: aiohttp.ClientSession, web_url: str) -> bool:
    async with session.get(f"{web_url}/api/v1/summary") as answer:
        totals: dict[str, int] = (await answer.json())["totals"]
        return totals["messages"] == 1
