"""Once a second: how far the fold is behind the log, told to Redis (for the streams' status) and to Prometheus."""

import asyncio
import time
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from livestream.events import MESSAGES_TOPIC
from livestream.kafka import AIOKafkaConsumer
from livestream.logs import get_logger
from livestream.retries import RETRIES, describe
from livestream.serving import ProgressReport, ServingCopy
from livestream.times import now_ms
from livestream_projector import metrics
from livestream_projector.passed_log import Passed
from livestream_projector.projector import Projector
from livestream_projector.publisher import Publisher
from livestream_projector.users_log import UsersLog

_INTERVAL_SECONDS: Final = 1.0
# Until the first report pages say that they are stale: it should not keep them waiting.
_FIRST_SECONDS: Final = 0.1
# A broker that does not answer in this time is away; no report is made then, and pages turn stale.
_END_OFFSETS_SECONDS: Final = 2.0
# One question may go astray; after two that were not answered Kafka counts as away.
_SILENT_SECONDS: Final = 5.0

_log = get_logger(__name__)


class NotReadyError(Exception):
    """The projector does not fold."""


class Progress:
    """A partition's lag is the age of the oldest record that waits for its fold.

    Of a record that was polled the log says when it was appended. One that was not polled yet is at least as old as the
    look at which the log's end was first behind it: `_marks` holds that end and when it was seen.

    `folded_up_to`: partition → a time in ms before which the log took nothing that is not folded, of both topics.
    `passed` says the same in offsets, of partitions that are level with a log that ends with no record.
    """

    def __init__(self, projector: Projector, users: UsersLog, serving: ServingCopy, publisher: Publisher) -> None:
        self._projector = projector
        self._users = users
        self._serving = serving
        self._publisher = publisher
        self._marks: dict[int, tuple[int, int]] = {}
        self.folded_up_to: dict[int, int] = {}
        self.passed: dict[int, Passed] = {}
        self._asked_ms = 0
        self.answered_at = time.monotonic()
        self._has_reported = False

    def check_kafka(self) -> None:
        """Raises NotReadyError where nothing was reported yet, or Kafka has not answered for some seconds."""
        if not self._has_reported:
            raise NotReadyError("the projector has not got its share of the partitions yet")
        silent_s = time.monotonic() - self.answered_at
        if self._projector.states and silent_s > _SILENT_SECONDS:
            raise NotReadyError(f"Kafka has not answered for {silent_s:.0f} s")

    async def run(self, consumer: AIOKafkaConsumer) -> None:
        """Report until cancelled."""
        while True:
            try:
                reports = await self._measure(consumer)
                self._record(reports)
                if reports and not await self._serving.report(reports):
                    self._publisher.wake()
                self._has_reported = self._projector.was_assigned
                await self._commit_offsets(consumer)
                await self._note_folded(reports)
            except (KafkaError, RedisError, OSError, TimeoutError) as error:
                RETRIES.labels("report_progress").inc()
                _log.warning("report_failed", error=describe(error))
            await asyncio.sleep(_INTERVAL_SECONDS if self._has_reported else _FIRST_SECONDS)

    async def _measure(self, consumer: AIOKafkaConsumer) -> list[ProgressReport]:
        partitions = [_topic_partition(partition) for partition in self._projector.states]
        if not partitions:
            return []
        self._asked_ms = now_ms()
        async with asyncio.timeout(_END_OFFSETS_SECONDS):
            stable_ends = await consumer.end_offsets(partitions)
        self.answered_at = time.monotonic()
        # An open transaction hides the records behind its begin from us, but not that they are there.
        ends = {tp: max(end, consumer.highwater(tp) or 0) for tp, end in stable_ends.items()}
        return [self._report(consumer, tp, end) for tp, end in ends.items() if tp.partition in self._projector.states]

    async def _note_folded(self, reports: list[ProgressReport]) -> None:
        self.folded_up_to, self.passed = {}, {}
        async with asyncio.timeout(_END_OFFSETS_SECONDS):
            users_end = await self._users.end()
        users_passed = self._users.read_up_to
        for report in reports:
            state = self._projector.states.get(report.partition)
            if state is None or users_end is None or users_passed < users_end or self._users.behind(state.users_offset):
                continue
            if report.folded >= report.log_end:
                self.folded_up_to[report.partition] = self._asked_ms
                passed = Passed(report.folded, users_passed)
                if passed != (state.messages_offset, state.users_offset):
                    self.passed[report.partition] = passed
            else:
                # A broker's clock that ran far ahead for a moment tells nothing of what comes after it.
                self.folded_up_to[report.partition] = min(self._asked_ms, state.last_append_ms)

    def _report(self, consumer: AIOKafkaConsumer, tp: Any, end: int) -> ProgressReport:
        state = self._projector.states[tp.partition]
        folded = state.messages_offset
        pending_ms = self._projector.oldest_pending_ms.get(tp.partition)
        if pending_ms is None and tp in consumer.assignment():
            # Markers of transactions stand between the last record and the log's end; the consumer has passed them.
            folded = max(folded, _position(consumer, tp))
        lag_ms = self._lag_ms(tp.partition, folded, end, pending_ms)
        return ProgressReport(tp.partition, end, folded, state.last_append_ms, lag_ms)

    def _lag_ms(self, partition: int, folded: int, end: int, pending_ms: int | None) -> int:
        marked_end, seen_ms = self._marks.get(partition, (0, 0))
        now = now_ms()
        if folded >= marked_end:
            marked_end, seen_ms = self._marks[partition] = (end, now)
        if folded >= end:
            return 0
        return max(0, now - min(seen_ms, seen_ms if pending_ms is None else pending_ms))

    async def _commit_offsets(self, consumer: AIOKafkaConsumer) -> None:
        """For what watches consumer groups; nothing here ever reads them."""
        states, assigned = self._projector.states, consumer.assignment()
        offsets = {tp: state.messages_offset for p, state in states.items() if (tp := _topic_partition(p)) in assigned}
        if offsets:
            await consumer.commit(offsets)

    def _record(self, reports: list[ProgressReport]) -> None:
        if not reports and self._projector.states:
            return
        metrics.LAG_RECORDS.set(sum(max(0, report.log_end - report.folded) for report in reports))
        metrics.LAG_SECONDS.set(max((report.lag_ms for report in reports), default=0) / 1000)


def _topic_partition(partition: int) -> TopicPartition:
    return TopicPartition(MESSAGES_TOPIC, partition)


def _position(consumer: AIOKafkaConsumer, tp: Any) -> int:
    """Where the consumer goes on, without waiting; 0 where that is not known yet."""
    state = consumer._subscription.subscription.assignment.state_value(tp)  # noqa: SLF001 - position() may wait
    return int(state.position) if state is not None and state.has_valid_position else 0
