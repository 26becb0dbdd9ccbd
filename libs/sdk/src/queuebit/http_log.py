"""Jobs and payloads of a tenant, over a gateway: what `LogClient` and `Payloads` are on the bus."""

from __future__ import annotations

import asyncio
import json

from queuebit.errors import QueuebitError, Refused, StillRunning, Unreachable
from queuebit.http_errors import UnknownJob
from queuebit.http_transport import HttpTransport
from queuebit.log_client import Entry, LogClient
from queuebit.payloads import Payloads, checked
from queuebit.wait_budget import WaitBudget
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.command import CancelJob
from queuebit_contracts.hybrid import is_hybrid
from queuebit_contracts.job import JobSubmitted, Seal, SealV1
from queuebit_contracts.subjects import parse, subject_of
from queuebit_contracts.wire import Payload, UnknownEvent
from queuebit_kernel import Stale

__all__ = ["HttpLog", "HttpPayloads"]

_EVENT = {"content-type": "application/cloudevents+json"}
_JSON = {"content-type": "application/json"}
_MINE = {"tenant", "job", "key", "proof"}
"""Fields of a submission that the gateway sets where it signs."""
_PASSING = frozenset({"busy", "not_sealed"})
"""Codes of refusals of a receipt that pass: the log's replica that the gateway reads may lag behind."""
_PAUSE_S = 0.2


class HttpLog(LogClient):
    """The log as one tenant sees it. A job's history is one request."""

    def __init__(self, transport: HttpTransport, tenant: str) -> None:
        super().__init__(transport, tenant)
        self._http = transport
        self._reading: dict[str, asyncio.Task[list[Entry]]] = {}

    async def append(self, event: AnyEvent, *, guard: str | None = None) -> bool:
        """Submit or cancel a job; the gateway guards submissions. Raises as `LogClient.append`."""
        del guard
        match event:
            case JobSubmitted():
                return await self._submit(event)
            case CancelJob():
                return await self._cancel(event)
        raise TypeError(f"a {event.type} has no address over HTTP")

    async def last(self, subject: str) -> Entry | None:
        """The newest event of a job on a subject."""
        found = await self.history(parse(subject).id)
        return next((it for it in reversed(found) if _subject(it) == subject), None)

    async def history(self, job: str) -> list[Entry]:
        """All events of a job, oldest first; callers at the same time share a request."""
        if (reading := self._reading.get(job)) is None:
            reading = self._reading[job] = asyncio.ensure_future(self._read_history(job))
        return [*await asyncio.shield(reading)]

    async def newest(self, job: str, event: str, *, qualified: bool) -> Entry | None:
        """As `LogClient.newest`."""
        return await super().newest(job, event, qualified=True)

    async def receipt(self, seal: Seal | SealV1, budget: WaitBudget) -> bytes:
        """The receipt of a sealed job, signed by provenance on request."""
        while True:
            try:
                return (await self._http.send("GET", f"/v1/jobs/{seal.job}/receipt")).body
            except QueuebitError as error:
                if not _passes(error) or budget.lost():
                    raise
            await asyncio.sleep(max(0.0, budget.next(_PAUSE_S)))

    async def _read_history(self, job: str) -> list[Entry]:
        await asyncio.sleep(0)  # all who ask at the same time have asked
        del self._reading[job]
        try:
            rows = (await self._http.get(f"{_address(job)}/history"))["data"]
        except UnknownJob:
            return []
        return [Entry(decode(json.dumps(it["event"]).encode()), int(it["sequence"])) for it in rows]

    async def _submit(self, event: JobSubmitted) -> bool:
        headers = {"idempotency-key": event.data.key}
        if event.data.proof.key:
            body, headers = event.to_bytes(), headers | _EVENT
        else:
            asked = event.data.model_dump(mode="json", exclude_none=True, exclude=_MINE)
            body, headers = json.dumps(asked).encode(), headers | _JSON
        try:
            answer = await self._http.send("POST", "/v1/jobs", body, headers, repeat=True)
        except Refused as error:
            if error.reasons[0].code == "key_used":
                raise Stale(str(error)) from error
            raise
        if answer.headers.get("idempotent-replayed") == "true":
            raise Stale(f"job {event.data.job} is submitted already")
        return True

    async def _cancel(self, event: CancelJob) -> bool:
        if event.data.proof.key:
            body, headers = event.to_bytes(), _EVENT
        else:
            body, headers = json.dumps({"reason": event.data.reason}).encode(), _JSON
        try:
            await self._http.send("POST", _cancellation(event.data.job), body, headers, repeat=True)
        except Refused as error:
            if error.reasons[0].code == "not_yours":
                raise StillRunning(f"job {event.data.job} is not stopped: {error}") from error
            raise
        return True


class HttpPayloads(Payloads):
    """The payload store as one tenant sees it."""

    def __init__(self, transport: HttpTransport, tenant: str) -> None:
        super().__init__(transport, tenant)
        self._http = transport

    async def get(self, payload: Payload) -> bytes:
        """Return content after checking its digest."""
        if payload.inline is not None:
            return payload.inline.encode()
        content = (await self._http.send("GET", f"/v1/payloads/{payload.digest}?size={payload.size}")).body
        return checked(content, payload)

    async def _store(self, payload: Payload, content: bytes) -> None:
        headers = {"content-type": payload.media_type}
        await self._http.send("PUT", f"/v1/payloads/{payload.digest}", content, headers, repeat=True)


def _address(job: str) -> str:
    return f"/v1/hybrid-jobs/{job}" if is_hybrid(job) else f"/v1/jobs/{job}"


def _cancellation(job: str) -> str:
    return f"{_address(job)}:cancel" if is_hybrid(job) else f"{_address(job)}/cancel"


def _passes(error: QueuebitError) -> bool:
    """Whether the same request may succeed later."""
    return isinstance(error, Unreachable) or (isinstance(error, Refused) and error.reasons[0].code in _PASSING)


def _subject(entry: Entry) -> str:
    return entry.event.subject if isinstance(entry.event, UnknownEvent) else subject_of(entry.event)
