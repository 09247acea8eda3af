"""docs/asyncapi.yaml as tests use it: its parts by reference, and checks of values against its messages."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator, FormatChecker, ValidationError

PATH = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
CHANNELS: dict[str, Any] = DOCUMENT["channels"]
OPERATIONS: dict[str, Any] = DOCUMENT["operations"]
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]

_formats = FormatChecker(())


@_formats.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    """Patterns say how RFC 3339 is written; this says whether there is such a day."""
    return not isinstance(value, str) or bool(datetime.fromisoformat(value.upper()))


def resolve(value: Any) -> Any:
    """What a value refers to, where it is a reference. Raises KeyError where that leads nowhere."""
    while isinstance(value, dict) and "$ref" in value:
        found: Any = DOCUMENT
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        value = found
    return value


def validator(schema: Any) -> Draft7Validator:
    """AsyncAPI's own schema format is draft-07 with more annotations."""
    # What refers to "#/components/…" is looked up in the schema's own document, so the components go with it.
    rooted = {"allOf": [schema], "components": DOCUMENT["components"]}
    return Draft7Validator(rooted, format_checker=_formats)


HEADERS = {name: validator(message.get("headers", {})) for name, message in MESSAGES.items()}
PAYLOADS = {name: validator(message["payload"]) for name, message in MESSAGES.items()}


def is_valid(name: str, payload: object, headers: Mapping[str, str] | None = None) -> bool:
    """Whether the document allows a message with that payload (as JSON has it) and those headers."""
    return PAYLOADS[name].is_valid(payload) and HEADERS[name].is_valid({**(headers or {})})


def check(name: str, payload: object, headers: Mapping[str, str] | None = None) -> None:
    """Raises ValidationError that names the message and what is wrong in it."""
    for part, found, value in (("payload", PAYLOADS, payload), ("headers", HEADERS, {**(headers or {})})):
        for error in found[name].iter_errors(value):
            causes = "; ".join(cause.message for cause in error.context or ())
            raise ValidationError(f"{name}: {part} at {error.json_path}: {error.message} ({causes})")


def walk(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of the document with where it stands."""
    yield path, value
    if isinstance(value, dict):
        for key, each in value.items():
            yield from walk(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from walk(each, (*path, str(index)))
