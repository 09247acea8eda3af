"""Where `./live send` takes its lines from."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from livestream_local.errors import LauncherError
from livestream_local.send.source import Line, Source, open_source

CONTENT = b'{"a":1}\n\n  \r\n{"b":2}\r\n{"c":"\xc3\xa9"}'
LINES = [Line(1, b'{"a":1}'), Line(4, b'{"b":2}\r'), Line(5, b'{"c":"\xc3\xa9"}')]


def lines_of(path: Path) -> list[Line]:
    with open_source(str(path)) as source:
        return [line for block in source.blocks() for line in block]


def test_a_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "messages.ndjson"
    path.write_bytes(CONTENT)
    assert lines_of(path) == LINES


def test_gzip_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "messages.ndjson"
    path.write_bytes(gzip.compress(CONTENT[:12]) + gzip.compress(CONTENT[12:]))
    assert lines_of(path) == LINES


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert lines_of(path) == []


@pytest.mark.parametrize("content", [CONTENT, gzip.compress(CONTENT)], ids=["plain", "gzip"])
def test_standard_input(content: bytes) -> None:
    program = (
        "from livestream_local.send.source import *\n"
        "with open_source('-') as source: print(sum(len(b) for b in source.blocks()), source.fraction_read())"
    )
    result = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, check=True)
    assert result.stdout.split() == [b"3", b"None"]


def test_what_a_pipe_has_is_a_block_at_once() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as raw, os.fdopen(writing, "wb", buffering=0) as pipe:
        blocks = Source("pipe", raw).blocks()
        for number in range(1, 4):
            pipe.write(b"%d\n" % number)
            assert next(blocks) == [Line(number, b"%d" % number)]


def test_progress_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "messages.ndjson"
    path.write_bytes(b"0123456789\n" * 500_000)
    with open_source(str(path)) as source:
        fractions = [source.fraction_read() for _ in source.blocks()]
    assert all(fraction is not None for fraction in fractions)
    assert 0 < (fractions[0] or 0) < 0.5
    assert fractions[-1] == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(LauncherError, match=r"cannot read .*nowhere: No such file"),
        open_source(str(tmp_path / "nowhere")),
    ):
        pass


def test_a_cut_gzip_file_yields_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(os.urandom(4_000_000).hex().encode().replace(b"0", b"\n"))[:-1000])
    read: list[Line] = []
    with open_source(str(path)) as source, pytest.raises(LauncherError, match="cannot be read behind line"):
        read.extend(line for block in source.blocks() for line in block)
    assert read


def test_what_has_no_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    with path.open("wb") as file:
        file.truncate(20 * 1024 * 1024)
    with open_source(str(path)) as source, pytest.raises(LauncherError, match="line 1 does not end"):
        list(source.blocks())
