"""The composition root: what the auditor is made of."""

from collections.abc import AsyncIterator

from aiohttp import web

from livestream.clients import postgres_answers, postgres_pool, redis_client
from livestream.service import add_health_routes, run_in_background
from livestream_auditor.audit.loop import AuditLoop
from livestream_auditor.settings import Settings
from livestream_auditor.verify.findings import CouldNotRunError


def build_app(settings: Settings) -> web.Application:
    """An application that serves the health endpoints and audits in the background.

    Its readiness says nothing of differences: an alert on the metric does.
    """
    app = web.Application()
    pool = postgres_pool(settings.database_url, max_size=1)  # of the health check; audits connect by themselves
    redis = redis_client(settings.redis_url)
    loop = AuditLoop(settings, redis)

    async def check_kafka() -> None:
        if loop.log_problem is not None:
            raise CouldNotRunError(loop.log_problem)

    async def check_postgres() -> None:
        await postgres_answers(pool)

    async def check_redis() -> None:
        await redis.ping()

    async def clients(_: web.Application) -> AsyncIterator[None]:
        async with pool:
            yield
        await redis.aclose()

    app.cleanup_ctx.append(clients)
    add_health_routes(app, {"kafka": check_kafka, "postgres": check_postgres, "redis": check_redis})
    run_in_background(app, "audit", loop.run)
    return app
