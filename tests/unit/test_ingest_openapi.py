"""/openapi.json says of routes and limits what the code says. Answers are held against it in tests/integration."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from livestream.settings import Environment
from livestream.texts import NAME_MAX_CHARACTERS
from livestream_ingest.app import build_app
from livestream_ingest.bodies import ARRAY_MAX_ITEMS, BODY_MAX_BYTES
from livestream_ingest.changes import EDIT_CONTENT_TYPES
from livestream_ingest.intake import MAX_ERRORS, MAX_IDS
from livestream_ingest.lines import LINE_MAX_BYTES
from livestream_ingest.openapi import DOCUMENT
from livestream_ingest.posts import CONTENT_TYPES, IDEMPOTENCY_KEY_MAX_CHARACTERS
from livestream_ingest.settings import Settings

OPENAPI: dict[str, Any] = json.loads(DOCUMENT)
SCHEMAS: dict[str, Any] = OPENAPI["components"]["schemas"]
POST: dict[str, Any] = OPENAPI["paths"]["/v1/messages"]["post"]


def test_every_route_is_documented_and_nothing_else() -> None:
    app = build_app(Settings.read(Environment({})))
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    documented = {
        (method, path) for path, item in OPENAPI["paths"].items() for method in item if method != "parameters"
    }
    assert routes == documented


def test_limits_are_those_of_the_code() -> None:
    content = POST["requestBody"]["content"]
    assert tuple(content) == CONTENT_TYPES
    assert content["application/json"]["schema"]["oneOf"][1]["maxItems"] == ARRAY_MAX_ITEMS
    assert content["application/cloudevents-batch+json"]["schema"]["maxItems"] == ARRAY_MAX_ITEMS
    assert str(LINE_MAX_BYTES) in content["application/x-ndjson"]["schema"]["description"]
    assert str(BODY_MAX_BYTES) in OPENAPI["components"]["responses"]["TooLarge"]["description"]
    assert SCHEMAS["Name"]["maxLength"] == SCHEMAS["Id"]["maxLength"] == NAME_MAX_CHARACTERS
    assert SCHEMAS["Accepted"]["properties"]["ids"]["maxItems"] == MAX_IDS
    assert SCHEMAS["ItemErrors"]["maxItems"] == MAX_ERRORS
    assert POST["parameters"][0]["schema"]["maxLength"] == IDEMPOTENCY_KEY_MAX_CHARACTERS
    edit = OPENAPI["paths"]["/v1/channels/{name}/messages/{id}"]["patch"]
    assert tuple(edit["requestBody"]["content"]) == EDIT_CONTENT_TYPES


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_valid_and_refer_to_what_is_there(name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": OPENAPI["components"]}
    Draft202012Validator.check_schema(SCHEMAS[name])
    list(Draft202012Validator(schema).iter_errors({}))


def test_references_lead_somewhere() -> None:
    def check(value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                check(each)
        elif isinstance(value, dict):
            if "$ref" in value:
                found: Any = OPENAPI
                for part in value["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
            for each in value.values():
                check(each)

    check(OPENAPI)
