"""Our own scripts, style and icon: read once, compressed once, cached by browsers for good.

All share one hash in their path (`/static/<hash>/live.js`), so that scripts import one another by relative paths and no
build step has to rewrite them.
"""

import gzip
import hashlib
from collections.abc import Iterable
from importlib import resources
from typing import Final, NamedTuple

import rjsmin
from aiohttp import hdrs, web

_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_ENTRIES: Final = {"live.js", "retry.js", "stream-worker.js"}
_HASH_CHARACTERS: Final = 12
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
# While versions are being exchanged a page may ask one version for another's files: it gets what there is, uncached.
_NOT_KEPT: Final = "no-store"


class _Asset(NamedTuple):
    content_type: str
    plain: bytes
    compressed: bytes


class Assets:
    """The files of `static/`. `modules` are the paths of what `live.js` imports, for preloading.

    `served_with`: what else browsers keep with them, such as headers that a setting decides: another one, another path.
    """

    def __init__(self, files: Iterable[tuple[str, bytes]] | None = None, served_with: str = "") -> None:
        contents = dict(sorted(_packaged() if files is None else files))
        digest = hashlib.sha256(served_with.encode())
        for name, content in contents.items():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self._hash = digest.hexdigest()[:_HASH_CHARACTERS]
        self._files = {name: _asset(name.rpartition(".")[2], content) for name, content in contents.items()}
        self.modules = [self.path(name) for name in contents if name.endswith(".js") and name not in _ENTRIES]

    def path(self, name: str) -> str:
        """Where a file is served. Raises KeyError where there is none of that name."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self._hash}/{name}"

    async def serve(self, request: web.Request) -> web.Response:
        asset = self._files.get(request.match_info["file"])
        if asset is None:
            raise web.HTTPNotFound
        is_current = request.match_info["hash"] == self._hash
        headers = {"Cache-Control": _FOR_GOOD if is_current else _NOT_KEPT, "Vary": "Accept-Encoding"}
        body = asset.plain
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers["Content-Encoding"] = "gzip"
            body = asset.compressed
        return web.Response(body=body, content_type=asset.content_type, charset="utf-8", headers=headers)


def _asset(kind: str, content: bytes) -> _Asset:
    """Comments are for who reads the source, and a third of what a script weighs."""
    served = rjsmin.jsmin(content) if kind == "js" else content
    return _Asset(_TYPES[kind], served, gzip.compress(served, mtime=0))


def _packaged() -> list[tuple[str, bytes]]:
    folder = resources.files("livestream_web").joinpath("static")
    return [(file.name, file.read_bytes()) for file in folder.iterdir() if file.name.rpartition(".")[2] in _TYPES]
