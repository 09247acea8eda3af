"""The files that Grafana reads: committed, since it has no Python, and held to be what the code makes."""

from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from livestream_local.dashboards import freshness, services
from livestream_local.dashboards.panels import Dashboard, built
from livestream_local.paths import ROOT

FOLDER: Final = ROOT / "deploy/grafana/dashboards"
DASHBOARDS: Final = (freshness.DASHBOARD, services.DASHBOARD)


def contents_of(dashboard: Dashboard) -> str:
    """As JSON."""
    return JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False).encode(built(dashboard)) + "\n"


def path_of(dashboard: Dashboard) -> Path:
    return FOLDER / f"{dashboard.uid}.json"


def write_all() -> list[Path]:
    """Write every file anew; returns where."""
    for dashboard in DASHBOARDS:
        path_of(dashboard).write_text(contents_of(dashboard), encoding="utf-8")
    return [path_of(dashboard) for dashboard in DASHBOARDS]


def stale_files() -> list[Path]:
    """Those that are not what the code makes, or that no code makes."""
    made = {path_of(dashboard): contents_of(dashboard) for dashboard in DASHBOARDS}
    found = set(FOLDER.glob("*.json"))
    differing = {path for path, text in made.items() if path not in found or path.read_text(encoding="utf-8") != text}
    return sorted(differing | (found - made.keys()))
