"""Groups for programs without an event loop."""

from __future__ import annotations

from queuebit.group import AsyncGroup, GroupReceipt
from queuebit.loop import Loop
from queuebit.records import Row, Table

__all__ = ["Group"]


class Group:
    """The jobs of a tenant with one tag, of one session or of one workflow."""

    def __init__(self, group: AsyncGroup, loop: Loop) -> None:
        self.kind, self.name = group.kind, group.name
        self._group = group
        self._loop = loop

    def summary(self, *, days: int = 30) -> Row:
        """Jobs by state, `charged` and `held` by currency, and the first and the last time."""
        return self._loop.run(self._group.summary(days=days))

    def jobs(self) -> Table:
        """All jobs, newest first, up to 10,000."""
        return self._loop.run(self._group.jobs())

    def receipt(self, timeout: float | None = 10.0) -> GroupReceipt:
        """One document with the newest receipts of all jobs, a manifest and totals, which verifies offline."""
        return self._loop.run(self._group.receipt(timeout))
