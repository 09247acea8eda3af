"""Artifacts from Maven repositories, each checked against a committed SHA-256 before anything uses it.

A lock names what it locks by coordinates alone; jgo knows where they are to be had. jgo checks a download only
against what the repository itself says, so the check against the lock is ours.
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from livestream_local.errors import LauncherError
from livestream_local.file_lock import held

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

# More at a time would only contend for the same line.
DOWNLOADS_AT_A_TIME = 4
ATTEMPTS = 4
REQUEST_TIMEOUT_S = 30
FIRST_RETRY_DELAY_S = 0.5

Progress = Callable[[int, int], None]
"""Called with how many artifacts are there, and how many there will be."""


@dataclass(frozen=True, slots=True)
class LockedArtifact:
    """One artifact: `group:artifact:version` and the SHA-256 of its jar, in hexadecimal."""

    coordinates: str
    sha256: str


def read_lock(lock: Traversable) -> list[LockedArtifact]:
    """Reads lines of `coordinates sha256`; those that begin with `#` are comments.

    The order is kept, since it is the order of a class path.
    """
    lines = (line for line in lock.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
    return [LockedArtifact(*line.split()) for line in lines]


def format_lock(comment: str, artifacts: Iterable[LockedArtifact]) -> str:
    lines = [f"# {comment}", *(f"{artifact.coordinates} {artifact.sha256}" for artifact in artifacts)]
    return "\n".join(lines) + "\n"


def fetch(
    artifacts: Sequence[LockedArtifact],
    cache: Path,
    progress: Progress = lambda _done, _all: None,
    repositories: Mapping[str, str] | None = None,
) -> list[Path]:
    """Returns each artifact's file, in the order given, downloading what `cache` lacks.

    `repositories` are names and URLs to ask instead of jgo's own.
    Raises LauncherError when one cannot be had, or is not what the lock says.
    """
    context = _context(cache, repositories)
    done = 0
    paths = []
    with held(cache / "lock"), ThreadPoolExecutor(DOWNLOADS_AT_A_TIME) as pool:
        for path in pool.map(lambda artifact: _fetch_one(context, artifact), artifacts):
            done += 1
            progress(done, len(artifacts))
            paths.append(path)
    return paths


def lock_artifacts(coordinates: Sequence[str], cache: Path, *, transitive: bool) -> list[LockedArtifact]:
    """Resolves `coordinates` (and all that they need) and notes the SHA-256 of each artifact.

    Each is resolved by itself, and the first to need an artifact says its version: resolved together, what one of them
    recommends (log4j's bill of materials) would overrule what another was built with (Kafka's own client).
    """
    context = _context(cache)
    locked: dict[tuple[str, str], LockedArtifact] = {}
    for each in coordinates:
        inputs, needed = context.resolver.resolve([context.create_dependency(each)], transitive=transitive)
        for artifact in (dependency.artifact for dependency in (*inputs, *needed)):
            name = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
            key = (artifact.groupId, artifact.artifactId)
            if key not in locked:
                locked[key] = LockedArtifact(name, _sha256(artifact.resolve()))
    return list(locked.values())


def _context(cache: Path, repositories: Mapping[str, str] | None = None) -> "MavenContext":
    from jgo.maven import MavenContext  # noqa: PLC0415 (slow to import, and needed only where something is missing)

    remotes = dict(repositories) if repositories is not None else None
    return MavenContext(repo_cache=cache, remote_repos=remotes, timeout=REQUEST_TIMEOUT_S)


def _fetch_one(context: "MavenContext", locked: LockedArtifact) -> Path:
    artifact = context.create_dependency(locked.coordinates).artifact
    path = artifact.cached_path
    assert path is not None
    if path.exists() and _sha256(path) == locked.sha256:
        return path
    _retrying(locked.coordinates, lambda: _download(artifact, path))
    actual = _sha256(path)
    if actual != locked.sha256:
        path.unlink()
        raise LauncherError(
            f"{locked.coordinates} is not the file that was locked (SHA-256 {actual}, expected {locked.sha256}). "
            "It was not used. Check what stands between this machine and its Maven repository."
        )
    return path


def _download(artifact: "Artifact", path: Path) -> None:
    path.unlink(missing_ok=True)  # Half a download, or tampered with; jgo would take it for the artifact.
    artifact.resolve()


def _retrying(what: str, download: Callable[[], object]) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            download()
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo's own are RuntimeErrors
            if attempt == ATTEMPTS:
                raise LauncherError(f"could not download {what}: {error}") from error
            time.sleep(FIRST_RETRY_DELAY_S * 2**attempt * random.uniform(0.5, 1))
        else:
            return


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
