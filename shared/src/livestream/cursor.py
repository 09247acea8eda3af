"""Cursors: positions in the one total order of deltas, written `<epoch>-<sequence>`."""

import re
import secrets
from typing import NamedTuple

_FORM = re.compile(r"([0-9a-f]{16})-(0|[1-9][0-9]{0,14})")


class Cursor(NamedTuple):
    """`epoch`: one life of the delta log, 16 hex digits. `sequence` counts its deltas from 1; 0 is before the first."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """None where the text is not of a cursor's form."""
        match = _FORM.fullmatch(text)
        return cls(match[1], int(match[2])) if match else None


def new_epoch() -> str:
    """An epoch that no other run has had."""
    return secrets.token_hex(8)
