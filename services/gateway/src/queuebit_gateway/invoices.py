"""The tenant's invoices: as a list, and each as a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.records import Row
from queuebit_billing import Document, read
from queuebit_billing.focus import as_focus
from queuebit_billing.tabular import as_csv
from queuebit_contracts.invoice import Invoice, InvoiceCredit
from queuebit_contracts.wire import Payload
from queuebit_gateway.answers import listed
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.pages import limit_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem

__all__ = ["Invoices", "Turns"]

_MOST: Final = 500
_PDF: Final = "application/pdf"
_MOST_DRAWN: Final = 2_000
"""Lines of an invoice that is drawn here: each takes a millisecond of the process that serves all tenants."""


def _page(document: Document, row: Row) -> bytes:
    from queuebit_billing.page import as_pdf  # ReportLab and its fonts are loaded with the first PDF

    at = datetime.fromisoformat(str(row["issued_at"]))
    given = row["credits"]
    credits_ = [InvoiceCredit.model_validate(it) for it in given] if isinstance(given, list) else []
    return as_pdf(document, Invoice.model_validate(row), at if at.tzinfo else at.replace(tzinfo=UTC), credits_)


_FORMS: Final[Mapping[str, tuple[str, str, Callable[[Document, Row], bytes]]]] = {
    "json": (".json", "application/json", lambda document, _: document.to_bytes()),
    "csv": (".csv", "text/csv", lambda document, _: as_csv(document)),
    "focus": ("-focus.csv", "text/csv", lambda document, _: as_focus(document)),
    "pdf": (".pdf", _PDF, _page),
}
"""The end of a file's name, its media type, and what writes it."""


class Turns:
    """One invoice at a time, and of each tenant in turn: many of one tenant delay another one by one of them."""

    def __init__(self) -> None:
        """Begin with nothing that runs."""
        self._all = asyncio.Lock()
        self._own: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By tenant, while it has something that runs or waits."""

    @asynccontextmanager
    async def of(self, tenant: str) -> AsyncIterator[None]:
        """Wait for a turn, and keep it."""
        if (own := self._own.get(tenant)) is None:
            self._own[tenant] = own = asyncio.Lock()
        async with own, self._all:
            yield


class Invoices:
    """`GET /v1/invoices`, and `GET /v1/invoices/{number}?format=`; `.pdf` after the number, or `Accept`, do as well."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of
        self._turns = Turns()

    def routes(self) -> list[Route]:
        """The routes."""
        return [Route("/v1/invoices", self._list), Route("/v1/invoices/{number}", self._file)]

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "invoices", limit=limit_of(request))
        return listed(request, found.rows, as_of=found.as_of)

    async def _file(self, request: Request) -> Response:
        """One invoice; that of another tenant is one that does not exist."""
        caller, (number, form) = await self._caller_of(request), _wanted(request)
        if form not in _FORMS:
            raise Problem(422, "bad_format", f"format is one of {', '.join(_FORMS)}")
        rows = (await self._platform.ask(caller.tenant, "invoices", limit=_MOST)).rows
        row = next((it for it in rows if it["number"] == number), None)
        if row is None:
            text = f"there is no invoice {number[:128]!r} here"
            raise Problem(404, "unknown_invoice", text, "`GET /v1/invoices` lists the invoices")
        payload, (end, media_type, _) = Payload.model_validate(row["document"]), _FORMS[form]
        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{number}{end}"'}
        if form == "json":
            return Response(await self._platform.content(caller.tenant, payload), 200, headers, media_type)
        async with self._turns.of(caller.tenant):  # read in it, too: a document takes many times its size of memory
            content = await self._platform.content(caller.tenant, payload)
            made = await asyncio.to_thread(_written, form, content, row)
        return Response(made, 200, headers, media_type)


def _written(form: str, content: bytes, row: Row) -> bytes:
    """The document in a form.

    Raises:
        Problem: it has more lines than are drawn here.
    """
    document = read(content)
    if form == "pdf" and len(document.lines) + len(document.agreed) > _MOST_DRAWN:
        text = f"the invoice has more than {_MOST_DRAWN:,} lines: ask for csv, or use `qb invoice show --format pdf`"
        raise Problem(422, "too_many_lines", text)
    return _FORMS[form][2](document, row)


def _wanted(request: Request) -> tuple[str, str]:
    """The number of the invoice, and its form: by the parameter, or else the end of the address, or `Accept`."""
    number, form = str(request.path_params["number"]), request.query_params.get("format")
    if number.endswith(".pdf"):
        return number.removesuffix(".pdf"), form or "pdf"
    accepted = {it.partition(";")[0].strip() for it in request.headers.get("accept", "").split(",")}
    return number, form or ("pdf" if _PDF in accepted and "application/json" not in accepted else "json")
