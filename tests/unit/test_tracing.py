"""Traces: what may be set, and that nothing is done where they are off."""

import socket
import time

import pytest

from livestream.settings import Environment, SettingsError
from livestream.tracing import Steps, TracingSettings, configure_tracing, current_parent, is_on, parents_of

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
# The exporter itself waits for so long, and tries again.
A_RETRY_S = 10


class Traced:
    headers = (("traceparent", PARENT),)


def read(**values: str) -> TracingSettings:
    env = Environment(values)
    settings = TracingSettings.read(env)
    env.check()
    return settings


def test_nothing_is_traced_without_a_collector() -> None:
    assert read() == TracingSettings("", "parentbased_always_on", 1.0)
    assert not is_on()
    assert current_parent() is None
    assert parents_of([Traced()]) == ()
    assert not Steps("work", [PARENT])


def test_a_collector_and_a_share() -> None:
    settings = read(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4318/",
        OTEL_TRACES_SAMPLER="traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.01",
    )
    assert settings == TracingSettings("http://collector:4318", "traceidratio", 0.01)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "much"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is '{value}', but must be"):
        read(**{name: value})


def test_a_collector_that_never_answers_holds_up_no_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        end = configure_tracing("test", TracingSettings(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        assert is_on()
        work = Steps("work", [PARENT])
        assert work.parents
        work.end()
        begun = time.monotonic()
        end()
        assert time.monotonic() - begun < A_RETRY_S
    assert not is_on()
