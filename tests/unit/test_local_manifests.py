"""What lint refuses of deploy/kubernetes."""

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from livestream_local import typed_resources
from livestream_local.custom_resources import Kind, problems, read_definitions
from livestream_local.manifests import definition_files, refusals
from livestream_local.on_demand import tool

WIDGET = Kind("example.org/v1", "Widget")
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.org"},
    "spec": {
        "group": "example.org",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [
            {
                "name": "v1",
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "apiVersion": {"type": "string"},
                            "kind": {"type": "string"},
                            "metadata": {"type": "object"},
                            "spec": {
                                "type": "object",
                                "required": ["size"],
                                "properties": {
                                    "size": {"type": "integer", "minimum": 1},
                                    "port": {"x-kubernetes-int-or-string": True},
                                    "anything": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                    "names": {"type": "object", "additionalProperties": {"type": "string"}},
                                    "parts": {
                                        "type": "array",
                                        "items": {"type": "object", "properties": {"color": {"enum": ["red", "blue"]}}},
                                    },
                                },
                            },
                        },
                    }
                },
            }
        ],
    },
}
SCALED: dict[str, Any] = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "projector"},
    "spec": {
        "scaleTargetRef": {"name": "projector"},
        "maxReplicaCount": 12,
        "triggers": [{"type": "kafka", "metadata": {"lagThreshold": "1"}}],
    },
}
POOL: dict[str, Any] = {
    "apiVersion": "kafka.strimzi.io/v1",
    "kind": "KafkaNodePool",
    "metadata": {"name": "brokers"},
    "spec": {"replicas": 1, "roles": ["broker"], "storage": {"type": "ephemeral"}},
}
BUDGET: dict[str, Any] = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web"},
    "spec": {"maxUnavailable": 1},
}


def needs(program: str) -> pytest.MarkDecorator:
    """Lint leaves out what a machine cannot check, and so does this; CI has everything."""
    is_missing = shutil.which(program) is None and not os.environ.get("CI")
    return pytest.mark.skipif(is_missing, reason=f"{program} is not here")


def changed(resource: dict[str, Any], **spec: object) -> dict[str, Any]:
    result = copy.deepcopy(resource)
    result["spec"] |= spec
    return result


@pytest.fixture
def definitions(tmp_path: Path) -> list[Path]:
    path = tmp_path / "widgets.yaml"
    path.write_text(yaml.safe_dump(DEFINITION))
    return [path]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"size": 1, "port": 80, "anything": {"a": [1]}, "names": {"a": "b"}, "parts": [{"color": "red"}]}, None),
        ({"size": 1, "port": "http"}, None),
        ({"size": 0}, "spec.size: 0 is less than the minimum"),
        ({"size": "1"}, "spec.size: '1' is not of type 'integer'"),
        ({}, "spec: 'size' is a required property"),
        ({"size": 1, "sizes": 2}, "spec: Additional properties are not allowed ('sizes' was unexpected)"),
        ({"size": 1, "port": 1.5}, "spec.port: 1.5 is not of type 'integer', 'string'"),
        ({"size": 1, "names": {"a": 1}}, "spec.names.a: 1 is not of type 'string'"),
        ({"size": 1, "parts": [{"colour": "red"}]}, "spec.parts.0: Additional properties are not allowed"),
        ({"size": 1, "parts": [{"color": "green"}]}, "spec.parts.0.color: 'green' is not one of"),
    ],
)
def test_a_custom_resource_is_what_its_definition_allows(
    definitions: list[Path], spec: dict[str, Any], expected: str | None
) -> None:
    [(kind, schema)] = read_definitions(definitions, [WIDGET]).items()
    assert kind == WIDGET
    resource = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": spec}
    found = list(problems(resource, schema))
    assert len(found) == (expected is not None)
    assert expected is None or found[0].startswith(expected)


def test_unknown_metadata_is_refused(definitions: list[Path]) -> None:
    schema = read_definitions(definitions, [WIDGET])[WIDGET]
    metadata = {"name": "a", "label": {"b": "c"}}
    [found] = problems({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": metadata}, schema)
    assert found.startswith("metadata: Additional properties are not allowed ('label'")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (BUDGET, None),
        (changed(BUDGET, maxUnavailble=1), "maxUnavailble"),
        (changed(BUDGET, maxUnavailable=[]), "maxUnavailable"),
        # kubernetes-validate itself only warns of these.
        (BUDGET | {"kind": "PodDisruptionBudgets"}, "Couldn't find schema for kind PodDisruptionBudgets"),
        (BUDGET | {"apiVersion": "policy/v1beta1"}, "Couldn't find schema for kind PodDisruptionBudget"),
        # And takes this for Kubernetes's own.
        (
            BUDGET | {"apiVersion": "policy.example.org/v1"},
            "no definition is known of PodDisruptionBudget of policy.exam",
        ),
        (
            {**SCALED, "kind": "Widget", "apiVersion": "example.org/v2"},
            "no definition is known of Widget of example.org/v2",
        ),
    ],
)
def test_what_no_schema_knows_is_refused(
    definitions: list[Path], resource: dict[str, Any], expected: str | None
) -> None:
    found = refusals([resource, resource], definitions, tool("kubernetes-validate"))
    assert len(found) == (expected is not None)
    assert expected is None or expected in found[0]


@needs("go")
@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (SCALED, None),
        (changed(SCALED, maxReplicaCount="12"), "spec.maxReplicaCount: '12' is not of type 'integer'"),
        (changed(SCALED, maxReplicas=12), "'maxReplicas' was unexpected"),
        (changed(SCALED, triggers=[{"type": "kafka", "metadata": {"lagThreshold": 1}}]), "1 is not of type 'string'"),
        (SCALED | {"kind": "ScaledObjects"}, "no definition is known of ScaledObjects"),
    ],
)
def test_a_wrong_scaled_object_is_refused(resource: dict[str, Any], expected: str | None) -> None:
    found = refusals([resource], definition_files(), tool("kubernetes-validate"))
    assert len(found) == (expected is not None)
    assert expected is None or expected in found[0]


@needs("npm")
def test_a_wrong_node_pool_is_refused() -> None:
    wrong = [
        changed(POOL, replica=1),
        changed(POOL, replicas="1"),
        changed(POOL, roles=["brokers"]),
        POOL | {"kind": "KafkaNodePools"},
    ]
    found = list(typed_resources.problems([POOL, *wrong]))
    assert len(found) == len(wrong)
    expected = ('"replica": 1', '"replicas": "1"', '"brokers"', "KafkaNodePools")
    assert all(each in line for line, each in zip(found, expected, strict=True))
