"""What all services share as processes: logs, the event loop, health endpoints, background tasks, a clean end."""

import asyncio
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, cast

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from livestream.logs import configure_logs, get_logger
from livestream.loop_lag import watch_loop_lag
from livestream.retries import describe
from livestream.settings import Environment, SettingsError, stop_on_bad_settings
from livestream.tracing import TracingSettings, configure_tracing

Check = Callable[[], Awaitable[None]]

# A dependency that does not answer within this is away, as far as a load balancer is concerned.
CHECK_TIMEOUT_SECONDS: Final = 2.0
SHUTDOWN_SECONDS: Final = 10.0
# All clients of a gateway that stopped come to another one within seconds; those that find no place wait a second more.
BACKLOG_CONNECTIONS: Final = 1_024

_FATAL: Final = web.AppKey("fatal", list[BaseException])
_log = get_logger(__name__)


class ProcessSettings(msgspec.Struct, frozen=True):
    """What every service reads: HOST, PORT, SHARED_PORT, LOG_FORMAT, LOG_LEVEL, and where traces go.

    `shared_port`: of the same service several processes listen there, and the kernel spreads connections over them.
    """

    host: str
    port: int
    log_format: Literal["json", "console"]
    log_level: str
    shared_port: int | None = None
    tracing: TracingSettings = TracingSettings()

    @classmethod
    def read(cls, env: Environment, default_port: int) -> "ProcessSettings":
        return cls(
            host=env.text("HOST", "127.0.0.1"),
            port=env.integer("PORT", default_port, maximum=65_535),
            log_format=cast("Literal['json', 'console']", env.choice("LOG_FORMAT", "json", ("json", "console"))),
            log_level=env.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            shared_port=env.optional_integer("SHARED_PORT", minimum=1, maximum=65_535),
            tracing=TracingSettings.read(env),
        )

    def refuse_strangers(self, env: Environment, what: str, remedy: str) -> None:
        """Note a problem where others than this machine can connect, unless ALLOW_ANONYMOUS says that they may.

        `what` they could do then, and the `remedy` that names them, complete sentences.
        """
        if env.choice("ALLOW_ANONYMOUS", "no", ("no", "yes")) == "no" and not _is_loopback(self.host):
            env.refuse(
                f"HOST is {self.host!r}, so everybody who reaches this machine could {what}: set {remedy}, or "
                "ALLOW_ANONYMOUS=yes where something else keeps strangers out"
            )


def run_service(name: str, settings: ProcessSettings, build: Callable[[], web.Application]) -> None:
    """Serve the application until SIGTERM or SIGINT; exits with status 1 where a background task failed."""
    configure_logs(name, settings.log_format, settings.log_level)
    end_tracing = configure_tracing(name, settings.tracing)
    fatal: list[BaseException] = []

    async def create() -> web.Application:
        # Within the loop, since clients bind to the one that runs when they are made.
        app = build()
        app[_FATAL] = fatal
        run_in_background(app, "loop_lag", watch_loop_lag)
        return app

    _log.info("starting", host=settings.host, port=settings.port, shared_port=settings.shared_port)
    try:
        web.run_app(
            create(),
            host=settings.host,
            port=settings.port,
            sock=_shared_socket(settings),
            loop=new_event_loop(),
            print=cast("Any", None),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=SHUTDOWN_SECONDS,
            backlog=BACKLOG_CONNECTIONS,
        )
    except web.GracefulExit:
        pass
    except OSError as error:
        stop_on_bad_settings(SettingsError(f"{_address_of(settings)}, where nothing can listen: {error}"))
    end_tracing()
    _log.info("stopped")
    if fatal:
        sys.exit(1)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shared_socket(settings: ProcessSettings) -> socket.socket | None:
    if settings.shared_port is None:
        return None
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = (settings.host, settings.shared_port)
    return socket.create_server(address, family=family, backlog=BACKLOG_CONNECTIONS, reuse_port=True)


def _address_of(settings: ProcessSettings) -> str:
    address = f"HOST and PORT are {settings.host} and {settings.port}"
    return address if settings.shared_port is None else f"{address}, SHARED_PORT is {settings.shared_port}"


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it exists."""
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def add_health_routes(app: web.Application, checks: Mapping[str, Check]) -> None:
    """`/livez`, `/readyz` and `/metrics`. A check raises where its dependency cannot be used."""

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        results = dict(zip(checks, await asyncio.gather(*(_try(check) for check in checks.values())), strict=True))
        failed = {name: problem for name, problem in results.items() if problem}
        body = {"status": "unavailable" if failed else "ok", "checks": {n: p or "ok" for n, p in results.items()}}
        return web.json_response(body, status=503 if failed else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)


def run_in_background(app: web.Application, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a task beside the server, cancelled when it stops. If the task fails the process ends: nothing half works."""

    async def context(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(run(), name=name)
        task.add_done_callback(lambda done: _stop_on_failure(app, done))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task

    app.cleanup_ctx.append(context)


def _stop_on_failure(app: web.Application, task: asyncio.Task[None]) -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    _log.critical("background_task_failed", task=task.get_name(), error=describe(error), exc_info=error)
    app[_FATAL].append(error)
    os.kill(os.getpid(), signal.SIGTERM)


async def _try(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT_SECONDS} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, it makes the service unready, and is told
        return describe(error)
    return None
