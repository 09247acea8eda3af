"""Whether requirements.lock was made from the pyproject.toml files as they are, told without any network."""

import hashlib
import json
import tomllib
from pathlib import Path

from livestream_local.paths import ROOT

MEMBER_DISTRIBUTIONS = {
    "livestream-shared": "shared",
    "livestream-auditor": "services/auditor",
    "livestream-ingest": "services/ingest",
    "livestream-projector": "services/projector",
    "livestream-stream-gateway": "services/stream-gateway",
    "livestream-web": "services/web",
    "livestream-local": "deploy/local",
}
_STAMP = "# Locked by `./live lock` from inputs "


def inputs_digest(root: Path = ROOT) -> str:
    """SHA-256 over what can change the resolution: each project's Python range, dependencies and groups."""
    inputs = []
    for folder in (".", *MEMBER_DISTRIBUTIONS.values()):
        document = tomllib.loads((root / folder / "pyproject.toml").read_text(encoding="utf-8"))
        project = document["project"]
        inputs.append([folder, project["requires-python"], project["dependencies"], document.get("dependency-groups")])
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def stamp_requirements_lock(lock: Path, root: Path = ROOT) -> None:
    """Writes the digest of today's inputs on the first line, in place of an older one."""
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith(_STAMP)]
    lock.write_text("\n".join([f"{_STAMP}{inputs_digest(root)}", *lines]) + "\n", encoding="utf-8")


def is_up_to_date(lock: Path, root: Path = ROOT) -> bool:
    return lock.read_text(encoding="utf-8").startswith(f"{_STAMP}{inputs_digest(root)}\n")
