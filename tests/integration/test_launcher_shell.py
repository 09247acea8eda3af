"""`./live`, the shell script: which Python it takes, and what it says where there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from livestream_local.paths import ROOT


def run_live(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", ROOT / "live", *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH on which there is only what a POSIX shell script may expect."""
    dirname = shutil.which("dirname")
    assert dirname is not None
    (tmp_path / "dirname").symlink_to(dirname)
    return tmp_path


def test_it_lists_its_commands_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_live("--help", environment={"PYTHON": sys.executable})
    assert done.returncode == 0, done.stderr
    for command in ("up", "demo", "test", "lint", "bench"):
        assert f"\n  {command} " in done.stdout


def test_without_a_python_it_says_what_to_install(bare_path: Path) -> None:
    done = run_live("--help", environment={"PATH": str(bare_path), "PYTHON": ""})
    assert done.returncode == 1
    assert "needs Python 3.11 to 3.14" in done.stderr
    assert "apt install python3 python3-venv" in done.stderr


def test_an_old_python_is_passed_over(bare_path: Path) -> None:
    old = bare_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    (bare_path / "python3.12").symlink_to(sys.executable)
    path = f"{bare_path}{os.pathsep}{bare_path}"
    done = run_live("--help", environment={"PATH": path, "PYTHON": ""})
    assert "needs Python" not in done.stderr


def test_a_python_that_was_named_and_does_not_do_is_an_error() -> None:
    done = run_live("--help", environment={"PYTHON": "/nonexistent/python"})
    assert done.returncode == 1
    assert "PYTHON=/nonexistent/python is not a Python 3.11 to 3.14" in done.stderr


def test_an_unknown_command_is_named() -> None:
    done = run_live("no-such-thing", environment={"PYTHON": sys.executable})
    assert done.returncode == 2
    assert "no-such-thing" in done.stderr
