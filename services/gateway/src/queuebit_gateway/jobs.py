"""Jobs: lists, one of them, and what it left: result, receipt, circuit and bill."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.documents import amount_document, counts_document, status_document
from queuebit.records import Row
from queuebit.results import result_of
from queuebit.waiting import WAITING
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.job import Completion, JobCorrected, JobMetered
from queuebit_contracts.wire import Name, UnknownEvent
from queuebit_gateway.access import note_result
from queuebit_gateway.answers import listed, money, object_of, raw
from queuebit_gateway.bodies import Body, read
from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.pages import MOST_ROWS, cursor_of, job_filters, name_of, preference, states_of
from queuebit_gateway.platform import History, Platform
from queuebit_gateway.problems import Problem
from queuebit_gateway.receipts import receipt_in
from queuebit_gateway.waits import signals_of, target_of, wait_for

__all__ = ["Jobs", "StatusBody", "job_row", "result_document"]

_RECEIPT = "application/json"


class StatusBody(Body):
    """Jobs whose states are asked."""

    jobs: tuple[Name, ...] = Field(min_length=1, max_length=MOST_ROWS)


class Jobs:
    """The addresses under `/v1/jobs` that read."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/jobs", self._list),
            Route("/v1/jobs:status", self._states, methods=["POST"]),
            Route("/v1/jobs:waiting", self._waiting),
            Route("/v1/jobs/{job}", self._one),
            Route("/v1/jobs/{job}/result", self._result),
            Route("/v1/jobs/{job}/receipt", self._receipt),
            Route("/v1/jobs/{job}/circuit", self._circuit),
            Route("/v1/jobs/{job}/history", self._history),
            Route("/v1/jobs/{job}/charge", self._charge),
        ]

    async def document(self, tenant: str, history: History, *, with_result: bool = False) -> dict[str, object]:
        """A job; while it waits, why; and on request its result, if it has one."""
        status = history.status
        found = {**status_document(status), "provisional": status.provisional, "waiting": None}
        if not (status.ended or with_result):
            found["waiting"] = (await self._platform.waiting(tenant, [status.state], status.job)).get(status.job)
        if with_result and history.completed is not None:
            found |= await self._measured(tenant, history)
        return found

    async def _list(self, request: Request) -> Response:
        caller, wanted = await self._caller_of(request), job_filters(request)
        found = await self._platform.ask(caller.tenant, "jobs", **wanted)
        rows = [job_row(it) for it in found.rows]
        return listed(request, rows, as_of=found.as_of, after=cursor_of(rows, int(str(wanted["limit"]))))

    async def _states(self, request: Request) -> Response:
        caller, asked = await self._caller_of(request), await read(request, StatusBody)
        wanted = [*dict.fromkeys(asked.jobs)]
        found = await self._platform.states(caller.tenant, wanted)
        rows = [{name: it for name, it in status_document(found[job]).items() if name != "steps"} for job in found]
        missing = [job for job in wanted if job not in found]
        return object_of({"data": rows, "missing": missing}, as_of=None)

    async def _waiting(self, request: Request) -> Response:
        caller, job = await self._caller_of(request), name_of(request, "job")
        reasons = await self._platform.waiting(caller.tenant, states_of(request) or WAITING, job)
        return listed(request, [{"job": it, "reason": reason} for it, reason in reasons.items()], as_of=None)

    async def _one(self, request: Request) -> Response:
        caller, history, reached = await self._awaited(request)
        with_result = reached and bool(preference(request))
        content = await self.document(caller.tenant, history, with_result=with_result)
        if with_result and history.completed is not None:
            note_result(request.scope, history.completed.data.job)
        return object_of(content, as_of=history.sequence)

    async def _result(self, request: Request) -> Response:
        caller, history, _ = await self._awaited(request)
        if history.completed is None:
            raise _no_result(history)
        content = await result_document(self._platform, caller.tenant, history.completed.data)
        return object_of(content, as_of=history.sequence)

    async def _receipt(self, request: Request) -> Response:
        _, history, _ = await self._awaited(request, "sealed")
        if (receipt := await receipt_in(self._platform, history)) is None:
            raise _not_yet(history, "sealed")
        return raw(receipt + b"\n", _RECEIPT, as_of=history.sequence)

    async def _circuit(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        history = await self._platform.history(caller.tenant, request.path_params["job"])
        payload = history.submitted.data.circuit
        content = await self._platform.content(caller.tenant, payload)
        return raw(content, payload.media_type, as_of=history.submitted_sequence, tag=payload.digest)

    async def _history(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        history = await self._platform.history(caller.tenant, request.path_params["job"])
        rows = [{"sequence": it.sequence, "event": json.loads(_content(it.event))} for it in history.entries]
        return listed(request, rows, as_of=history.sequence)

    async def _charge(self, request: Request) -> Response:
        _, history, _ = await self._awaited(request, "metered")
        bill = next((it.event.data for it in history.entries if isinstance(it.event, JobMetered)), None)
        if bill is None:
            raise _not_yet(history, "metered")
        corrections = [it.event.data for it in history.entries if isinstance(it.event, JobCorrected)]
        status = history.status
        content: Mapping[str, object] = {
            "job": bill.job,
            "charge": amount_document(status.charge),
            "provisional": status.provisional,
            "metering": bill.model_dump(mode="json", exclude_none=True),
            "corrections": [it.model_dump(mode="json", exclude_none=True) for it in corrections],
        }
        return object_of(content, as_of=history.sequence)

    async def _awaited(self, request: Request, target: str | None = None) -> tuple[Caller, History, bool]:
        """The caller, and the job when it has come as far as the request wants to wait."""
        caller, job = await self._caller_of(request), request.path_params["job"]
        wanted, seconds = target or target_of(request), preference(request)
        if not seconds:
            return caller, await self._platform.history(caller.tenant, job), False
        await self._platform.history(caller.tenant, job)  # a wait for a job that does not exist would be long
        async with signals_of(self._platform.transport, caller.tenant, job) as signals:
            return caller, *await wait_for(self._platform, caller.tenant, job, wanted, seconds, signals)

    async def _measured(self, tenant: str, history: History) -> dict[str, object]:
        """What a completed job returned."""
        if (event := history.completed) is None:
            raise TypeError("the job is not completed")
        return await _measured(self._platform, tenant, event.data)


async def result_document(platform: Platform, tenant: str, done: Completion) -> Mapping[str, object]:
    """The result of a completed job, as `GET /v1/jobs/{job}/result` answers."""
    about = {"job": done.job, "backend": done.backend, "shots": done.shots}
    return {**about, **await _measured(platform, tenant, done)}


async def _measured(platform: Platform, tenant: str, done: Completion) -> dict[str, object]:
    result = result_of(done, await platform.content(tenant, done.result))
    return {**counts_document(result), "digest": result.digest}


def job_row(row: Row) -> dict[str, object]:
    """A row of the list: as `qb jobs --json` has it, with its charge as an amount of money."""
    kept = {name: value for name, value in row.items() if name != "currency"}
    flags: dict[str, object] = {name: bool(row[name]) for name in ("provisional", "sealed") if name in row}
    return {**kept, **flags, "charge": money(row.get("charge"), row.get("currency"))}


def _content(event: Decoded) -> bytes:
    return event.raw if isinstance(event, UnknownEvent) else event.to_bytes()


def _no_result(history: History) -> Problem:
    status = history.status
    if not status.ended:
        return _not_yet(history, "completed")
    detail = "; ".join(it.text for it in status.reasons) or f"the job is {status.state}"
    return Problem(409, f"job_{status.state}", detail, "correct the job, and submit it with a new key", status.reasons)


def _not_yet(history: History, wanted: str) -> Problem:
    status = history.status
    return Problem(
        409,
        f"not_{wanted}",
        f"job {status.job} is {status.state} and not {wanted} yet",
        "ask again, with `Prefer: wait=20`",
        retry_after_s=1,
        retryable=True,
    )
