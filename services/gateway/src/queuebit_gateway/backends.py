"""Backends: what there is, with price and quality; and what one of them offers."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.errors import NotFound
from queuebit.records import Row
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered
from queuebit_contracts.subjects import backend as history_of
from queuebit_contracts.topology import PLATFORM
from queuebit_contracts.wire import Payload
from queuebit_gateway.answers import listed, object_of
from queuebit_gateway.calibrations import drift
from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.pages import cursor_of, limit_of, name_of, page_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem
from queuebit_kernel import InvalidId, rfc3339
from queuebit_planning.limits import MAX_SOURCE_BYTES

__all__ = ["MOST_CALIBRATIONS", "Backends"]

_HERE = ("placed", "started", "dispatched")
_MOST = 1_000
MOST_CALIBRATIONS: Final = 100
"""Of a page: each row is made of a snapshot of some 30 KB."""
_USUAL_CALIBRATIONS = 30


class Backends:
    """The addresses under `/v1/backends`."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/backends", self._list),
            Route("/v1/backends:status", self._status),
            Route("/v1/backends/{backend}", self._one),
            Route("/v1/backends/{backend}/calibration", self._calibration),
            Route("/v1/backends/{backend}/calibrations", self._calibrations),
            Route("/v1/backends/{backend}/limits", self._limits),
            Route("/v1/backends/{backend}/queue", self._queue),
            Route("/v1/backends/{backend}/target", self._target),
        ]

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "backends", project=name_of(request, "project"))
        return listed(request, found.rows, as_of=found.as_of)

    async def _status(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "liveness")
        return listed(request, found.rows, as_of=found.as_of)

    async def _one(self, request: Request) -> Response:
        _, row, offered, sequence = await self._found(request)
        return object_of({**row, "gates": offered.data.gates}, as_of=sequence)

    async def _limits(self, request: Request) -> Response:
        _, row, _, sequence = await self._found(request)
        names = ("backend", "qubits", "max_shots", "memory_bytes", "slots", "features")
        limits = {**{name: row[name] for name in names}, "max_source_bytes": MAX_SOURCE_BYTES}
        return object_of(limits, as_of=sequence)

    async def _queue(self, request: Request) -> Response:
        """The tenant's own jobs there: what others have is theirs."""
        caller, row, _, _ = await self._found(request)
        found = await self._platform.ask(caller.tenant, "jobs", backend=row["backend"], states=[*_HERE], limit=_MOST)
        states = [it["state"] for it in found.rows]
        own = {name: states.count(name) for name in _HERE}
        return object_of({"backend": row["backend"], "slots": row["slots"], **own}, as_of=found.as_of)

    async def _calibration(self, request: Request) -> Response:
        _, row, _, _ = await self._found(request)
        calibrated, sequence = await self._calibrated(str(row["backend"]))
        snapshot = json.loads(await self._platform.content(PLATFORM, calibrated.data.snapshot))
        content = {
            "backend": row["backend"],
            "digest": calibrated.data.digest,
            "calibrated_at": rfc3339(calibrated.data.calibrated_at),
            "calibration": snapshot,
        }
        return object_of(content, as_of=sequence, headers={"etag": f'"{calibrated.data.digest}"'})

    async def _calibrations(self, request: Request) -> Response:
        """Newest first; each with what changed since the one before it, which may be on the next page."""
        caller, row, _, _ = await self._found(request)
        limit = limit_of(request, _USUAL_CALIBRATIONS, MOST_CALIBRATIONS)
        asked = {"backend": row["backend"], "limit": limit + 1, **page_of(request)}
        found = await self._platform.ask(caller.tenant, "calibrations", **asked)
        snapshots = [*await asyncio.gather(*(self._snapshot(it) for it in found.rows)), None]
        shown = [_calibrated(*it) for it in zip(found.rows[:limit], snapshots, snapshots[1:], strict=False)]
        after = cursor_of(found.rows[:limit], limit) if len(found.rows) > limit else None
        return listed(request, shown, as_of=found.as_of, after=after)

    async def _snapshot(self, row: Row) -> Any:  # JSON
        """The values of a calibration; None if they are not stored any more."""
        try:
            content = await self._platform.content(PLATFORM, Payload.model_validate(row["snapshot"]))
        except NotFound:
            return None
        return json.loads(content)

    async def _target(self, request: Request) -> Response:
        _, row, offered, sequence = await self._found(request)
        names = ("backend", "qubits", "features", "max_shots")
        content: dict[str, object] = {**{name: row[name] for name in names}, "gates": offered.data.gates}
        if row.get("calibrated_at") is not None:
            calibrated, _ = await self._calibrated(str(row["backend"]))
            content |= {"calibration": calibrated.data.digest}
        return object_of(content, as_of=sequence)

    async def _found(self, request: Request) -> tuple[Caller, Row, BackendRegistered, int]:
        """The caller, a backend's row, and what its executor announced.

        Raises:
            Problem: there is none of this name.
        """
        caller, name = await self._caller_of(request), request.path_params["backend"]
        try:
            newest = await self._platform.newest(history_of(name).event("registered"))
        except InvalidId as error:
            raise _unknown(name) from error
        found = await self._platform.ask(caller.tenant, "backends")
        row = next((it for it in found.rows if it["backend"] == name), None)
        if row is None or newest is None or not isinstance(newest.event, BackendRegistered):
            raise _unknown(name)
        return caller, row, newest.event, newest.sequence

    async def _calibrated(self, name: str) -> tuple[BackendCalibrated, int]:
        newest = await self._platform.newest(history_of(name).event("calibrated"))
        if newest is None or not isinstance(newest.event, BackendCalibrated):
            raise Problem(404, "no_calibration", f"{name} has no calibration: it is ideal")
        return newest.event, newest.sequence


def _calibrated(row: Row, snapshot: Any, before: Any) -> dict[str, object]:  # snapshots: JSON
    names = ("sequence", "calibrated_at", "digest", "median_two_qubit_error_ppm", "median_readout_error_ppm")
    content: dict[str, object] = {name: row.get(name) for name in names}
    content["medians"] = snapshot["medians"] if snapshot else None
    return {**content, "drift": drift(before, snapshot) if snapshot and before else []}


def _unknown(name: str) -> Problem:
    return Problem(404, "unknown_backend", f"there is no backend {name[:80]!r}", "`GET /v1/backends` lists them")
