"""Checks of our own that no linter has."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from livestream_local.dashboards import stale_files
from livestream_local.lockfile import is_up_to_date
from livestream_local.paths import ROOT

LOCKS = ("requirements.lock", "deploy/containers/requirements.lock")
# Lock files and the like must work wherever a registry or its mirror is, so none is named anywhere.
_REGISTRY_HOST = re.compile(
    rb"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|repo\d?\.maven\.|maven\.org|deb\.debian\.org|crates\.io"
    rb"|proxy\.golang\.org"
)


def files_naming_a_registry(root: Path = ROOT) -> Iterator[str]:
    """`path:line` of each place in a file that git knows, or would add, that names a package registry's host."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=root, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, names):
        path = root / name.decode()
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            if _REGISTRY_HOST.search(line):
                yield f"{path.relative_to(root)}:{number}"


def registry_problem() -> str | None:
    """What is wrong, or None. Without git (an unpacked archive) there is nothing to compare with."""
    if not (ROOT / ".git").exists():
        return None
    places = list(files_naming_a_registry())
    return f"these name a package registry's host: {', '.join(places)}" if places else None


def dashboard_problem() -> str | None:
    """What is wrong, or None."""
    stale = [str(path.relative_to(ROOT)) for path in stale_files()]
    return f"{', '.join(stale)}: not what the code makes; run ./live dashboards" if stale else None


def lock_problem() -> str | None:
    """What is wrong, or None."""
    stale = [lock for lock in LOCKS if not is_up_to_date(ROOT / lock)]
    if not stale:
        return None
    return f"{' and '.join(stale)} were not made from the pyproject.toml files as they are; run ./live lock"
