"""The tenant's invoices: as a list, and each as a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit_billing import Document, read
from queuebit_billing.focus import as_focus
from queuebit_billing.tabular import as_csv
from queuebit_contracts.wire import Payload
from queuebit_gateway.answers import listed
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.pages import limit_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem

__all__ = ["Invoices"]

_MOST: Final = 500
_FORMS: Final[Mapping[str, tuple[str, str, Callable[[Document], bytes]]]] = {
    "json": (".json", "application/json", Document.to_bytes),
    "csv": (".csv", "text/csv", as_csv),
    "focus": ("-focus.csv", "text/csv", as_focus),
}
"""The end of a file's name, its media type, and what writes it. A PDF is made by `qb invoice show`."""


class Invoices:
    """`GET /v1/invoices` and `GET /v1/invoices/{number}?format=`."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [Route("/v1/invoices", self._list), Route("/v1/invoices/{number}", self._file)]

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "invoices", limit=limit_of(request))
        return listed(request, found.rows, as_of=found.as_of)

    async def _file(self, request: Request) -> Response:
        """One invoice; that of another tenant is one that does not exist."""
        caller, number = await self._caller_of(request), request.path_params["number"]
        form = request.query_params.get("format", "json")
        if form not in _FORMS:
            raise Problem(422, "bad_format", f"format is one of {', '.join(_FORMS)}; `qb invoice show` makes a PDF")
        rows = (await self._platform.ask(caller.tenant, "invoices", limit=_MOST)).rows
        row = next((it for it in rows if it["number"] == number), None)
        if row is None:
            text = f"there is no invoice {number[:128]!r} here"
            raise Problem(404, "unknown_invoice", text, "`GET /v1/invoices` lists the invoices")
        content = await self._platform.content(caller.tenant, Payload.model_validate(row["document"]))
        end, media_type, written = _FORMS[form]
        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{number}{end}"'}
        return Response(content if form == "json" else written(read(content)), 200, headers, media_type)
