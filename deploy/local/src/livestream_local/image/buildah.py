"""buildah, with a store of its own below `.live`."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livestream_local.errors import LauncherError

# It downloads some 100 MB and unpacks them several times.
_TIMEOUT_S = 1800


@dataclass(frozen=True, slots=True)
class Image:
    """An image's root file system, mounted, and what it says about how it is run."""

    root: Path
    user: str
    """As Docker's `USER`: `UID:GID` in ours."""
    entrypoint: Sequence[str]
    environment: Mapping[str, str]
    size: str


class Buildah:
    """Needs root, but no daemon, no overlay file system and no network of containers. Methods raise LauncherError."""

    def __init__(self, store: Path) -> None:
        self._command = [
            *("buildah", "--storage-driver", "vfs"),
            *("--root", str(store / "images"), "--runroot", str(store / "run")),
        ]

    def __call__(self, purpose: str, *arguments: str | Path) -> str:
        """What it wrote to standard output."""
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError:
            raise LauncherError("needs buildah (Debian, Ubuntu: apt install buildah)") from None
        except subprocess.TimeoutExpired:
            raise LauncherError(f"{purpose} took longer than {_TIMEOUT_S} s") from None
        if done.returncode != 0:
            raise LauncherError(f"{purpose} failed (exit status {done.returncode}):\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    @contextmanager
    def mounted(self, name: str) -> Iterator[Image]:
        """The image `name`, for as long as this context is open."""
        purpose = f"mounting {name}"
        container = self(purpose, "from", "--pull-never", name)
        try:
            root = Path(self(purpose, "mount", container))
            told: dict[str, Any] = json.loads(self(purpose, "inspect", "--type", "image", name))
            (listed,) = json.loads(self(purpose, "images", "--json", name))
            config = told["OCIv1"]["config"]
            yield Image(
                root=root,
                user=config.get("User", ""),
                entrypoint=config["Entrypoint"],
                environment=dict(variable.split("=", 1) for variable in config["Env"]),
                size=listed["size"],
            )
        finally:
            self(f"removing the container of {name}", "rm", container)
