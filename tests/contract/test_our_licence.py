"""Every package of ours carries the one text of our licence."""

import tomllib

import pytest

from livestream_local.lockfile import MEMBER_DISTRIBUTIONS
from livestream_local.paths import ROOT


@pytest.mark.parametrize("folder", [".", *MEMBER_DISTRIBUTIONS.values()])
def test_it_says_and_carries_the_licence(folder: str) -> None:
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert project["license-files"] == ["LICENSE"]
    assert (ROOT / folder / "LICENSE").resolve() == ROOT / "LICENSE"
