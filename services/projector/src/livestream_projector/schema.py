"""The schema: brought up to date at start, by one process at a time."""

import asyncio

import sqlalchemy
from alembic import command
from alembic.config import Config

# Any number will do, as long as every projector uses the same one: "schema" in ASCII.
_ADVISORY_LOCK = 0x736368656D61


async def migrate(database_url: str) -> None:
    """Run the migrations that this database lacks. Raises sqlalchemy.exc.OperationalError while Postgres is away."""
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
        command.upgrade(config, "head")
        connection.commit()
