"""`/openapi.json` and `/docs`: the interface for programs and for people, made once at the first request."""

from __future__ import annotations

from functools import cache
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

__all__ = ["routes"]

_HEAD = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Queuebit: the interface</title>
<h1>The interface of Queuebit</h1>
<p>The whole document, for programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).
Errors are problem documents: their <code>code</code> says what is wrong, <code>next_step</code> what to do.</p>
"""


def routes() -> list[Route]:
    """The routes; they need no caller."""
    return [Route("/openapi.json", _document), Route("/docs", _page)]


async def _document(_: Request) -> Response:
    return Response(_text(), media_type="application/json")


async def _page(_: Request) -> Response:
    return HTMLResponse(_html())


@cache
def _text() -> str:
    from queuebit_gateway.openapi import text  # most processes are never asked

    return text()


@cache
def _html() -> str:
    from queuebit_gateway.operations import OPERATIONS

    parts = [_HEAD]
    for it in OPERATIONS:
        parts.append(f"<h2><code>{it.method} {escape(it.path)}</code></h2><p>{escape(it.summary)}</p>")
        if it.parameters:
            rows = (
                f"<tr><td><code>{escape(name)}</code></td><td>{escape(str(schema['description']))}</td></tr>"
                for name, schema in it.parameters.items()
            )
            parts.append(f"<table>{''.join(rows)}</table>")
    return "\n".join(parts)
