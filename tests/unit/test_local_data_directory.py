"""Data directories appear whole or not at all."""

from pathlib import Path

import pytest

from livestream_local.servers.data_directory import create_once


def test_a_directory_is_filled_once(tmp_path: Path) -> None:
    target = tmp_path / "deep/data"
    create_once(target, lambda directory: (directory / "file").touch())
    create_once(target, lambda directory: (directory / "again").touch())
    assert [path.name for path in target.iterdir()] == ["file"]


def test_what_an_interrupted_start_left_is_no_obstacle(tmp_path: Path) -> None:
    target = tmp_path / "data"

    def fail(directory: Path) -> None:
        (directory / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        create_once(target, fail)
    assert not target.exists()
    create_once(target, lambda directory: (directory / "whole").touch())
    assert [path.name for path in target.iterdir()] == ["whole"]
