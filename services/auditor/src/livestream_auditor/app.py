"""The composition root: what the auditor is made of."""

from aiohttp import web

from livestream.service import add_health_routes, run_in_background
from livestream.stores import connect_stores
from livestream_auditor.audit.loop import AuditLoop
from livestream_auditor.settings import Settings
from livestream_auditor.verify.findings import CouldNotRunError


def build_app(settings: Settings) -> web.Application:
    """An application that serves the health endpoints and audits in the background.

    Its readiness says nothing of differences: an alert on the metric does.
    """
    app = web.Application()
    # One connection for the health check: audits connect by themselves.
    stores = connect_stores(app, settings.database_url, settings.redis_url, connections=1)
    loop = AuditLoop(settings, stores.redis)

    async def check_kafka() -> None:
        if loop.log_problem is not None:
            raise CouldNotRunError(loop.log_problem)

    add_health_routes(app, {"kafka": check_kafka, **stores.checks})
    run_in_background(app, "audit", loop.run)
    return app
