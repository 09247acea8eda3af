"""Artifacts are used only if they are what was locked."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from livestream_local import maven
from livestream_local.errors import LauncherError
from livestream_local.maven import LockedArtifact

JAR = b"what the lock was made from"
PATH = Path("org/example/thing/1.0/thing-1.0.jar")
LOCKED = LockedArtifact("org.example:thing:1.0", hashlib.sha256(JAR).hexdigest())


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        pass


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The file in a Maven repository that the tests own."""
    path = tmp_path / "repository" / PATH
    path.parent.mkdir(parents=True)
    path.write_bytes(JAR)
    return path


@pytest.fixture
def repositories(tmp_path: Path, published: Path) -> Iterator[dict[str, str]]:
    assert published.exists()
    handler = partial(Quiet, directory=str(tmp_path / "repository"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield {"test": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()
        thread.join()


def test_an_artifact_is_downloaded_once(tmp_path: Path, published: Path, repositories: dict[str, str]) -> None:
    (path,) = maven.fetch([LOCKED], tmp_path / "cache", repositories=repositories)
    assert path.read_bytes() == JAR
    published.unlink()
    assert maven.fetch([LOCKED], tmp_path / "cache", repositories=repositories) == [path]


def test_another_file_than_the_locked_one_is_refused_and_not_kept(
    tmp_path: Path, published: Path, repositories: dict[str, str]
) -> None:
    published.write_bytes(b"something else")
    with pytest.raises(LauncherError, match=r"org\.example:thing:1\.0 is not the file that was locked"):
        maven.fetch([LOCKED], tmp_path / "cache", repositories=repositories)
    assert not (tmp_path / "cache" / PATH).exists()


def test_half_a_download_is_had_anew(tmp_path: Path, repositories: dict[str, str]) -> None:
    cached = tmp_path / "cache" / PATH
    cached.parent.mkdir(parents=True)
    cached.write_bytes(JAR[:5])
    (path,) = maven.fetch([LOCKED], tmp_path / "cache", repositories=repositories)
    assert path.read_bytes() == JAR


def test_progress_counts_up_to_all(tmp_path: Path, repositories: dict[str, str]) -> None:
    seen: list[tuple[int, int]] = []
    maven.fetch([LOCKED], tmp_path / "cache", lambda done, total: seen.append((done, total)), repositories)
    assert seen == [(1, 1)]


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    lock.write_text(maven.format_lock("two of them", [LOCKED, LockedArtifact("a:b:2", "00")]))
    assert maven.read_lock(lock) == [LOCKED, LockedArtifact("a:b:2", "00")]
