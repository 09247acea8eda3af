"""Scripts, style and icon: one hash for all, kept for good under it."""

import gzip

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from livestream_web.assets import Assets

MAX_SCRIPT_BYTES = 20_000
MAX_STYLE_BYTES = 10_000


def test_the_hash_changes_with_any_content_and_any_name() -> None:
    files = [("a.js", b"1"), ("b.css", b"2")]
    paths = {
        Assets(files).path("a.js"),
        Assets([("a.js", b"1"), ("b.css", b"3")]).path("a.js"),
        Assets([("a.js", b"1"), ("c.css", b"2")]).path("a.js"),
    }
    assert len(paths) == 3
    assert Assets(reversed(files)).path("a.js") in paths


async def test_files_are_served_compressed_to_those_who_take_it() -> None:
    assets = Assets([("a.js", b"let a;")])
    _, _, hash_, file = assets.path("a.js").split("/")
    for accepted, encoding in (("br, gzip", "gzip"), ("identity", None)):
        request = make_mocked_request(
            "GET", assets.path("a.js"), headers={"Accept-Encoding": accepted}, match_info={"hash": hash_, "file": file}
        )
        answer = await assets.serve(request)
        body = answer.body
        assert isinstance(body, bytes)
        assert answer.headers.get("Content-Encoding") == encoding
        assert (gzip.decompress(body) if encoding else body) == b"let a;"
        assert answer.headers["Cache-Control"].endswith("immutable")
        assert answer.content_type == "text/javascript"


async def test_another_version_s_file_is_served_but_not_kept() -> None:
    request = make_mocked_request("GET", "/static/old/a.js", match_info={"hash": "old", "file": "a.js"})
    assert (await Assets([("a.js", b"1")]).serve(request)).headers["Cache-Control"] == "no-store"


async def test_other_files_are_not_there() -> None:
    request = make_mocked_request("GET", "/static/x/b.js", match_info={"hash": "x", "file": "b.js"})
    with pytest.raises(web.HTTPNotFound):
        await Assets([("a.js", b"1")]).serve(request)


def test_the_page_stays_small() -> None:
    assets = Assets()
    sizes = {name: len(file.compressed) for name, file in assets._files.items()}
    # A page that could not be rendered has a script of its own, and no other.
    scripts = [size for name, size in sizes.items() if name.endswith(".js") and name != "retry.js"]
    assert sum(scripts) < MAX_SCRIPT_BYTES
    assert sum(size for name, size in sizes.items() if name.endswith(".css")) < MAX_STYLE_BYTES
