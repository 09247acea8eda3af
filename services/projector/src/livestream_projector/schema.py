"""The schema: brought up to date at start, by one process at a time."""

import asyncio

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from livestream.logs import get_logger

# Any number will do, as long as every projector uses the same one: "schema" in ASCII.
_ADVISORY_LOCK = 0x736368656D61

_log = get_logger(__name__)


async def migrate(database_url: str) -> None:
    """Run the migrations that this database lacks. Raises sqlalchemy.exc.OperationalError while Postgres is away.

    A schema that a later release has brought further is left as it is: migrations take nothing away that the release
    before them needs, so that one can go on, or back, while others are upgraded.
    """
    await asyncio.to_thread(_migrate, database_url)


def _migrate(database_url: str) -> None:
    _, _, rest = database_url.partition("://")
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://{rest}", poolclass=sqlalchemy.NullPool)
    config = Config()
    config.set_main_option("script_location", "livestream_projector:migrations")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.commit()
        config.attributes["connection"] = connection
        at = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if at is None or at in known:
            command.upgrade(config, "head")
        else:
            _log.warning("schema_of_a_later_release", revision=at)
        connection.commit()
