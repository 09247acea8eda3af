"""Failpoints do what a test asks for, once, and nothing by accident."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from livestream.settings import Environment, SettingsError
from livestream_projector import failpoints
from livestream_projector.failpoints import Failpoint, FailpointError
from livestream_projector.settings import Settings


@pytest.fixture(autouse=True)
def _off_afterwards() -> Iterator[None]:
    yield
    failpoints.enable(None)


def test_it_is_off_unless_a_folder_is_named() -> None:
    assert Settings.read(Environment({})).failpoints is None
    failpoints.reach(Failpoint.FETCHED)


def test_a_folder_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="PROJECTOR_FAILPOINTS is '/nowhere', but must be a folder"):
        Settings.read(Environment({"PROJECTOR_FAILPOINTS": "/nowhere"}))


@pytest.mark.parametrize(("name", "deed", "said"), [("commit", "kill", "commit"), ("fetched", "sleep", "sleep")])
def test_what_there_is_not_is_refused_wherever_one_is_reached(tmp_path: Path, name: str, deed: str, said: str) -> None:
    (tmp_path / name).write_text(deed)
    failpoints.enable(tmp_path)
    with pytest.raises(FailpointError, match=said):
        failpoints.reach(Failpoint.FETCHED)


def test_it_ends_the_process_where_it_was_asked_to_and_once(tmp_path: Path) -> None:
    (tmp_path / Failpoint.AFTER_COMMIT).write_text("kill")
    script = (
        "from pathlib import Path; from livestream_projector import failpoints as f;"
        f"f.enable(Path({str(tmp_path)!r})); f.reach(f.Failpoint.FETCHED); print('on', flush=True);"
        "f.reach(f.Failpoint.AFTER_COMMIT); print('past', flush=True)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ, check=False)
        for _ in range(2)
    ]
    assert [run.returncode for run in runs] == [-signal.SIGKILL, 0]
    assert "past" not in runs[0].stdout
    assert "past" in runs[1].stdout
