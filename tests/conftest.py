"""Registers the fixtures that every tier shares."""

from hypothesis import settings

# How long an example takes depends on what else the machine does: benchmarks measure, tests do not.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

pytest_plugins = [
    "tests.support.servers",
    "tests.support.stacks",
    "tests.support.stack_access",
    "tests.support.stream_access",
    "tests.support.browser",
]
