"""Static files: the web console under `/console/`."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

__all__ = ["Files", "routes"]

_FOLDER = Path(__file__).parent / "console"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}
_CACHE = "no-cache"


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    media_type: str
    tag: str


class Files:
    """The files of one folder as they were at the start; no other path of the machine can be reached.

    An address without a suffix is a page of the console: it gets `index.html`, and the page reads its own address.
    """

    def __init__(self, folder: Path) -> None:
        self._files: Mapping[str, _File] = {
            str(it.relative_to(folder)): _file(it) for it in sorted(folder.rglob("*")) if it.is_file()
        }

    async def __call__(self, request: Request) -> Response:
        """Answer with a file, or say that the client has it already."""
        wanted = str(request.path_params.get("path", ""))
        found = self._files.get(wanted if "." in wanted.rpartition("/")[2] else "index.html")
        if found is None:
            raise HTTPException(404, "there is no such file")
        headers = {"etag": found.tag, "cache-control": _CACHE}
        if request.headers.get("if-none-match") == found.tag:
            return Response(status_code=304, headers=headers)
        return Response(found.path.read_bytes(), media_type=found.media_type, headers=headers)


def routes() -> list[Route]:
    """The console, and the way to it from the root."""

    async def root(_: Request) -> Response:
        return RedirectResponse("/console/", 307)

    files = Files(_FOLDER)
    return [Route("/", root), Route("/console", root), Route("/console/{path:path}", files.__call__)]


def _file(path: Path) -> _File:
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    return _File(path, media_type, f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"')
