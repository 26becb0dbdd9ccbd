"""Counts the requests of an HTTP server: an ASGI middleware."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, Final, TypeAlias

from queuebit_runtime.metrics import OTHER, Metrics

__all__ = ["HttpMetrics"]

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

# ASGI's own types: values of a message may be anything.
_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App: TypeAlias = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class HttpMetrics:
    """Counts answers by method and status, and measures the time until they begin: a stream of events may never end."""

    def __init__(self, app: _App, metrics: Metrics) -> None:
        self._app = app
        self._answers = metrics.counter(
            "queuebit_http_requests_total", "Requests that got an answer, by its status.", "method", "status"
        )
        self._seconds = metrics.histogram(
            "queuebit_http_request_seconds", "Time from a request to the beginning of its answer.", "method"
        )

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, began = scope["method"] if scope["method"] in _METHODS else OTHER, perf_counter()

        async def counted(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._answers.add(method, str(message["status"]))
                self._seconds.observe(perf_counter() - began, method)
            await send(message)

        await self._app(scope, receive, counted)
