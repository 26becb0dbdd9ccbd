"""The part of IBM's Quantum Compute Service that QRMI uses, as a translation into the verbs of this gateway.

QRMI (Quantum Resource Management Interface) is how Slurm jobs reach quantum resources. Its list of kinds of resources
is closed; the address of this kind can be set. Everything is asked and written as under `/v1`, for the caller of the
token.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.records import Status
from queuebit.results import items_of
from queuebit_contracts.lifecycle import STATES, TERMINAL
from queuebit_contracts.program import PROGRAM, read_program
from queuebit_contracts.session import MAX_AGE_S
from queuebit_contracts.wire import Name
from queuebit_gateway.answers import encoded, plain
from queuebit_gateway.bodies import Body, document, validated
from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.pages import name_of
from queuebit_gateway.platform import History, Platform
from queuebit_gateway.problems import Problem
from queuebit_gateway.qrmi_payloads import NOTE, program_of, results_of
from queuebit_gateway.sessions import SessionBody, Sessions, session_named
from queuebit_gateway.submissions import Submissions, SubmitBody
from queuebit_kernel import Clock, rfc3339
from queuebit_runtime.payloads import describe

__all__ = ["PREFIX", "Qrmi"]

PREFIX: Final = "/qrmi"
_GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"
_CRN: Final = "queuebit"
_PRIVATE: Final = {"cache-control": "no-store"}
_PENDING: Final = [it for it in STATES if it not in TERMINAL]
_MOST: Final = 1_000
_STATUS_OF: Final[Mapping[str, str]] = {
    "started": "Running", "dispatched": "Running", "completed": "Completed", "cancelled": "Cancelled",
    "failed": "Failed", "rejected": "Failed", "expired": "Failed",
}  # fmt: skip


class _JobBody(Body):
    program_id: str
    backend: Name
    params: dict[str, Any]
    session_id: Name | None = None
    log_level: str = ""
    private: bool = False
    cost: int | None = None
    """The seconds that the caller expects; the limits of the platform and of the caller's scheduler hold instead."""
    tags: tuple[str, ...] | None = Field(default=None, max_length=8)
    runtime: str | None = None
    calibration_id: None = None


class _SessionBody(Body):
    backend: Name
    backend_name: Name | None = None
    mode: str
    max_ttl: int = Field(ge=1)


class Qrmi:
    """The addresses under `/qrmi`."""

    def __init__(
        self, platform: Platform, submissions: Submissions, sessions: Sessions, caller_of: CallerOf, clock: Clock
    ) -> None:
        self._platform = platform
        self._submissions = submissions
        self._sessions = sessions
        self._caller_of = caller_of
        self._clock = clock

    def routes(self) -> list[Route]:
        """The routes."""
        found = (
            ("/identity/token", self._token, "POST"),
            ("/backends", self._backends, "GET"),
            ("/backends/{backend}/status", self._backend, "GET"),
            ("/backends/{backend}/configuration", self._no_target, "GET"),
            ("/backends/{backend}/properties", self._no_target, "GET"),
            ("/jobs", self._submit, "POST"),
            ("/jobs", self._list, "GET"),
            ("/jobs/{job}", self._job, "GET"),
            ("/jobs/{job}/results", self._results, "GET"),
            ("/jobs/{job}/logs", self._logs, "GET"),
            ("/jobs/{job}/cancel", self._cancel, "POST"),
            ("/sessions", self._open, "POST"),
            ("/sessions/{session}", self._session, "GET"),
            ("/sessions/{session}", self._close, "PATCH"),
            ("/sessions/{session}/close", self._close, "DELETE"),
        )
        return [Route(PREFIX + path, endpoint, methods=[method]) for path, endpoint, method in found]

    async def _token(self, request: Request) -> Response:
        """The API key of QRMI is a token of `qb token`: it is checked, and is its own access token."""
        form = dict(parse_qsl((await request.body()).decode("latin-1")))
        key = form.get("apikey", "")
        if form.get("grant_type") != _GRANT:
            raise Problem(422, "bad_grant", f"grant_type is {_GRANT}", "use /oauth/token for other proofs")
        scope = request.scope
        scope["headers"] = [*((it, value) for it, value in scope["headers"] if it != b"authorization"),
                            (b"authorization", f"Bearer {key}".encode("ascii", "replace"))]  # fmt: skip
        caller = await self._caller_of(Request(scope))
        if caller.expires_at is None:
            raise Problem(401, "bad_token", "the API key is no token", "use a token of `qb token`")
        left = max(0, int((caller.expires_at - self._clock.now()).total_seconds()))
        content = {"access_token": key, "token_type": "Bearer", "expires_in": left}
        return plain({**content, "expiration": int(caller.expires_at.timestamp())}, headers=_PRIVATE)

    async def _backends(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        return plain({"devices": await self._devices(caller)}, headers=_PRIVATE)

    async def _backend(self, request: Request) -> Response:
        caller, name = await self._caller_of(request), request.path_params["backend"]
        found = next((it for it in await self._devices(caller) if it["name"] == name), None)
        if found is None:
            raise Problem(404, "unknown_backend", f"there is no backend {name[:80]!r}", f"`GET {PREFIX}/backends`")
        online = found["status"] == {"name": "online"}
        content = {"state": online, "status": "active" if online else "inactive", "length_queue": found["queue_length"]}
        return plain(content, headers=_PRIVATE)

    async def _devices(self, caller: Caller) -> list[dict[str, Any]]:
        """The backends; the queue is of the tenant's own jobs there."""
        offered = await self._platform.ask(caller.tenant, "backends", project=caller.project)
        states = {it["backend"]: it["live"] for it in (await self._platform.ask(caller.tenant, "liveness")).rows}
        waiting = await self._platform.ask(caller.tenant, "jobs", states=_PENDING, limit=_MOST)
        queued = Counter(it["backend"] for it in waiting.rows)
        return [
            {
                "name": it["backend"],
                "status": {"name": "online" if states.get(it["backend"], True) else "offline"},
                "is_simulator": it["kind"] != "device",
                "qubits": it["qubits"],
                "queue_length": queued[it["backend"]],
            }
            for it in offered.rows
        ]

    async def _no_target(self, request: Request) -> Response:
        await self._caller_of(request)
        text = "the executor compiles circuits for the backend: they are sent as they are written"
        raise Problem(404, "no_target", text, "send circuits without compiling them; `GET /v1/backends` describes them")

    async def _submit(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        asked = validated(_JobBody, await document(request))
        if asked.program_id != "sampler":
            text = f"there is no program {asked.program_id[:40]!r} here"
            raise Problem(422, "unknown_program", text, "send a payload of the program sampler")
        content = program_of(asked.params).content()
        body = SubmitBody(
            circuit=describe(content, PROGRAM),
            shots=1,
            backend=asked.backend,
            project=_project(request),
            session=asked.session_id,
            tags=asked.tags or (),
            label="qrmi",
        )
        event = await self._submissions.submit(caller, body, content)
        return plain({"id": event.data.job, "backend": asked.backend}, headers=_PRIVATE)

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        if request.query_params.get("pending") != "true":
            raise Problem(422, "bad_list", "only pending jobs are listed here", "`GET /v1/jobs` lists all")
        session, backend = name_of(request, "session_id"), name_of(request, "backend")
        asked = {"states": _PENDING, "session": session, "backend": backend, "limit": _MOST}
        rows = (await self._platform.ask(caller.tenant, "jobs", **asked)).rows
        jobs = [_shown(str(it["job"]), str(it["state"]), str(it["submitted_at"]), it.get("backend")) for it in rows]
        return plain({"jobs": jobs, "count": len(jobs), "limit": _MOST, "offset": 0}, headers=_PRIVATE)

    async def _job(self, request: Request) -> Response:
        _, history = await self._found(request)
        it, at = history.status, rfc3339(history.submitted.time)
        return plain(_shown(it.job, it.state, at, it.backend, _reasons(it)), headers=_PRIVATE)

    async def _results(self, request: Request) -> Response:
        caller, history = await self._found(request)
        if (done := history.completed) is None:
            raise Problem(409, "no_result", f"the job is {history.status.state}: {_reasons(history.status)}")
        payload = history.submitted.data.circuit
        note = None
        if payload.media_type == PROGRAM:
            note = read_program(await self._platform.content(caller.tenant, payload)).annotations.get(NOTE)
        if not isinstance(note, dict):
            raise Problem(409, "other_job", "the job was not submitted with QRMI", "read it with `qb job result`")
        result = done.data.result
        content = await self._platform.content(caller.tenant, result)
        written = await asyncio.to_thread(_results, note, content, result.media_type)  # millions of shots take seconds
        return Response(written, media_type="text/plain", headers=_PRIVATE)  # QRMI reads a text, which is JSON

    async def _logs(self, request: Request) -> Response:
        """What happened to a job, a line for each event, and why it failed."""
        _, history = await self._found(request)
        lines = [f"{rfc3339(it.at)} {it.event} {it.detail}".rstrip() for it in history.status.steps]
        lines += [f"{it.code}: {it.text}" for it in history.status.reasons]
        return Response("\n".join(lines) + "\n", media_type="text/plain", headers=_PRIVATE)

    async def _cancel(self, request: Request) -> Response:
        await self._submissions.cancel(request)
        return Response(status_code=204)

    async def _found(self, request: Request) -> tuple[Caller, History]:
        caller = await self._caller_of(request)
        return caller, await self._platform.history(caller.tenant, request.path_params["job"])

    async def _open(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        asked = validated(_SessionBody, await document(request))
        if asked.mode != "dedicated":
            raise Problem(422, "bad_mode", f"there is no mode {asked.mode[:40]!r}", "use the mode dedicated")
        fields = {"project": _project(request), "backend": asked.backend, "label": "qrmi"}
        body = validated(SessionBody, {**fields, "max_age_s": min(asked.max_ttl, MAX_AGE_S)})
        row = await self._sessions.open(caller, body, None)
        return plain(self._terms(row), headers=_PRIVATE)

    async def _session(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        return plain(self._terms(await self._sessions.find(caller, session_named(request))), headers=_PRIVATE)

    async def _close(self, request: Request) -> Response:
        """No job can join any more; jobs that were accepted continue."""
        caller = await self._caller_of(request)
        await self._sessions.close(caller, session_named(request))
        return Response(status_code=204)

    def _terms(self, row: Mapping[str, object]) -> dict[str, object]:
        """A session. QRMI keeps it while `active_ttl` is more than a hundredth of `max_ttl`."""
        is_open = row.get("state", "open") == "open"
        left = _seconds_left(str(row["expires_at"]), self._clock) if is_open else 0
        return {
            "id": row["session"],
            "backend_name": row.get("backend"),
            "mode": "dedicated",
            "state": "active" if is_open else "closed",
            "accepting_jobs": is_open,
            "max_ttl": row.get("max_age_s"),
            "active_ttl": left,
        }


def _project(request: Request) -> str | None:
    """The project that the CRN names: `queuebit:NAME`, or None for `queuebit`."""
    given = request.headers.get("service-crn", _CRN)
    kind, _, name = given.partition(":")
    if kind != _CRN:
        step = f"write `{_CRN}`, or `{_CRN}:PROJECT` for the project that pays"
        raise Problem(422, "bad_crn", f"Service-CRN {given[:80]!r} names no project here", step)
    return name or None


def _shown(job: str, state: str, at: str, backend: object, reason: str = "") -> dict[str, object]:
    status = _STATUS_OF.get(state, "Queued")
    return {
        "id": job,
        "backend": backend,
        "status": status,
        "state": {"status": status, **({"reason": reason} if reason else {})},
        "program": {"id": "sampler"},
        "created": at,
        "cost": 0,
    }


def _reasons(of: Status) -> str:
    return "; ".join(it.text for it in of.reasons)


def _seconds_left(until: str, clock: Clock) -> int:
    return max(0, int((datetime.fromisoformat(until) - clock.now()).total_seconds()))


def _results(note: Mapping[str, Any], content: bytes, media_type: str) -> bytes:
    items = items_of(content, media_type, 0)
    if failed := [it for it in items if it.state != "completed"]:
        text = "; ".join(f"set {it.number}: {it.reason.text if it.reason else it.state}" for it in failed[:5])
        raise Problem(409, "items_failed", f"{len(failed)} sets of values have no result: {text}")
    return encoded(results_of(note, items))
