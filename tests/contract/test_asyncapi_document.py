"""docs/asyncapi.yaml is an AsyncAPI document, and says of topics, views and limits what the code says."""

from typing import Any

import pytest
from jsonschema import Draft7Validator

from livestream.events import DEAD_LETTER_TOPIC, FUTURE_TOLERANCE_MS, MESSAGES_TOPIC, TYPE_NAMES, USERS_TOPIC
from livestream.frames import LIMITS, SnapshotReason, StreamState, ViewKind
from livestream.letters import REASONS
from livestream.settings import Environment
from livestream.texts import NAME_MAX_CHARACTERS, TEXT_MAX_BYTES
from livestream.topics import TopicSettings, _wanted
from livestream_gateway.addresses import MAX_VIEWS, view_of_path
from livestream_gateway.heartbeat import IDLE_AFTER_MS, STALE_AFTER_MS
from livestream_gateway.hub import HEARTBEAT_SECONDS
from livestream_gateway.pace import DEFAULT_TICK_MS, LONGEST_TICK_MS, SHORTEST_TICK_MS
from livestream_local.ports import DEFAULT_BASE, Ports
from livestream_projector.dead_letters import _DETAIL_CHARACTERS, HEADERS_BYTES, VALUE_BYTES
from livestream_projector.settings import Settings
from tests.contract.asyncapi_document import (
    CHANNELS,
    DOCUMENT,
    HEADERS,
    MESSAGES,
    OPERATIONS,
    PAYLOADS,
    SCHEMAS,
    check,
    is_valid,
    resolve,
    validator,
    walk,
)
from tests.contract.asyncapi_structure import STRUCTURE

PLAIN_VIEWS = ("home", "messages", "channels", "users")


def examples() -> list[Any]:
    return [
        pytest.param(name, example, id=f"{name}-{example['name']}")
        for name, message in MESSAGES.items()
        for example in message["examples"]
    ]


def frame_limits(view: str) -> tuple[int, int, int]:
    """What the schema of a view's snapshot says: the most messages, channels and users."""
    (schema,) = [
        schema
        for schema in SCHEMAS["snapshot"]["allOf"][2]["oneOf"]
        if view == schema["properties"]["view"].get("const", schema["properties"]["view"].get("pattern"))
    ]
    rows = [schema["properties"][key] for key in ("messages", "channels", "users")]
    return tuple(each["maxItems"] if each else 0 for each in rows)  # type: ignore[return-value]


def test_it_has_the_form_of_asyncapi_3() -> None:
    Draft7Validator.check_schema(STRUCTURE)
    Draft7Validator(STRUCTURE).validate(DOCUMENT)


def test_references_lead_somewhere() -> None:
    for path, value in walk(DOCUMENT):
        if isinstance(value, dict) and "$ref" in value:
            assert resolve(value) is not None, path
            assert len(value) == 1, f"{'/'.join(path)}: what stands beside a reference is ignored"


def test_channels_and_operations_refer_to_their_own() -> None:
    for channel in CHANNELS.values():
        for name, message in channel["messages"].items():
            assert message == {"$ref": f"#/components/messages/{name}"}
        for server in channel["servers"]:
            assert server["$ref"].startswith("#/servers/")
    for operation in OPERATIONS.values():
        channel = operation["channel"]["$ref"]
        assert channel.startswith("#/channels/")
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])


def test_everything_defined_is_used() -> None:
    used = {value["$ref"] for _, value in walk(DOCUMENT) if isinstance(value, dict) and "$ref" in value}
    defined = {f"#/components/{kind}/{name}" for kind, named in DOCUMENT["components"].items() for name in named}
    assert defined <= used
    assert {operation["channel"]["$ref"] for operation in OPERATIONS.values()} == {f"#/channels/{n}" for n in CHANNELS}


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_valid_and_their_examples_too(name: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[name])
    for example in SCHEMAS[name].get("examples", []):
        validator(SCHEMAS[name]).validate(example)


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_have_valid_schemas(name: str) -> None:
    for schema in (HEADERS[name].schema, PAYLOADS[name].schema):
        Draft7Validator.check_schema(schema)


@pytest.mark.parametrize(("name", "example"), examples())
def test_examples_are_of_their_message_and_of_no_other_of_the_channel(name: str, example: dict[str, Any]) -> None:
    payload, headers = example["payload"], example.get("headers")
    check(name, payload, headers)
    for channel in CHANNELS.values():
        if name in channel["messages"]:
            assert [other for other in channel["messages"] if is_valid(other, payload, headers)] == [name]


def test_topics_are_those_of_the_code() -> None:
    topics = {
        channel["address"]: channel["bindings"]["kafka"] for channel in CHANNELS.values() if "bindings" in channel
    }
    assert set(topics) == {MESSAGES_TOPIC, USERS_TOPIC, DEAD_LETTER_TOPIC}
    assert all(binding["topic"] == address for address, binding in topics.items())
    urls = {"KAFKA_BOOTSTRAP_SERVERS": "k:1", "DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h"}
    settings = Settings.read(Environment(urls))
    assert topics[MESSAGES_TOPIC]["partitions"] == settings.topics.partitions
    assert settings.group in OPERATIONS["foldMessageEvents"]["description"]


def test_topics_are_made_as_described() -> None:
    described = {
        channel["address"]: channel["bindings"]["kafka"] for channel in CHANNELS.values() if "bindings" in channel
    }
    for topic in _wanted(TopicSettings(described[MESSAGES_TOPIC]["partitions"], 1)):
        configuration = dict(described[topic.name]["topicConfiguration"])
        policy = ",".join(configuration.pop("cleanup.policy"))
        assert topic.num_partitions == described[topic.name]["partitions"]
        assert {"cleanup.policy": "delete", **topic.topic_configs} == {
            "cleanup.policy": policy, **{name: str(value) for name, value in configuration.items()}
        }  # fmt: skip


def test_addresses_are_those_of_the_gateway() -> None:
    streams = {channel["address"]: channel for channel in CHANNELS.values() if channel["address"].startswith("/")}
    prefix = "/v1/streams"
    assert set(streams) == {prefix, *(f"{prefix}/{view}" for view in ("{view}", "users/{name}", "channels/{name}"))}
    assert tuple(streams[f"{prefix}/{{view}}"]["parameters"]["view"]["enum"]) == PLAIN_VIEWS
    for view in (*PLAIN_VIEWS, "users/{name}", "channels/{name}"):
        assert str(view_of_path(view)) == view
    ports = Ports.from_base(DEFAULT_BASE)
    hosts = [server["host"] for server in DOCUMENT["servers"].values()]
    assert hosts == [f"localhost:{ports.kafka}", f"localhost:{ports.gateway}"]


@pytest.mark.parametrize("kind", ViewKind)
def test_windows_are_those_of_the_code(kind: ViewKind) -> None:
    view = {ViewKind.USER: "^users/", ViewKind.CHANNEL: "^channels/"}.get(kind, kind.value)
    assert frame_limits(view) == LIMITS[kind]


def test_limits_are_those_of_the_code() -> None:
    assert {SCHEMAS[each]["maxLength"] for each in ("name", "displayName", "id")} == {NAME_MAX_CHARACTERS}
    assert SCHEMAS["text"]["maxLength"] == TEXT_MAX_BYTES
    assert SCHEMAS["severalViewsQuery"]["properties"]["view"]["maxItems"] == MAX_VIEWS
    letters = SCHEMAS["deadLetterHeaders"]["properties"]
    assert letters["dead-letter-detail"]["maxLength"] == _DETAIL_CHARACTERS
    cut = letters["dead-letter-cut-from-bytes"]["description"]
    assert f"longer than {VALUE_BYTES // 2**20} MiB" in cut
    assert f"more than {HEADERS_BYTES // 2**20} MiB" in cut
    tick = SCHEMAS["status"]["properties"]["tick_ms"]
    assert (tick["minimum"], tick["maximum"]) == (SHORTEST_TICK_MS, LONGEST_TICK_MS)


def test_enumerations_are_those_of_the_code() -> None:
    assert SCHEMAS["snapshotReason"]["enum"] == [reason.value for reason in SnapshotReason]
    assert SCHEMAS["deadLetterReason"]["enum"] == list(REASONS)
    assert SCHEMAS["streamState"]["enum"] == [state.value for state in StreamState]
    assert [*SCHEMAS["messageEventType"]["enum"], "user.deleted"] == list(TYPE_NAMES.values())


@pytest.mark.parametrize("name", ["snapshotReason", "streamState", "deadLetterReason"])
def test_every_value_is_explained(name: str) -> None:
    assert [line.split("`")[1] for line in SCHEMAS[name]["description"].splitlines()[2:]] == SCHEMAS[name]["enum"]


def test_times_in_prose_are_those_of_the_code() -> None:
    minutes = FUTURE_TOLERANCE_MS // 60_000
    assert f"more than {minutes} minutes" in SCHEMAS["eventTime"]["description"]
    assert f"more than {minutes} minutes" in SCHEMAS["deadLetterReason"]["description"]
    assert f"for {IDLE_AFTER_MS // 60_000} minutes" in SCHEMAS["streamState"]["description"]
    assert f"for {STALE_AFTER_MS // 1000} s" in SCHEMAS["streamState"]["description"]
    assert f"every {HEARTBEAT_SECONDS:.0f} s" in MESSAGES["status"]["description"]
    assert f"{DEFAULT_TICK_MS} ms" in MESSAGES["delta"]["description"]
