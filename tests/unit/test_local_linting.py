"""Our own lint checks."""

import shutil
import subprocess
from pathlib import Path

from livestream_local.linting import files_naming_a_registry
from livestream_local.lockfile import MEMBER_DISTRIBUTIONS, is_up_to_date, stamp_requirements_lock
from livestream_local.paths import ROOT


def test_a_registry_host_is_found_and_what_git_ignores_is_not(tmp_path: Path) -> None:
    host = "pypi" + ".org"
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("ignored\n")
    (tmp_path / "ignored").write_text(host)
    (tmp_path / "a.lock").write_text(f"fine\nhttps://{host}/simple\n")
    (tmp_path / "b.txt").write_text("nothing of the kind\n")
    assert list(files_naming_a_registry(tmp_path)) == ["a.lock:2"]


def test_the_lock_is_out_of_date_once_a_dependency_changes(tmp_path: Path) -> None:
    for folder in (".", *MEMBER_DISTRIBUTIONS.values()):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / folder / "pyproject.toml", tmp_path / folder)
    lock = tmp_path / "requirements.lock"
    lock.write_text("one==1\n")
    assert not is_up_to_date(lock, tmp_path)
    stamp_requirements_lock(lock, tmp_path)
    stamp_requirements_lock(lock, tmp_path)
    assert is_up_to_date(lock, tmp_path)
    assert lock.read_text().count("\n") == 2

    project = tmp_path / "services/web/pyproject.toml"
    project.write_text(project.read_text().replace('"jinja2"', '"jinja2>=3"'))
    assert not is_up_to_date(lock, tmp_path)
