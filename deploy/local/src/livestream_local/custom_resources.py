"""Custom resources against their definitions (CRDs), where a field that these do not have is an error.

Rules in CEL are not checked.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from jsonschema import Draft4Validator

Schema = Mapping[str, Any]

_METADATA: Final = {
    "type": "object",
    "required": ["name"],
    "properties": {name: {"type": "string"} for name in ("name", "namespace")}
    | {name: {"type": "object", "additionalProperties": {"type": "string"}} for name in ("labels", "annotations")},
    "additionalProperties": False,
}
# Its parser is written in C; the other one takes some seconds for these.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Kind(NamedTuple):
    """As a resource names it: `api_version` is `group/version`, or a version alone for Kubernetes's core."""

    api_version: str
    name: str

    @classmethod
    def of(cls, resource: Mapping[str, Any]) -> "Kind":
        return cls(resource["apiVersion"], resource["kind"])

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]


def read_definitions(files: Iterable[Path], wanted: Iterable[Kind]) -> dict[Kind, Schema]:
    """The schemas of the `wanted` kinds as far as `files` define them; each is strict."""
    wanted = set(wanted)
    names = "|".join(re.escape(kind.name) for kind in wanted)
    mentions = re.compile(rf"^\s+kind: (?:{names})$", re.MULTILINE)
    texts = (path.read_text(encoding="utf-8") for path in files)
    found = dict(pair for text in texts if mentions.search(text) for pair in _definitions(text))
    return {kind: schema for kind, schema in found.items() if kind in wanted}


def problems(resource: Mapping[str, Any], schema: Schema) -> Iterator[str]:
    """`field: what is wrong` of each place."""
    for error in Draft4Validator(schema).iter_errors(resource):
        yield f"{'.'.join(map(str, error.absolute_path)) or 'the resource'}: {error.message}"


def _definitions(text: str) -> Iterator[tuple[Kind, Schema]]:
    for document in yaml.load_all(text, _Loader):
        if document is None or document["kind"] != "CustomResourceDefinition":
            continue
        spec = document["spec"]
        for version in spec["versions"]:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"] |= {"metadata": _METADATA}
            yield Kind(f"{spec['group']}/{version['name']}", spec["names"]["kind"]), schema


def _strict(schema: Schema) -> dict[str, Any]:
    """Kubernetes's kind of OpenAPI as draft 4 of JSON Schema, closed wherever the API server would drop a field."""
    result = dict(schema)
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            result[keyword] = _strict(schema[keyword])
    if "properties" in schema:
        result["properties"] = {name: _strict(each) for name, each in schema["properties"].items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-embedded-resource")
    if schema.get("type") == "object" and not open_ended:
        result.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        result["type"] = ["integer", "string"]
    return result
