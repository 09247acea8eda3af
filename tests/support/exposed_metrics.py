"""What our services can tell Prometheus, and what Prometheus records of it."""

from functools import cache
from importlib import import_module
from typing import Any, Final

import yaml
from prometheus_client import REGISTRY

from livestream_local.dashboards.alert_rules import RULE_FILES
from livestream_local.paths import ROOT

# Where metrics are defined.
MODULES: Final = (
    "livestream.loop_lag",
    "livestream.retries",
    "livestream.serving.client",
    "livestream.stores",
    "livestream_auditor.metrics",
    "livestream_gateway.metrics",
    "livestream_ingest.metrics",
    "livestream_projector.metrics",
    "livestream_web.reads",
    "livestream_web.requests_seen",
)
PROMETHEUS: Final = ROOT / "deploy/prometheus"


@cache
def exposed() -> dict[str, frozenset[str]]:
    """Name of each sample → its labels, `le` included."""
    found: dict[str, frozenset[str]] = {}
    for collector, names in collectors().items():
        for name in names:
            found[name] = frozenset({*getattr(collector, "_labelnames", ()), "le"})
    return found


def collectors() -> dict[Any, list[str]]:
    """Everything that is registered → the names of its samples."""
    for module in MODULES:
        import_module(module)
    # Nothing public tells of the labels of what has no sample yet.
    return dict(REGISTRY._collector_to_names)


def recorded() -> dict[str, frozenset[str]]:
    """Recording rules: none keeps a label."""
    return {rule["record"]: frozenset() for rule in rules() if "record" in rule}


def rules() -> list[dict[str, Any]]:
    """Of all files, as they stand there."""
    files = [yaml.safe_load((PROMETHEUS / name).read_text()) for name in RULE_FILES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]
