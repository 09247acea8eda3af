"""What has no place in an image that is served from."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# With or without a platform in front and a version behind.
_COMPILER: Final = re.compile(r"(?:.*-)?(?:as|c\+\+|cargo|cc|clang|cmake|g\+\+|gcc|go|ld|make|rustc|tcc)(?:-[\d.]+)?")
_INSTALLER: Final = re.compile(r"(?:pip|uv|uvx)[\d.]*")
_INSTALLERS_FOLDERS: Final = {"ensurepip", "pip", "python-wheels", "uv"}
# What a build may leave.
_LEFTOVERS: Final = ("build", "root/.cache", "run/secrets", "tmp", "var/lib/apt/lists", "var/cache/apt/archives")


def unwanted(root: Path) -> Iterator[str]:
    """Path and reason of everything below `root` that lets a process become another user or change what it runs, or
    that only a build has use for."""
    for leftover in _LEFTOVERS:
        if (root / leftover).is_dir():
            yield from (
                f"/{path.relative_to(root)}: left by the build"
                for path in (root / leftover).rglob("*")
                if path.is_file() and path.name != "lock"  # apt's, which it makes for a moment's use and leaves empty
            )
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(folder, name)
            if reason := _reason(path):
                yield f"/{path.relative_to(root)}: {reason}"


def _reason(path: Path) -> str | None:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
        return "runs as another user"
    if not stat.S_ISLNK(mode) and mode & stat.S_IWOTH and not mode & stat.S_ISVTX and not stat.S_ISCHR(mode):
        return "anybody may write it"
    if path.parent.name in {"bin", "sbin"}:
        if _COMPILER.fullmatch(path.name):
            return "a compiler"
        if _INSTALLER.fullmatch(path.name):
            return "an installer"
    return "an installer" if stat.S_ISDIR(mode) and path.name in _INSTALLERS_FOLDERS else None
