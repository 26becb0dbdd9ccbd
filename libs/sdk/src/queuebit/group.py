"""Groups of jobs: the jobs with a tag, of a session or of a workflow, and one receipt for all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from queuebit.errors import InvalidInput, NotFound, StillRunning
from queuebit.inputs import plain_name, whole_number
from queuebit.records import Receipt, Row, Table
from queuebit_contracts.lifecycle import TERMINAL
from queuebit_kernel import SystemClock

if TYPE_CHECKING:
    from queuebit_proof import Member, VerifiedGroup

__all__ = ["GROUP_KINDS", "AsyncGroup", "GroupReceipt"]

GROUP_KINDS: Final = ("tag", "session", "workflow")
"""Jobs of a workflow have its name as a tag."""

_MOST_JOBS: Final = 10_000
_AT_ONCE: Final = 16


class _Job(Protocol):
    async def receipt(self, timeout: float | None) -> Receipt: ...


@dataclass(frozen=True, slots=True)
class GroupReceipt:
    """The receipts of all jobs of a group; `content` is the document to keep."""

    kind: str
    name: str
    jobs: int
    without: tuple[str, ...]
    """Jobs that have no receipt yet."""
    charged: Mapping[str, str]
    """By currency, from the statements in the receipts."""
    content: bytes = field(repr=False)

    def verify(self, trust: Path | str | bytes) -> VerifiedGroup:
        """Verify the document and all its receipts offline.

        Args:
            trust: the trust document or its path; it must come from another source than the document.

        Raises:
            queuebit_proof.GroupInvalid: `faults` names what is missing, altered or foreign.
        """
        from queuebit_proof import TrustRoot, verify_group

        root = trust if isinstance(trust, bytes) else Path(trust).read_bytes()
        return verify_group(self.content, TrustRoot.parse(root))


class AsyncGroup:
    """The jobs of a tenant with one tag, or of one session."""

    def __init__(
        self,
        kind: str,
        name: str,
        tenant: str,
        ask: Callable[..., Awaitable[Table]],
        job_of: Callable[[str], _Job],
    ) -> None:
        if kind not in GROUP_KINDS:
            raise InvalidInput(f"a group is of kind {', '.join(GROUP_KINDS)}, not {kind!r}")
        self.kind, self.name = kind, plain_name(kind, name)
        self._tenant = tenant
        self._ask = ask
        self._job_of = job_of
        self._filter = {"session" if kind == "session" else "tag": self.name}

    async def summary(self, *, days: int = 30) -> Row:
        """Jobs by state, `charged` and `held` by currency, and the first and the last time.

        Args:
            days: only of jobs that were submitted in the last days, up to 366.

        Raises:
            NotFound: no such job belongs to the group.
        """
        rows = await self._ask("groups", days=whole_number("days", days, 1, 366), **self._filter)
        if not rows:
            raise NotFound(f"no job of the last {days} days belongs to {self.kind} {self.name}")
        return {**rows[0], "kind": self.kind}

    async def jobs(self) -> Table:
        """All jobs, newest first, up to 10,000."""
        return await self._ask("jobs", limit=_MOST_JOBS, **self._filter)

    async def receipt(self, timeout: float | None = 10.0) -> GroupReceipt:
        """One document with the newest receipts of all jobs, a manifest and totals, which verifies offline.

        Jobs that have not ended have no receipt yet; `without` names them.

        Args:
            timeout: seconds to wait for the receipt of a job that ended.

        Raises:
            NotFound: the group has no job.
            InvalidInput: it has 10,000 jobs or more.
            Refused: a receipt cannot be signed.
            Unreachable: the stack does not answer.
        """
        from queuebit_proof import build_group

        rows = await self.jobs()
        if not rows:
            raise NotFound(f"no job belongs to {self.kind} {self.name}")
        if len(rows) >= _MOST_JOBS:
            raise InvalidInput(f"{self.kind} {self.name} has {_MOST_JOBS:,} jobs or more: get receipts job by job")
        turn = asyncio.Semaphore(_AT_ONCE)
        members = await asyncio.gather(*(self._member(row, timeout, turn) for row in rows))
        content = build_group(self._tenant, self.kind, self.name, members, made_at=SystemClock().now(), as_of=None)
        return _receipt_of(content, self.kind, self.name, members)

    async def _member(self, row: Row, timeout: float | None, turn: asyncio.Semaphore) -> Member:
        from queuebit_proof import Member

        job, state = str(row["job"]), str(row["state"])
        if state not in TERMINAL:
            return Member(job, state)
        async with turn:
            try:
                return Member(job, state, (await self._job_of(job).receipt(timeout)).content)
            except StillRunning:
                return Member(job, state)


def _receipt_of(content: bytes, kind: str, name: str, members: Sequence[Member]) -> GroupReceipt:
    without = tuple(sorted(it.job for it in members if it.receipt is None))
    return GroupReceipt(kind, name, len(members), without, json.loads(content)["totals"]["charged"], content)
