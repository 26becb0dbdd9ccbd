"""Hybrid jobs: Python files that the platform runs beside its backends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from queuebit.errors import InvalidInput, JobFailed, NotFound, Reason, Refused, StillRunning, Unreachable
from queuebit.inputs import one_line, plain_name
from queuebit.permissions import permitted
from queuebit.signing import UNSIGNED, proof_of
from queuebit_contracts import subjects
from queuebit_contracts.command import CancelJob, CancelRequest
from queuebit_contracts.hybrid import (
    HybridAccepted,
    HybridCancelled,
    HybridCompleted,
    HybridFailed,
    HybridMetered,
    HybridRejected,
    HybridStarted,
    HybridSubmitted,
    is_hybrid,
)
from queuebit_kernel import Money

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.transport import Transport
    from queuebit_contracts.catalog import AnyEvent

__all__ = ["AsyncHybridJob", "HybridStatus", "Metric", "handle", "hybrid_status", "output_chunk"]

_POLL_S: Final = 0.25
_STATES: Final = {
    HybridSubmitted: "submitted",
    HybridAccepted: "accepted",
    HybridStarted: "started",
    HybridRejected: "rejected",
    HybridCompleted: "completed",
    HybridFailed: "failed",
    HybridCancelled: "cancelled",
}
_NAMES: Final = ("submitted", "accepted", "rejected", "started", "completed", "failed", "cancelled", "metered")


@dataclass(frozen=True, slots=True)
class HybridStatus:
    """What is known of a hybrid job."""

    hybrid: str
    state: str
    """One of submitted, accepted, started, rejected, completed, failed, cancelled."""
    label: str
    project: str
    max_time_s: int
    submitted_at: datetime
    ended_at: datetime | None = None
    attempt: int = 0
    reasons: tuple[Reason, ...] = ()
    """Why it was refused or failed."""
    hold: Money | None = None
    charge: Money | None = None
    """For its own time; its jobs have bills of their own."""
    time_s: float | None = None
    processor_s: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it but its bill."""
        return self.state in ("rejected", "completed", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that it recorded."""

    name: str
    value: float
    step: int | None
    at: float
    """Seconds since 1970."""


class AsyncHybridJob:
    """A handle of a hybrid job: cheap to create, usable while its client is open."""

    def __init__(self, hybrid: str, client: AsyncClient) -> None:
        self.id = hybrid
        self._client = client
        self._history = subjects.hybrid(client.credential.tenant, hybrid)

    def __repr__(self) -> str:
        return f"<AsyncHybridJob {self.id}>"

    async def status(self) -> HybridStatus:
        """The current status.

        Raises:
            NotFound: the tenant has no such hybrid job.
        """
        return hybrid_status(self.id, await self._events())

    async def wait(self, timeout: float | None = None) -> HybridStatus:
        """Wait for any end, and return the status; raises `StillRunning` after `timeout` seconds."""
        return await self._until(lambda it: it.ended, timeout)

    async def result(self, timeout: float | None = None) -> Any:  # JSON
        """Wait for the end, and return what it saved with `save_result`; None if it saved nothing.

        Raises:
            Refused: it was rejected; `reasons` holds all of them.
            JobFailed: it failed or was cancelled.
            StillRunning: it did not end in `timeout` seconds.
        """
        status = await self.wait(timeout)
        if status.state == "rejected":
            raise Refused(status.reasons, job=self.id)
        if status.state != "completed":
            raise JobFailed(self.id, next(iter(status.reasons), Reason("cancelled", "it was cancelled")))
        ended = (await self._events())["completed"]
        if not isinstance(ended, HybridCompleted) or ended.data.result is None:
            return None
        return json.loads(await self._client._payloads().get(ended.data.result))

    async def cost(self, timeout: float | None = 10.0) -> Money:
        """Wait for the bill of its own time, which follows its end shortly; 0 if it was refused."""
        status = await self._until(lambda it: it.charge is not None or it.state == "rejected", timeout)
        return status.charge if status.charge is not None else Money.zero("USD")

    async def cancel(self, reason: str = "", timeout: float = 20.0) -> HybridStatus:
        """Stop it, wait for the end, and return the status; one that has ended does not change."""
        status, credential = await self.status(), self._client.credential
        if status.ended:
            return status
        draft = CancelRequest(
            tenant=credential.tenant, job=self.id, reason=one_line("reason", reason, 200), proof=UNSIGNED
        )
        content = draft.model_dump(mode="json", exclude_none=True, exclude={"proof"})
        request = draft.model_copy(update={"proof": proof_of(content, credential.seed, credential.delegation)})
        with permitted(credential, "cancel hybrid jobs"):
            await self._client._log_client().append(CancelJob(source="qb/client", data=request))
        return await self.wait(timeout)

    async def logs(self, *, follow: bool = True) -> AsyncGenerator[str, None]:
        """What it writes, piece by piece, until it has ended; without `follow`, what it has written so far."""
        async for chunk in self._chunks("logs", follow=follow):
            yield chunk.decode(errors="replace")

    async def metrics(self, *, follow: bool = False) -> AsyncGenerator[Metric, None]:
        """The numbers that it has recorded, oldest first; with `follow`, until it has ended."""
        async for chunk in self._chunks("metrics", follow=follow):
            for line in chunk.splitlines():
                it = json.loads(line)
                yield Metric(it["name"], it["value"], it.get("step"), it["at"])

    async def _chunks(self, kind: str, *, follow: bool) -> AsyncGenerator[bytes, None]:
        position: int | None = 0
        ended = not follow
        while position is not None:
            chunks, position = await self._client._access.output(self.id, kind, position)
            for chunk in chunks:
                yield chunk
            if chunks:
                continue
            if ended:
                return
            if not (ended := (await self.status()).ended):
                await asyncio.sleep(_POLL_S)

    async def _until(self, there: Any, timeout: float | None) -> HybridStatus:  # a predicate on HybridStatus
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        while not there(status := await self.status()):
            if deadline is not None and asyncio.get_running_loop().time() >= deadline:
                text = f"hybrid job {self.id} is {status.state} after {timeout:g} s, and continues: wait again"
                raise StillRunning(text)
            await asyncio.sleep(_POLL_S)
        return status

    async def _events(self) -> Mapping[str, AnyEvent]:
        log = self._client._log_client()
        found = await asyncio.gather(*(log.last(self._history.event(name)) for name in _NAMES))
        events = {name: it.event for name, it in zip(_NAMES, found, strict=True) if it is not None}
        if "submitted" not in events:
            raise NotFound(f"tenant {self._client.credential.tenant} has no hybrid job {self.id}: see `qb hybrid list`")
        return events  # type: ignore[return-value]  # the subjects of known types


async def output_chunk(transport: Transport, tenant: str, hybrid: str, kind: str, number: int) -> bytes | None:
    """A chunk of the logs or metrics of a hybrid job; None if there is none of this number yet."""
    reply = await transport.request(f"$JS.API.DIRECT.GET.OUTPUT.{subjects.output(tenant, hybrid, kind, number)}")
    status = reply.headers.get("Status")
    if status not in (None, "404"):
        raise Unreachable(f"the output of hybrid job {hybrid} could not be read ({status}): see `qb doctor`")
    return reply.body if status is None else None


def handle(client: AsyncClient, hybrid: str) -> AsyncHybridJob:
    """A hybrid job by its id; sends no request."""
    if not is_hybrid(plain_name("hybrid job", hybrid)):
        raise InvalidInput(f"{hybrid} is no id of a hybrid job, which begins with h: see `qb hybrid list`")
    return AsyncHybridJob(hybrid, client)


def hybrid_status(hybrid: str, events: Mapping[str, AnyEvent]) -> HybridStatus:
    """The status that events make, by name; `submitted` is among them."""
    submitted = events["submitted"].data
    newest = next(events[name] for name in reversed(_NAMES[:-1]) if name in events)
    accepted, metered = events.get("accepted"), events.get("metered")
    ended = newest if isinstance(newest, HybridCompleted | HybridFailed | HybridCancelled) else None
    reasons: tuple[Reason, ...] = ()
    if isinstance(newest, HybridRejected):
        reasons = tuple(Reason(it.code, it.text) for it in newest.data.reasons)
    elif isinstance(newest, HybridFailed):
        reasons = (Reason(newest.data.reason.code, newest.data.reason.text),)
    elif isinstance(newest, HybridCancelled):
        reasons = (Reason("cancelled", f"{newest.data.by} cancelled it" + _because(newest.data.reason)),)
    return HybridStatus(
        hybrid=hybrid,
        state=_STATES[type(newest)],
        label=submitted.label,
        project=submitted.project,
        max_time_s=submitted.max_time_s,
        submitted_at=events["submitted"].time,
        ended_at=newest.time if ended or isinstance(newest, HybridRejected) else None,
        attempt=ended.data.attempt if ended else newest.data.attempt if isinstance(newest, HybridStarted) else 0,
        reasons=reasons,
        hold=accepted.data.terms.hold.money if isinstance(accepted, HybridAccepted) else None,
        charge=_charge(metered) if isinstance(metered, HybridMetered) else None,
        time_s=ended.data.usage.time_us / 1e6 if ended else None,
        processor_s=ended.data.usage.processor_us / 1e6 if ended else None,
    )


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _charge(metered: HybridMetered) -> Money:
    return Money.of(metered.data.charge.amount, metered.data.charge.currency)
