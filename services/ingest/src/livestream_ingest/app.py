"""The composition root."""

from typing import Final

from aiohttp import web

from livestream import tracing
from livestream.service import add_health_routes, run_in_background
from livestream_ingest.bodies import BodyReader
from livestream_ingest.budget import ByteBudget
from livestream_ingest.changes import Changes
from livestream_ingest.door import Door
from livestream_ingest.errors import answer_problems
from livestream_ingest.log_writer import LogWriter
from livestream_ingest.openapi import serve_openapi
from livestream_ingest.posts import Posts
from livestream_ingest.producer import ProducerKeeper
from livestream_ingest.rate_limit import TokenBucket
from livestream_ingest.settings import Settings
from livestream_ingest.shutdown import Shutdown
from livestream_ingest.traces import trace_requests

# Four of the largest at a time; small ones are not counted.
LARGE_BODIES_BYTES: Final = 64 * 1024 * 1024

# aiohttp stops reading at twice this. All of it becomes lines, events and records at once, so that a connection's share
# of memory is several times as much; more would not be faster.
READ_BUFFER_BYTES: Final = 64 * 1024


def build_app(settings: Settings) -> web.Application:
    """Everything that this service is, wired."""
    timeout_seconds = settings.ack_timeout_seconds
    keeper = ProducerKeeper(settings.kafka_bootstrap_servers, settings.topics, timeout_seconds)
    writer = LogWriter(keeper, settings.in_flight_bytes, timeout_seconds)
    bodies = BodyReader(ByteBudget(LARGE_BODIES_BYTES, "bodies"), timeout_seconds)
    bucket = TokenBucket(settings.rate_limit_per_second)
    shutdown = Shutdown()
    posts = Posts(writer, bodies, bucket, shutdown)
    changes = Changes(writer, bodies, bucket, timeout_seconds)

    door = Door(settings.api_keys_file)

    connections = {"auto_decompress": False, "read_bufsize": READ_BUFFER_BYTES}  # for the first, see BodyStream
    middlewares = [*([trace_requests] if tracing.is_on() else []), answer_problems, door.admit]
    app = web.Application(middlewares=middlewares, handler_args=connections)
    add_health_routes(app, {"kafka": keeper.check})
    run_in_background(app, "kafka", keeper.run)
    run_in_background(app, "door", door.run)
    app.on_shutdown.append(shutdown.begin)
    app.router.add_post("/v1/messages", posts.post)
    # aiohttp's own pattern for a part of a path leaves out braces, which names may have.
    app.router.add_delete("/v1/users/{name:[^/]+}", changes.delete_user)
    app.router.add_delete("/v1/channels/{name:[^/]+}", changes.delete_channel)
    message = app.router.add_resource("/v1/channels/{name:[^/]+}/messages/{id:[^/]+}")
    message.add_route("DELETE", changes.delete_message)
    message.add_route("PATCH", changes.edit_message)
    app.router.add_get("/openapi.json", serve_openapi)
    return app
