"""A placement at a vendor: its parts, what is known of each, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from queuebit_contracts.job import Dispatch, JobPlaced, Measure, Usage
from queuebit_contracts.results import ItemResult
from queuebit_contracts.usage import QUBITS, SHOTS, UNITS, usage_of
from queuebit_contracts.wire import Digest, Reason
from queuebit_executor.answers import Refused
from queuebit_executor.finished import Finished
from queuebit_executor.manifest import Manifest
from queuebit_executor.ports import ItemWork
from queuebit_executor.program_result import ProgramResult, failed_item
from queuebit_executor.remote_parts import Part, parts_of
from queuebit_executor.suspicion import recalibrated
from queuebit_executor.vendor_calls import VendorCalls

__all__ = ["RemoteRun", "Taken", "with_known"]


@dataclass(frozen=True, slots=True)
class Taken:
    """A part that the vendor has, as the log records it."""

    dispatch: Dispatch
    manifest: Manifest


@dataclass(slots=True)
class RemoteRun:
    """What is known of the parts of one placement."""

    placed: JobPlaced
    works: Sequence[ItemWork]
    counts: Sequence[int]
    """The circuits of each item."""
    program: bool
    parts: Sequence[Part]
    taken: dict[int, Taken] = field(default_factory=dict)
    """Parts at the vendor, by number."""
    refused: dict[int, Manifest | Reason] = field(default_factory=dict)
    """Parts of which nothing is at the vendor, with the reason of the part or of each of its items."""

    @classmethod
    def of(
        cls,
        placed: JobPlaced,
        works: Sequence[ItemWork],
        counts: Sequence[int],
        most: int,
        recorded: Mapping[int, Taken],
        *,
        program: bool,
    ) -> RemoteRun:
        """A placement of these items; `most` circuits may be submitted together."""
        parts = parts_of(placed, counts, most, {number: it.dispatch for number, it in recorded.items()})
        return cls(placed, works, counts, program, [it for it in parts if it.items], dict(recorded))

    def works_of(self, part: Part) -> Sequence[ItemWork]:
        """The items of a part."""
        return self.works[part.items.start : part.items.stop]

    def missing(self) -> list[Part]:
        """Parts that the log does not record; in order.

        A lost executor may have submitted one of them. It need not be the first: the log does not record refusals.
        """
        return [it for it in self.parts if it.number not in self.taken]

    def left_us(self) -> int:
        """The device time that the hold still pays for."""
        return max(0, self.placed.data.qpu_us - sum(it.manifest.qpu_us for it in self.taken.values()))

    @property
    def handles(self) -> list[str]:
        return [it.dispatch.handle for it in self.taken.values()]

    @property
    def qubits(self) -> int:
        """Of the largest item at the vendor."""
        return max((it.dispatch.qubits or 0 for it in self.taken.values()), default=0)

    async def results(self, calls: VendorCalls) -> list[ItemResult]:
        """Wait for all parts, and return the result of each item, without doubts."""
        found: list[ItemResult] = []
        for part in self.parts:
            if (at := self.taken.get(part.number)) is None:
                found += self._refused(part)
                continue
            answer = await calls.results(at.dispatch.handle, self.works_of(part), at.manifest)
            if isinstance(answer, Refused):
                answer = Reason(code=answer.error.code, text=answer.error.message)
            found += [failed_item(answer) for _ in part.items] if isinstance(answer, Reason) else answer
        return found

    def _refused(self, part: Part) -> list[ItemResult]:
        why = self.refused.get(part.number, _NOTHING)
        if isinstance(why, Reason):
            return [failed_item(why) for _ in part.items]
        return [failed_item(it.reason or _NOTHING) for it in why.items]

    def finished(self, results: Sequence[ItemResult], measures: Sequence[Measure], now: Digest | None) -> Finished:
        """What the run came to; `now` is the digest of the device's calibration after it."""
        doubts = self._doubts(now)
        known = [_doubted(it, doubt) for it, doubt in zip(results, doubts, strict=True)]
        first = next(iter(self.taken.values()), None)
        result = ProgramResult(self.works)
        calibration = first.dispatch.calibration if first is not None else None
        for it in known:
            too_large = result.too_large()
            result.keep(failed_item(too_large, it.usage) if too_large is not None else it)
        usage = with_known(measures, result.shots, self.qubits)
        return result.finished(usage, calibration) if self.program else _single(known[0], usage, calibration)

    def _doubts(self, now: Digest | None) -> list[Reason | None]:
        """Why each item may be wrong, as far as its part was submitted under another calibration."""
        backend, found = self.placed.data.backend, list[Reason | None]()
        for part in self.parts:
            at = self.taken.get(part.number)
            doubt = recalibrated(backend, at.dispatch.calibration, now) if at is not None else None
            found += [doubt for _ in part.items]
        return found


_NOTHING = Reason(code="backend_error", text="the backend's plugin submitted nothing for it, and gave no reason")


def with_known(measures: Sequence[Measure], shots: int, qubits: int) -> Usage:
    """What the vendor measured, and what it need not say: shots and qubits."""
    said = {it.metric for it in measures}
    known = {SHOTS: shots, QUBITS: qubits}
    ours = [
        Measure(metric=name, quantity=str(value), unit=UNITS[name]) for name, value in known.items() if name not in said
    ]
    return usage_of(*measures, *ours)


def _doubted(result: ItemResult, doubt: Reason | None) -> ItemResult:
    if doubt is None or result.suspect is not None or result.state != "completed":
        return result
    return result.model_copy(update={"suspect": doubt})


def _single(result: ItemResult, usage: Usage, calibration: Digest | None) -> Finished:
    """The result of a single circuit is its counts."""
    counts = json.dumps(result.counts or {}, sort_keys=True, separators=(",", ":")).encode()
    return Finished(
        content=counts,
        media_type="application/json",
        usage=usage,
        compilation=result.compilations[0] if result.compilations else None,
        calibration=calibration,
        reason=result.reason,
        suspect=result.suspect,
    )
