"""What dashboards take from the alerts: the threshold that a panel draws is the one that rings."""

import re
from functools import cache
from typing import Any, Final

import yaml

from livestream_local.paths import ROOT

RULE_FILES: Final = ("alerts.yml", "freshness.yml")
_COMPARED_WITH: Final = re.compile(r"[<>]=?\s*([\d.]+)\s*$")


@cache
def alerts() -> dict[str, Any]:
    """Every alert by its name, as Prometheus's files have it."""
    folder = ROOT / "deploy/prometheus"
    rules = [yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in RULE_FILES]
    return {
        rule["alert"]: rule for file in rules for group in file["groups"] for rule in group["rules"] if "alert" in rule
    }


def threshold_of(alert: str) -> float:
    """The number at the end of its expression. Raises KeyError where there is no such alert, or no such number."""
    if found := _COMPARED_WITH.search(alerts()[alert]["expr"]):
        return float(found[1])
    raise KeyError(f"{alert} compares with no number")


def page_of(alert: str) -> str:
    """Where it is written what to do."""
    page: str = alerts()[alert]["annotations"]["runbook"]
    return page
