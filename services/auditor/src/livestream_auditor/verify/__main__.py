"""`python -m livestream_auditor.verify`: what `./live verify` does, wherever the auditor runs.

It takes the auditor's settings, and prints a line of JSON for each kind of rows that was compared, then one that says
whether all are equal. The status is 0 where they are, 1 where not, 2 where something could not be read.
"""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from livestream.logs import configure_logs, get_logger
from livestream.settings import Environment, SettingsError, stop_on_bad_settings
from livestream_auditor.settings import Settings
from livestream_auditor.verify.findings import CouldNotRunError, Findings
from livestream_auditor.verify.verification import Addresses, verify

_EQUAL, _DIFFERENT, _COULD_NOT_RUN = range(3)
_log = get_logger(__name__)
_encode: Final = msgspec.json.Encoder(enc_hook=repr).encode


def main() -> None:
    try:
        settings = Settings.read(Environment())
    except SettingsError as error:
        stop_on_bad_settings(error)
    configure_logs("verify", settings.process.log_format, "warning")
    sys.exit(asyncio.run(_verify(settings)))


async def _verify(settings: Settings) -> int:
    findings = Findings()
    addresses = Addresses(settings.kafka_servers, settings.database_url, settings.redis_url, settings.stream_url)
    try:
        facts = await verify(addresses, findings, lambda _read, _all: None)
    except CouldNotRunError as error:
        _tell_of(findings)  # what differs already
        _tell({"error": str(error)})
        return _COULD_NOT_RUN
    except Exception as error:  # noqa: BLE001 - nothing that happens here may be taken for a difference
        _log.error("verify_failed", exc_info=error)
        return _COULD_NOT_RUN
    _tell_of(findings)
    _tell({"equal": findings.equal, "records": facts.records, "messages": len(facts.messages)})
    return _EQUAL if findings.equal else _DIFFERENT


def _tell_of(findings: Findings) -> None:
    for section in findings.sections:
        for kind, compared in section.compared.items():
            differences = [difference._asdict() for difference in section.differences.get(kind, ())]
            _tell(
                {
                    "part": section.name,
                    "kind": kind,
                    "rows": compared,
                    "differing": section.differing[kind],
                    "differences": differences,
                }
            )


def _tell(line: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(_encode(line) + b"\n")


if __name__ == "__main__":
    main()
