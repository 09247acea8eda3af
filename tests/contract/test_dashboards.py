"""What dashboards ask for exists, each panel says what to do, and each alert can be looked at."""

import json
import re
from typing import Any

import pytest
import yaml

from livestream_local.dashboards import FOLDER
from livestream_local.dashboards.alert_rules import alerts, threshold_of
from livestream_local.dashboards.files import DASHBOARDS, stale_files
from livestream_local.dashboards.panels import PROMETHEUS, Panel
from livestream_local.paths import ROOT
from tests.support.exposed_metrics import exposed, recorded

FILES = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
PROVISIONING = ROOT / "deploy/grafana/provisioning"
PANELS = [panel for dashboard in DASHBOARDS for row in dashboard.rows for panel in row.panels]
TITLES = [panel.title for panel in PANELS]


def test_the_files_are_what_the_code_makes() -> None:
    assert stale_files() == []
    assert len(FILES) == len(DASHBOARDS)


def test_no_two_panels_are_called_alike() -> None:
    assert len(set(TITLES)) == len(TITLES)


@pytest.mark.parametrize("panel", PANELS, ids=TITLES)
def test_its_metrics_and_labels_exist(panel: Panel) -> None:
    known = exposed() | recorded()
    of_targets = {"job", "instance"}
    for query in panel.queries:
        names = set(re.findall(r"\b(?:livestream|process)_\w+|\blivestream:[\w:]+", query.expr))
        assert names <= known.keys(), names - known.keys()
        assert names or "up{" in query.expr
        labels = of_targets.union(*(known[name] for name in names))
        asked = re.findall(r'(\w+)[=!~]+"', query.expr) + re.findall(r"{{(\w+)}}", query.legend)
        for grouped in re.findall(r"(?:by|on) \(([^)]*)\)", query.expr):
            asked += grouped.split(", ")
        assert set(asked) <= labels


@pytest.mark.parametrize("panel", PANELS, ids=TITLES)
def test_it_has_a_unit_and_says_what_to_do(panel: Panel) -> None:
    assert panel.unit
    assert panel.what_to_do.endswith((".", "?"))


def test_every_alert_can_be_looked_at() -> None:
    shown = {panel.alert or panel.see for panel in PANELS} - {None}
    assert shown == alerts().keys()


def test_thresholds_are_those_of_the_alerts() -> None:
    drawn = {panel.alert: panel.threshold for panel in PANELS if panel.alert}
    assert drawn == {name: threshold_of(name) for name in drawn}
    (burning,) = (panel for panel in PANELS if panel.title == "How fast does the budget go?")
    assert burning.limit
    assert f"> {burning.limit * 0.01:g}" in alerts()["LivestreamFreshnessBurning"]["expr"]


def test_grafana_is_given_the_data_source_that_panels_name() -> None:
    provisioned = yaml.safe_load((PROVISIONING / "datasources/datasources.yml").read_text())
    assert PROMETHEUS.uid in {source["uid"] for source in provisioned["datasources"]}
    for dashboard in FILES:
        sources = {json.dumps(panel["datasource"]) for panel in graphs(dashboard)}
        assert sources == {json.dumps({"type": PROMETHEUS.type_val, "uid": PROMETHEUS.uid})}


def test_grafana_finds_the_files_where_they_are_mounted() -> None:
    grafana = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    mounted = dict(volume.removesuffix(":ro").split(":") for volume in grafana["volumes"])
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards/dashboards.yml").read_text())["providers"]
    target = provider["options"]["path"]
    assert mounted["./deploy/grafana/dashboards"] == target
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home in {f"{target}/{path.name}" for path in FOLDER.glob("*.json")}


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    for dashboard in FILES:
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(numbers)) == len(numbers)
        cells = [cell for panel in dashboard["panels"] for cell in covered(panel["gridPos"])]
        assert len(set(cells)) == len(cells)


def graphs(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def covered(place: dict[str, int]) -> list[tuple[int, int]]:
    rows, columns = range(place["y"], place["y"] + place["h"]), range(place["x"], place["x"] + place["w"])
    return [(row, column) for row in rows for column in columns]
