"""Charges as files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from queuebit.charge_exports import FORMS, MEDIA_TYPES, exported
from queuebit.records import Row
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.pages import moment_of, name_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem

__all__ = ["Exports"]


class Exports:
    """`GET /v1/exports/charges?from=&to=&format=`, streamed."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The route."""
        return [Route("/v1/exports/charges", self._charges)]

    async def _charges(self, request: Request) -> Response:
        caller, form = await self._caller_of(request), request.query_params.get("format", "csv")
        if form not in FORMS:
            raise Problem(422, "bad_format", f"format is one of {', '.join(FORMS)}")
        wanted = {
            "project": name_of(request, "project"),
            "since": moment_of(request, "from"),
            "until": moment_of(request, "to"),
        }
        pages = exported(partial(self._bills, caller.tenant), form, **wanted)
        first = await anext(pages)  # what fails until then has an answer of its own
        name = f"charges{'-focus' if form == 'focus' else ''}.{'jsonl' if form == 'jsonl' else 'csv'}"
        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_joined(first, pages), headers=headers, media_type=MEDIA_TYPES[form])

    async def _bills(self, tenant: str, **wanted: Any) -> Sequence[Row]:  # fields of a question
        return (await self._platform.ask(tenant, "bills", **wanted)).rows


async def _joined(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for page in rest:
        yield page
