"""Builds the application from its parts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from queuebit_kernel import Clock
from queuebit_runtime.http_metrics import HttpMetrics
from queuebit_runtime.metrics import Metrics
from queuebit_runtime.otlp import exporting
from queuebit_warehouse.http import Statements
from queuebit_warehouse.integrity import Integrity
from queuebit_warehouse.logins import Login, Logins
from queuebit_warehouse.sessions import Sessions
from queuebit_warehouse.settings import Settings
from queuebit_warehouse.store import Store

__all__ = ["create_app"]


def create_app(settings: Settings, logins: Logins, store: Store, clock: Clock) -> Starlette:
    """Build the application on an open store; the application closes the store when it stops."""
    sessions = Sessions(store.connect, clock)
    integrity = Integrity(lambda: store.connect(Login(settings.user, writes=True)), clock)
    statements = Statements(store, sessions, settings, logins, integrity)

    metrics = Metrics("warehouse")
    metrics.gauge("queuebit_alive", "1 if statements can be run.", lambda: trouble() is None)
    metrics.gauge("queuebit_ready", "1 if statements can be run.", lambda: trouble() is None)
    metrics.gauge("queuebit_statements_running", "Statements that a worker runs now.", lambda: statements.running)

    def trouble() -> str | None:
        return store.trouble() or integrity.trouble

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        integrity.start()
        async with exporting(os.environ, metrics):
            yield
        await statements.close()
        await asyncio.to_thread(integrity.stop)
        sessions.close()
        store.close()

    async def ping(_: Request) -> Response:
        return PlainTextResponse("Ok.\n")

    async def health(_: Request) -> Response:
        reason = trouble()
        return JSONResponse(
            {"service": "warehouse", "alive": reason is None, "reason": reason},
            status_code=200 if reason is None else 503,
        )

    async def ready(_: Request) -> Response:
        reason = trouble()
        detail = {"rebuilt_from_nothing": str(store.set_aside) if store.set_aside else None, "version": store.version}
        return JSONResponse(
            {
                "service": "warehouse",
                "alive": reason is None,
                "reason": reason,
                "ready": reason is None,
                "behind": 0,
                "detail": detail,
            },
            status_code=200 if reason is None else 503,
        )

    async def measured(request: Request) -> Response:
        # The library is imported by the first request.
        from queuebit_runtime.exposition import exposition

        media_type, text = exposition(metrics, request.headers.get("accept", ""))
        return Response(text, headers={"content-type": media_type})

    async def not_found(request: Request) -> Response:
        return PlainTextResponse(
            f"There is no handle {request.url.path}\n\nUse / to send queries, /ping for a health check.\n",
            status_code=404,
        )

    return Starlette(
        routes=[
            Route("/", statements),
            Route("/ping", ping),
            Route("/replicas_status", ping),
            Route("/healthz", health),
            Route("/readyz", ready),
            Route("/metrics", measured),
            Route("/{path:path}", not_found),
        ],
        lifespan=lifespan,
        middleware=[Middleware(HttpMetrics, metrics=metrics)],
    )
