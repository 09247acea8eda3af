"""Audit after audit, whatever is away meanwhile, and what comes of them: metrics, and log events for differences."""

import asyncio
import hashlib
import time
from typing import Final

from redis.asyncio import Redis

from livestream.logs import get_logger
from livestream.retries import RETRIES, delays, describe
from livestream_auditor import metrics
from livestream_auditor.audit.audit import Auditor
from livestream_auditor.audit.witness_log import StaleWitnessError, WitnessLog, witness_log
from livestream_auditor.settings import Settings
from livestream_auditor.verify.canary import following
from livestream_auditor.verify.findings import CouldNotRunError, Findings, LogUnreadableError

# After history was dropped Redis is loaded anew. What it still holds until then is not in the new baseline.
_SETTLE_SECONDS: Final = 15.0
_KEY_DIGITS: Final = 16

_log = get_logger(__name__)


class AuditLoop:
    """`log_problem` says why the log could not be read when that was last tried, None where it could."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._settings = settings
        self._redis = redis
        self.log_problem: str | None = None

    async def run(self) -> None:
        """Audit until cancelled."""
        waits = delays()
        async with following(self._settings.stream_url) as canary:
            auditor = Auditor(self._settings, self._redis, canary)
            while True:
                try:
                    async with witness_log(self._settings) as witness:
                        metrics.WITNESSES.inc()
                        self.log_problem = None
                        waits = delays()
                        await self._audit_with(witness, auditor)
                except StaleWitnessError as error:
                    _log.info("audit_witness_begins_anew", reason=str(error))
                    await asyncio.sleep(_SETTLE_SECONDS)
                except CouldNotRunError as error:
                    self.log_problem = str(error) if isinstance(error, LogUnreadableError) else None
                    await _wait_after(error, next(waits))

    async def _audit_with(self, witness: WitnessLog, auditor: Auditor) -> None:
        """Until the witness is of no more use: raises StaleWitnessError or LogUnreadableError."""
        waits = delays()
        while True:
            started = time.monotonic()
            try:
                findings = await auditor.audit(witness)
            except LogUnreadableError:
                raise
            except CouldNotRunError as error:
                await _wait_after(error, next(waits))
                continue
            waits = delays()
            metrics.AUDIT_SECONDS.set(time.monotonic() - started)
            metrics.SAMPLE_RATIO.set(witness.facts.sample.share)
            metrics.MESSAGES_HELD.set(len(witness.facts.messages))
            report(findings)
            await asyncio.sleep(self._settings.interval_s)


def report(findings: Findings) -> None:
    """Tell of a complete audit. What differs is told by its kind and a hash: logs hold no names and no texts."""
    for section in findings.sections:
        metrics.ROWS_COMPARED.labels(section.name).inc(section.compared.total())
        metrics.ROWS_DIFFERING.labels(section.name).set(section.differing.total())
        for kind, count in section.differing.items():
            keys = [key_hash(difference.key) for difference in section.differences[kind]]
            _log.error("audit_difference", part=section.name, kind=kind, rows=count, key_hashes=keys)
    metrics.LAST_COMPLETED.set(time.time())
    _log.info("audit_completed", equal=findings.equal)


def key_hash(key: object) -> str:
    """The first digits of the SHA-256 of a key as `./live verify` prints it."""
    return hashlib.sha256(str(key).encode()).hexdigest()[:_KEY_DIGITS]


async def _wait_after(error: CouldNotRunError, delay_s: float) -> None:
    metrics.FAILURES.inc()
    RETRIES.labels("audit").inc()
    _log.warning("audit_failed", error=describe(error), delay_s=round(delay_s, 3))
    await asyncio.sleep(delay_s)
