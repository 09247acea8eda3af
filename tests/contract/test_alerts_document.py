"""Every alert speaks of metrics that exist, is tested to fire, and has a page that says what to do."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.exposed_metrics import PROMETHEUS, exposed, recorded, rules

ROOT = Path(__file__).parents[2]
SEVERITIES = {"page", "ticket"}


def loaded(name: str) -> Any:
    return yaml.safe_load((PROMETHEUS / name).read_text())


ALERTS = [rule for rule in rules() if "alert" in rule]
NAMES = [rule["alert"] for rule in ALERTS]


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_its_metrics_and_labels_exist(alert: dict[str, Any]) -> None:
    known = exposed() | recorded()
    names = re.findall(r"\blivestream_\w+|\blivestream:[\w:]+", alert["expr"])
    assert names or "up{" in alert["expr"]
    for name in names:
        assert name in known
        for labels in re.findall(rf"{name}{{([^}}]*)}}", alert["expr"]):
            assert set(re.findall(r"(\w+)[=!~]+\"", labels)) <= known[name]
    for grouped in re.findall(r"by \(([^)]*)\)", alert["expr"]):
        of_targets = {"job", "instance"}
        assert set(grouped.split(", ")) <= of_targets.union(*(known[name] for name in names))


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_it_has_a_page_of_its_own(alert: dict[str, Any]) -> None:
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    assert anchor == alert["alert"].lower()
    assert f"\n## {alert['alert']}\n" in (ROOT / page).read_text()
    assert alert["labels"]["severity"] in SEVERITIES
    text = (ROOT / page).read_text().partition(f"## {alert['alert']}\n")[2]
    assert text.strip().startswith(f"**Means** ({alert['labels']['severity']})")


def test_there_is_no_page_without_an_alert() -> None:
    assert re.findall(r"^## (\w+)$", (ROOT / "docs/alerts.md").read_text(), re.MULTILINE) == NAMES


def test_each_is_tested_to_fire_and_not_to() -> None:
    fires, stays_quiet = set[str](), set[str]()
    for test in loaded("alerts_test.yml")["tests"] + loaded("freshness_test.yml")["tests"]:
        for each in test["alert_rule_test"]:
            (fires if each["exp_alerts"] else stays_quiet).add(each["alertname"])
    assert fires == stays_quiet == set(NAMES)
