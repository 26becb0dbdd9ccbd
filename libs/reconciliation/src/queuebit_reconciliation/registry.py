"""Finds readers of bills by their entry points; those of other packages are found as ours are."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from queuebit_reconciliation.bill import Bill
from queuebit_reconciliation.errors import BrokenReader, UnknownBill

__all__ = ["GROUP", "Reader", "find", "reader_of", "vendors"]

GROUP = "queuebit.bills"
"""The group of entry points: name of the vendor = "module:class", made without arguments."""

_OURS = "queuebit-reconciliation"


class Reader(Protocol):
    """Reads the bills of one vendor. It is pure: it opens no file and no connection."""

    @property
    def vendor(self) -> str:
        """The vendor's name, one token of a subject: that of the entry point."""
        ...

    @property
    def backends(self) -> tuple[str, ...]:
        """Patterns of our backends whose jobs this vendor bills, such as `ionq-*`."""
        ...

    def recognises(self, content: bytes) -> bool:
        """Whether a file looks like a bill of this vendor; `read` says what is wrong with it."""
        ...

    def read(self, content: bytes) -> Bill:
        """The bill.

        Raises:
            BadBill: any part of it cannot be read.
        """
        ...

    def vendor_jobs(self, handle: str) -> tuple[str, ...]:
        """The vendor's ids of the jobs that a handle of `dispatched` stands for."""
        ...


def vendors() -> tuple[str, ...]:
    """The vendors of all installed readers; loads none."""
    return tuple(_entries())


def find(vendor: str) -> Reader:
    """The reader of a vendor.

    Raises:
        UnknownBill: there is none.
        BrokenReader: it cannot be loaded.
    """
    entries = _entries()
    if vendor not in entries:
        raise UnknownBill(f"no reader of bills has the name {vendor[:40]!r}; there are: {', '.join(entries)}")
    return _loaded(entries[vendor])


def reader_of(content: bytes) -> Reader:
    """The reader that recognises a file.

    Raises:
        UnknownBill: none does.
    """
    entries = _entries()  # once: it looks through all installed packages
    for entry in entries.values():
        if (reader := _loaded(entry)).recognises(content):
            return reader
    raise UnknownBill(
        f"this file is no bill of {', '.join(entries)}: name the vendor (--vendor) to see what its reader expects"
    )


def _entries() -> dict[str, EntryPoint]:
    """Entry points by name; of two with one name, ours counts."""
    ordered = sorted(entry_points(group=GROUP), key=lambda it: (it.name, it.dist is not None and it.dist.name == _OURS))
    return {it.name: it for it in ordered}


def _loaded(entry: EntryPoint) -> Reader:
    try:
        found: Reader = entry.load()()
    except Exception as error:  # another package may raise anything
        raise BrokenReader(f"{entry.value} cannot be loaded: {type(error).__name__}: {error!s:.300}") from error
    return found
