"""The demo's chat as one more program of the stack."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from livestream_local.program import Launch


@dataclass(frozen=True, slots=True)
class GeneratedChat:
    """Posts generated messages to ingest at `ingest_url`, at a natural rate."""

    ingest_url: str
    name: str = "chat"

    @property
    def ports(self) -> Mapping[str, int]:
        return {}

    def prepare(self) -> Launch:
        return Launch([sys.executable, "-m", "livestream_local.chat", "--to", self.ingest_url])

    async def is_ready(self) -> bool:
        return True  # It serves nobody.
