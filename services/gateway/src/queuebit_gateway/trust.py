"""The public keys with which receipts are verified."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit_gateway.callers import CallerOf
from queuebit_gateway.problems import Problem

__all__ = ["Trust"]


class Trust:
    """`GET /v1/trust`: a copy of the trust document; who verifies compares its fingerprint with another source."""

    def __init__(self, file: Path | None, caller_of: CallerOf) -> None:
        self._file = file
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The route."""
        return [Route("/v1/trust", self._document)]

    async def _document(self, request: Request) -> Response:
        await self._caller_of(request)
        try:
            content = self._file.read_bytes() if self._file else None
        except FileNotFoundError:
            content = None
        if content is None:
            raise Problem(404, "no_trust_document", "no trust document is published here", "ask the operator for one")
        return Response(content, media_type="application/json", headers={"cache-control": "no-store"})
