"""How what posts to ingest says who it is."""

from collections.abc import Mapping


def authorized_by(key: str | None) -> Mapping[str, str]:
    """The headers of requests that come with an API key."""
    return {"Authorization": f"Bearer {key}"} if key else {}
