"""What pip-audit reported: found, free of any, or not known."""

import msgspec
import pytest

from livestream_local.vulnerabilities import NotAuditedError, Report, findings


def report(*dependencies: dict[str, object]) -> Report:
    return msgspec.convert({"dependencies": dependencies, "fixes": []}, Report)


FINE: dict[str, object] = {"name": "fine", "version": "1.0", "vulns": []}
UNKNOWN: dict[str, object] = {"name": "unknown", "skip_reason": "not found"}
VULNERABLE: dict[str, object] = {
    "name": "old",
    "version": "0.1",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["0.2", "0.3"], "aliases": [], "description": ""}],
}


def test_what_is_vulnerable_is_told_with_its_remedy() -> None:
    assert list(findings(report(FINE, VULNERABLE))) == ["old 0.1: PYSEC-2026-1, fixed in 0.2, 0.3"]


def test_it_is_told_also_where_others_could_not_be_asked_for() -> None:
    assert list(findings(report(UNKNOWN, VULNERABLE))) == ["old 0.1: PYSEC-2026-1, fixed in 0.2, 0.3"]


def test_nothing_is_found_where_all_were_asked_for() -> None:
    assert list(findings(report(FINE))) == []


def test_silence_of_the_registry_is_no_approval() -> None:
    with pytest.raises(NotAuditedError, match="1 of 2 packages"):
        list(findings(report(FINE, UNKNOWN)))
