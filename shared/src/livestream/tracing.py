"""Traces of single events from ingest to the frame, in OpenTelemetry's terms. Off unless there is a collector to tell.

A trace follows one event over processes by its `traceparent` (W3C Trace Context): in HTTP and Kafka headers, then in
the delta log. What many events share, such as a transaction, is a span in each of their traces.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from livestream.settings import Environment

HEADER: Final = "traceparent"
# So many traces take part in one piece of work; a flood of traced events must not slow down what is traced.
MOST_AT_ONCE: Final = 16

_FLUSH_SECONDS: Final = 2.0
_PARENT_BASED: Final = "parentbased_"
_SAMPLERS: Final = tuple(
    prefix + name for prefix in (_PARENT_BASED, "") for name in ("always_on", "always_off", "traceidratio")
)

_propagator: Final = TraceContextTextMapPropagator()
_tracer: Tracer | None = None


class TracingSettings(msgspec.Struct, frozen=True):
    """The standard's variables: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG.

    `endpoint` is a collector that takes OTLP over HTTP; "" where nothing is traced. `ratio`: of traces that begin here.
    """

    endpoint: str = ""
    sampler: str = _SAMPLERS[0]
    ratio: float = 1.0

    @classmethod
    def read(cls, env: Environment) -> "TracingSettings":
        return cls(
            endpoint=env.http_url("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/"),
            sampler=env.choice("OTEL_TRACES_SAMPLER", _SAMPLERS[0], _SAMPLERS),
            ratio=env.parsed("OTEL_TRACES_SAMPLER_ARG", 1.0, _ratio, "a number from 0 to 1"),
        )


def configure_tracing(service: str, settings: TracingSettings) -> Callable[[], None]:
    """Begin, where there is an endpoint. Call once, before anything is traced; what it returns sends what is left."""
    if not settings.endpoint:
        return lambda: None
    # Half a second of imports, which nobody needs who traces nothing.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create(
        {"service.name": f"livestream-{service}", "service.instance.id": f"{socket.gethostname()}:{os.getpid()}"}
    )
    provider = TracerProvider(_sampler(settings), resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{settings.endpoint}/v1/traces")))
    _trace_by(provider.get_tracer("livestream"))

    def end() -> None:
        _trace_by(None)
        # It tries for half a minute where the collector is away, whatever it is told.
        sending = threading.Thread(target=provider.shutdown, daemon=True)
        sending.start()
        sending.join(_FLUSH_SECONDS)

    return end


def is_on() -> bool:
    """Whether anything is traced in this process."""
    return _tracer is not None


def current_parent() -> bytes | None:
    """The `traceparent` of the span that this task is in, if that is kept."""
    return None if _tracer is None else _parent_of(trace.set_span_in_context(trace.get_current_span(), Context()))


def parents_of(records: Iterable[Any]) -> tuple[bytes, ...]:
    """Those in the headers of records of Kafka, of which only the first few are looked for."""
    if _tracer is None:
        return ()
    found = []
    for record in records:
        for name, value in record.headers:
            if name == HEADER and value is not None:
                found.append(value)
                if len(found) == MOST_AT_ONCE:
                    return tuple(found)
    return tuple(found)


class Steps:
    """One piece of work as a span in each of several traces. False where none of them is kept."""

    def __init__(
        self,
        name: str,
        parents: Sequence[bytes],
        kind: SpanKind = SpanKind.INTERNAL,
        since_ns: int | None = None,
    ) -> None:
        """`parents` are `traceparent`s; `since_ns`: when it began, in ns since 1970, if not now."""
        self._contexts: list[Context] = []
        if _tracer is None:
            return
        for parent in parents:
            context = _propagator.extract({HEADER: parent.decode("ascii", "replace")}, Context())
            if trace.get_current_span(context).get_span_context().trace_flags.sampled:
                span = _tracer.start_span(name, context, kind, start_time=since_ns)
                self._contexts.append(trace.set_span_in_context(span, context))

    def __bool__(self) -> bool:
        return bool(self._contexts)

    @property
    def parents(self) -> tuple[bytes, ...]:
        """What steps that follow have as their parents."""
        return tuple(parent for context in self._contexts if (parent := _parent_of(context)))

    def end(self, **attributes: str | float | bool) -> None:
        for context in self._contexts:
            span = trace.get_current_span(context)
            span.set_attributes(attributes)
            span.end()


def request_span(name: str, headers: Mapping[str, str]) -> Any:
    """A context manager in which this task is in a span of its own, in the trace that `headers` bring or a new one.

    Only where tracing `is_on`.
    """
    assert _tracer is not None, "nobody asks where nothing is traced"
    # Whoever sends gives the rest of W3C's headers no meaning here.
    context = _propagator.extract({HEADER: headers.get(HEADER, "")}, Context())
    return _tracer.start_as_current_span(name, context, SpanKind.SERVER)


def now_ns() -> int:
    """As `Steps` takes it."""
    return time.time_ns()


def _trace_by(tracer: Tracer | None) -> None:
    global _tracer  # noqa: PLW0603 - a process is traced as a whole, as it is measured as a whole
    _tracer = tracer


def _parent_of(context: Context) -> bytes | None:
    span_context = trace.get_current_span(context).get_span_context()
    if not (span_context.is_valid and span_context.trace_flags.sampled):
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, context)
    return carrier[HEADER].encode()


def _ratio(value: str) -> float:
    ratio = float(value)
    if not 0 <= ratio <= 1:
        raise ValueError
    return ratio


def _sampler(settings: TracingSettings) -> Any:
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased  # noqa: PLC0415

    roots = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF, "traceidratio": TraceIdRatioBased(settings.ratio)}
    root = roots[settings.sampler.removeprefix(_PARENT_BASED)]
    return ParentBased(root) if settings.sampler.startswith(_PARENT_BASED) else root
