"""Data directories that exist whole or not at all, however a first start was cut short."""

import shutil
from collections.abc import Callable
from pathlib import Path


def create_once(directory: Path, fill: Callable[[Path], None]) -> None:
    """Fills a new directory beside `directory` and then renames it, unless `directory` exists."""
    if directory.exists():
        return
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    fill(unfinished)
    unfinished.rename(directory)
