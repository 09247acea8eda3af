"""How many series Prometheus has to hold is bounded: no label takes what people make up."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from livestream_local.paths import ROOT
from tests.support.exposed_metrics import MODULES, collectors

# Each with how many values it can have, and where they come from.
ALLOWED = {
    "encoding": "2: gzip, identity",
    "error": "names of Kafka's errors, some dozens",
    "event": "2: delta, status",
    "function": "9: those of serving.lua",
    "method": "8: known ones, and `other`",
    "operation": "some dozens: what our code tries again",
    "outcome": "10: what became of a record or a batch",
    "part": "3: postgres, redis, stream",
    "phase": "3: load, fold, commit",
    "reason": "some dozens: why something was refused, cut, or read anew",
    "route": "some dozens: patterns, never paths",
    "state": "4: of streams; 2: of connections",
    "status": "some dozens: of HTTP",
    "topic": "2: messages.v1, users.v1",
    "view": "7: kinds of views, never a view's name",
    "what": "2: bodies, records",
}
OURS = {
    names[0]: getattr(collector, "_labelnames", ())
    for collector, names in collectors().items()
    if names and names[0].startswith("livestream_")
}


@pytest.mark.parametrize("name", OURS)
def test_its_labels_are_allowed(name: str) -> None:
    assert set(OURS[name]) <= ALLOWED.keys()


def test_nothing_is_allowed_that_nobody_needs() -> None:
    assert ALLOWED.keys() == {label for labels in OURS.values() for label in labels}


def test_every_module_that_defines_a_metric_is_looked_at() -> None:
    folders = [ROOT / "shared/src", *ROOT.glob("services/*/src")]
    defining = {module_of(folder, path) for folder in folders for path in folder.rglob("*.py") if defines_metric(path)}
    assert defining == set(MODULES)


def module_of(folder: Path, path: Path) -> str:
    return ".".join(path.relative_to(folder).with_suffix("").parts)


def defines_metric(path: Path) -> bool:
    """Whether a metric is made while the module is loaded."""
    return any(name.startswith("livestream_") for name in first_arguments(ast.parse(path.read_text())))


def first_arguments(module: ast.Module) -> Iterator[str]:
    kinds = {"Counter", "Gauge", "Histogram", "WeightedHistogram"}
    for statement in module.body:
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in kinds:
            match value.args[0]:
                case ast.Constant(value=str(name)):
                    yield name
