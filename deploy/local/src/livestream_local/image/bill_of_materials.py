"""The image's bill of materials (CycloneDX), which its build makes of what was installed."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from livestream_local.licences import Package

PLACE: Final = "opt/livestream/sbom.cdx.json"
_OURS: Final = "livestream-"


class Component(msgspec.Struct, frozen=True):
    name: str
    version: str


class BillOfMaterials(msgspec.Struct, frozen=True, rename="camel"):
    bom_format: str
    components: list[Component]


def differences(bill: Path, locked: Iterable[Package]) -> list[str]:
    """What stands in only one of the two, as `name version`; our own packages aside."""
    told = msgspec.json.decode(bill.read_bytes(), type=BillOfMaterials)
    listed = {_key(each.name, each.version) for each in told.components}
    third_party = {key for key in listed if not key.startswith(_OURS)}
    return sorted(third_party ^ {_key(each.name, each.version) for each in locked})


def _key(name: str, version: str) -> str:
    """With the name as Python's packaging rules normalise it."""
    return f"{re.sub(r'[-_.]+', '-', name).lower()} {version}"
