"""Reads what a placement submits to a vendor, and what was recorded of it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial

from queuebit_contracts.job import Dispatch, JobPlaced, Part
from queuebit_contracts.program import BadProgram
from queuebit_contracts.wire import Payload
from queuebit_executor.answers import Refused
from queuebit_executor.manifest import COMPILATION_LOST, SUBMITTED, Manifest, SentItem, manifest_of
from queuebit_executor.ports import Asker, Circuits, Vendor
from queuebit_executor.program_outline import circuits_of, with_results
from queuebit_executor.program_result import MAX_RESULT_BYTES
from queuebit_executor.program_run import ProgramWork, item_works
from queuebit_executor.remote_parts import Part as Submission
from queuebit_executor.remote_parts import part_of, single_work, token_of
from queuebit_executor.remote_run import RemoteRun, Taken
from queuebit_executor.state import Past
from queuebit_executor.vendor_calls import Insist
from queuebit_kernel import Unavailable
from queuebit_runtime.payloads import Missing, PayloadStore

__all__ = ["RemoteWork", "recorded_in"]

_log = logging.getLogger(__name__)


def recorded_in(past: Past, placed: JobPlaced) -> dict[int, Dispatch]:
    """The dispatches that the log records for this placement, by part; those of another have other tokens."""
    found = ((part_of(placed, it), it) for it in past.dispatches)
    return {number: it for number, it in found if number is not None}


class RemoteWork:
    """The items of placements, and the manifests of their parts."""

    def __init__(self, payloads: PayloadStore, circuits: Circuits, vendor: Vendor, insist: Insist) -> None:
        self._payloads = payloads
        self._circuits = circuits
        self._vendor = vendor
        self._insist = insist

    async def run(self, placed: JobPlaced, work: bytes | ProgramWork, past: Past) -> RemoteRun:
        """A placement in its parts."""
        recorded = {number: await self.taken(placed, it) for number, it in recorded_in(past, placed).items()}
        most = self._vendor.max_items(placed.data.backend)
        if isinstance(work, bytes):
            works, counts = [single_work(placed.data, work)], [1]
        else:
            works, counts = [*item_works(placed.data, work, "")], await self._counts(placed.data.tenant, work)
        return RemoteRun.of(placed, works, counts, most, recorded, program=not isinstance(work, bytes))

    async def recorded(self, placed: JobPlaced, past: Past) -> RemoteRun:
        """What the log records of a placement whose program cannot be read any more."""
        recorded = {number: await self.taken(placed, it) for number, it in recorded_in(past, placed).items()}
        first = Submission(0, range(0), token_of(placed))
        return RemoteRun(placed, (), (), program=True, parts=(first,), taken=recorded)

    async def taken(self, placed: JobPlaced, dispatch: Dispatch) -> Taken:
        """A recorded part with its manifest; its items fail if that is lost."""
        if dispatch.part is None:
            return Taken(dispatch, manifest_of(dispatch, placed.data.shots))
        read = partial(self._payloads.get, placed.data.tenant, dispatch.part.content, limit=MAX_RESULT_BYTES)
        try:
            return Taken(dispatch, Manifest.model_validate_json(await self._insist(read)))
        except Missing as missing:
            _log.error("what %s submitted cannot be read: %s", placed.data.job, missing)
            lost = SentItem(reason=COMPILATION_LOST)
            return Taken(dispatch, Manifest(items=(lost,) * dispatch.part.items))

    async def part(self, placed: JobPlaced, part: Submission, manifest: Manifest) -> Part:
        """Keep the manifest of a part; returns what `dispatched` says of it."""
        put = self._payloads.store if placed.data.erasable else self._payloads.put
        keep = partial(put, placed.data.tenant, manifest.content(), SUBMITTED)
        content: Payload = await self._insist(keep)
        return Part(first=part.items.start, items=len(part.items), content=content)

    async def _counts(self, tenant: str, work: ProgramWork) -> list[int]:
        """The circuits of each item. A source with result pragmas is read by a child."""
        needed = {}
        for number, source in work.sources.items():
            if b"braket" in source:
                needed[number] = await self._insist(partial(self._needed, source, Asker(tenant)))
        program = work.program
        with suppress(BadProgram):  # admission refuses it; as the child reads it, the pragmas count
            program = with_results(program, {it.circuit: needed.get(it.circuit, ()) for it in program.items})
        return await asyncio.to_thread(circuits_of, program)  # takes seconds for many observables

    async def _needed(self, source: bytes, asker: Asker) -> tuple[dict[str, float], ...]:
        found = await self._circuits.inputs(source, asker)
        if not isinstance(found, Refused):
            return found.observables
        if not found.lasting:
            raise Unavailable(f"a circuit of the program cannot be read now: {found.error.message}")
        return ()
