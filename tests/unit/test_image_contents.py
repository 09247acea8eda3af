"""What has no place in the image is found, and what stands in its bill of materials is compared with the lock file."""

import json
from pathlib import Path

import pytest

from livestream_local.image.bill_of_materials import differences
from livestream_local.image.contents import unwanted
from livestream_local.licences import Package


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """With what is usual in an image."""
    for folder in ("usr/bin", "usr/lib/python3.13/site-packages/pipes", "tmp", "var/mail"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tmp").chmod(0o1777)
    (tmp_path / "var/mail").chmod(0o2775)
    for name in ("python3.13", "ldd", "gold", "bash"):
        (tmp_path / "usr/bin" / name).touch(0o755)
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "usr/bin/python3").symlink_to("python3.13")
    return tmp_path


def test_what_is_usual_is_fine(root: Path) -> None:
    assert list(unwanted(root)) == []


@pytest.mark.parametrize("mode", [0o4755, 0o2755])
def test_who_runs_as_another_user_is_found(root: Path, mode: int) -> None:
    program = root / "usr/bin/su"
    program.touch()
    program.chmod(mode)
    assert list(unwanted(root)) == ["/usr/bin/su: runs as another user"]


def test_what_anybody_may_write_is_found(root: Path) -> None:
    (root / "lock").touch()
    (root / "lock").chmod(0o666)
    (root / "var/mail").chmod(0o777)
    assert sorted(unwanted(root)) == ["/lock: anybody may write it", "/var/mail: anybody may write it"]


@pytest.mark.parametrize("name", ["gcc", "cc", "x86_64-linux-gnu-gcc-12", "g++-14", "ld", "clang-19.1", "as", "make"])
def test_compilers_are_found(root: Path, name: str) -> None:
    (root / "usr/bin" / name).touch(0o755)
    assert list(unwanted(root)) == [f"/usr/bin/{name}: a compiler"]


@pytest.mark.parametrize("name", ["pip", "pip3", "pip3.13", "uv", "uvx"])
def test_installers_are_found(root: Path, name: str) -> None:
    (root / "usr/bin" / name).touch(0o755)
    assert list(unwanted(root)) == [f"/usr/bin/{name}: an installer"]


def test_installers_without_a_program_are_found(root: Path) -> None:
    (root / "usr/lib/python3.13/site-packages/pip").mkdir()
    assert list(unwanted(root)) == ["/usr/lib/python3.13/site-packages/pip: an installer"]


@pytest.mark.parametrize(
    "path", ["build/requirements.lock", "tmp/wheel.whl", "run/secrets/registry", "root/.cache/uv/x"]
)
def test_what_the_build_left_is_found(root: Path, path: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).touch(0o644)
    assert f"/{path}: left by the build" in unwanted(root)


def test_the_bill_of_materials_has_what_the_lock_file_has(tmp_path: Path) -> None:
    bill = tmp_path / "bill.json"
    listed = [("SQLAlchemy", "2.1"), ("typing_extensions", "4.16"), ("livestream-web", "0.1.0"), ("stray", "1.0")]
    components = [{"name": name, "version": version, "type": "library"} for name, version in listed]
    bill.write_text(json.dumps({"bomFormat": "CycloneDX", "components": components}))
    locked = [Package("sqlalchemy", "2.1", "MIT"), Package("typing-extensions", "4.15", "PSF-2.0")]
    assert differences(bill, locked) == ["stray 1.0", "typing-extensions 4.15", "typing-extensions 4.16"]
