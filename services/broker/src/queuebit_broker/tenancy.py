"""Puts a tenants document in force: appends what differs as facts, and funds each project as declared."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from queuebit_broker.following import follow
from queuebit_broker.funding import FundProjects, other_currencies
from queuebit_broker.ports import EventLog, Follower
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.config import ConfigApplied
from queuebit_contracts.directory import TenantEvent, changes, faults
from queuebit_contracts.query import TenantsAnswer, TenantsRequest
from queuebit_contracts.tenants import BadTenants, Tenants, check_tenants
from queuebit_contracts.wire import Reason
from queuebit_kernel import Stale
from queuebit_runtime.log import Guarded

__all__ = ["ApplyTenants"]

_log = logging.getLogger(__name__)

_BATCH = 400
"""Facts that are appended all or none; the server takes 1,000 messages in a batch."""

_STALE = Reason(
    code=Stale.code,
    text="another request changed the tenants at the same time, so this document was not applied, or not all of it: "
    "see what is in force now, then apply it again",
)


class ApplyTenants:
    """Appends facts until they equal a document. Of two concurrent documents, the second has the facts of the first."""

    def __init__(self, log: EventLog, follower: Follower, world: World) -> None:
        self._log = log
        self._follower = follower
        self._world = world
        self._fund = FundProjects(log, follower, world)
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, request: TenantsRequest) -> TenantsAnswer:
        """Append what differs, all or nothing up to 400 facts; or answer with everything that is wrong.

        With more facts, a crash in between leaves the removals done and the rest undone; the next request completes it.

        Raises:
            Stale, Unavailable: the log does not accept it now. What was appended stays; apply the document again.
        """
        async with self._one_at_a_time:
            sequence = await self._see_all()
            if request.document is None:
                return self._answer(sequence)
            try:
                desired = check_tenants(request.document)
            except BadTenants as error:
                return self._answer(sequence, errors=_reasons(error.faults))
            if errors := self._errors(request, desired, sequence):
                return self._answer(sequence, errors=errors)
            facts = changes(self._world.directory, desired, request.by)
            if request.dry_run:
                return self._answer(sequence, facts)
            try:
                await self._append(facts, sequence, _record(request))
            except Stale:
                return self._answer(await self._see_all(), errors=[_STALE])
            sequence = await self._see_all()
            await self._fund()
            return self._answer(sequence, facts)

    async def start(self, initial: Callable[[], Tenants], by: str) -> None:
        """Apply a first document if the log has no fact about any tenant, and complete funding that is missing.

        Raises:
            BadTenants: the document is needed and cannot be used.
        """
        if await self._see_all() == 0:
            document = initial().model_dump(mode="json")
            answer = await self(TenantsRequest(document=document, by=by, after=0))
            for error in answer.errors:  # another broker was faster
                _log.warning("the first tenants were not imported: %s", error.text)
        await self._fund()

    async def _see_all(self) -> int:
        return await follow(self._log, self._follower, subjects.TENANTS)

    def _errors(self, request: TenantsRequest, desired: Tenants, sequence: int) -> Sequence[Reason]:
        if request.after not in (None, sequence):
            return [_STALE]
        wrong = [*faults(self._world.directory, desired), *self._currencies(desired)]
        if not request.by.strip():
            wrong.append("the request does not say who makes it: set `by`")
        return _reasons(wrong)

    def _currencies(self, desired: Tenants) -> list[str]:
        return [
            f"project {name} of {tenant} has its account in {' and '.join(had)}, which cannot become "
            f"{project.currency}: set it back, and add another project for {project.currency}"
            for tenant, entry in desired.tenant.items()
            for name, project in entry.project.items()
            if (had := other_currencies(self._world, tenant, name, project.currency))
        ]

    async def _append(self, facts: Sequence[TenantEvent], after: int, record: Sequence[Guarded]) -> None:
        """Append the facts, and with the first batch the record of the documents that they are a part of."""
        for begin in range(0, max(len(facts), len(record)), _BATCH):
            batch = [Guarded(it) for it in facts[begin : begin + _BATCH]]
            if batch:
                batch[0] = Guarded(batch[0].event, after, subjects.TENANTS)
            batch += record if begin == 0 else ()
            first, *others = batch
            if others:
                after = await self._log.append_all(batch)
            else:
                after = await self._log.append(first.event, after=first.after, guard=first.guard)

    def _answer(self, sequence: int, facts: Sequence[TenantEvent] = (), errors: Sequence[Reason] = ()) -> TenantsAnswer:
        return TenantsAnswer(
            sequence=sequence,
            document=self._world.directory.document().model_dump(mode="json"),
            changes=tuple(map(subjects.subject_of, facts)),
            errors=tuple(errors),
        )


def _record(request: TenantsRequest) -> Sequence[Guarded]:
    if request.applied is None:
        return ()
    applied = ConfigApplied(source="qb/broker", data=request.applied)
    return (Guarded(applied, request.applied_after, subjects.CONFIG),)


def _reasons(texts: Iterable[str]) -> list[Reason]:
    return [Reason(code=BadTenants.code, text=text) for text in texts]
