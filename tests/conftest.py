"""Registers the fixtures that every tier shares."""

pytest_plugins = [
    "tests.support.servers",
    "tests.support.stacks",
    "tests.support.stack_access",
    "tests.support.stream_access",
    "tests.support.browser",
]
