"""Records on disk of what was sent to IQM: the part of a submission that IQM itself cannot answer for.

IQM takes no idempotency key, and its interface has no list of jobs to search. So each job of a submission is recorded
before it is sent, and its id when IQM has named it. There is one job for each number of shots:

| file | written |
|---|---|
| `<name>.<shots>.sent` | before the request that creates the job; it says what was sent. Deleted if IQM refused it |
| `<name>.<shots>.job` | after the answer: the id of the job |

A `.sent` without a `.job` means that IQM may have the job. It is never sent again: an operator finds out, and writes
the `.job` or deletes the `.sent`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from queuebit_kernel import digest
from queuebit_quantum import NotReachable
from queuebit_quantum.vendor_faults import VendorCredentials

__all__ = ["Record", "Records"]

_VARIABLE = "IQM_SUBMISSIONS"
_KEPT = timedelta(days=30)
"""How long a finished record is kept: an executor gives up after seven days."""


@dataclass(frozen=True, slots=True)
class Record:
    """One job that was sent, or may have been."""

    sent: Path
    job: Path

    def id(self) -> str:
        """The id of the job.

        Raises:
            NotReachable: it is not known whether IQM has the job.
        """
        try:
            found = self.job.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            found = ""
        if found:
            return found
        raise NotReachable(self.unknown())

    def unknown(self) -> str:
        """What an operator has to do."""
        return (
            f"it is not known whether IQM took the job that {self.sent} describes, so it is not sent again. If it is "
            f"among the jobs of your account at IQM, write its id into {self.job.name} in the same folder; if not, "
            f"delete {self.sent.name}"
        )

    def keep(self, id_: str) -> None:
        """Write the id of the job."""
        _write(self.job.with_suffix(".new"), id_)
        self.job.with_suffix(".new").replace(self.job)
        _sync(self.job.parent)

    def withdraw(self) -> None:
        """IQM does not have the job for certain."""
        self.sent.unlink(missing_ok=True)
        _sync(self.sent.parent)


class Records:
    """The records of a folder, which all executors of the stack share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def from_environment(cls) -> Records:
        """Open the folder that `IQM_SUBMISSIONS` names, and make it if it does not exist.

        Raises:
            VendorCredentials: it is not set, or nothing can be written there.
        """
        named = os.environ.get(_VARIABLE, "")
        advice = (
            f"set {_VARIABLE} to a folder that outlives the executor, in `environment` of the stack in backends.toml"
        )
        if not named.startswith("/"):
            raise VendorCredentials(f"{_VARIABLE} is {named[:80]!r}, and must be an absolute path: {advice}")
        records = cls(Path(named))
        try:
            records._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(records._folder / ".writable", "")
            records._prune()
        except OSError as error:
            raise VendorCredentials(f"nothing can be written in {named}: {error.strerror}: {advice}") from None
        return records

    def of(self, token: str) -> list[Record]:
        """The records of a submission, fewest shots first."""
        found = self._folder.glob(f"{_name(token)}.*.sent")
        return [_record(it) for it in sorted(found, key=lambda it: int(it.suffixes[-2][1:]))]

    def begin(self, token: str, shots: int, about: Mapping[str, Any]) -> Record:  # plain JSON
        """Record what is about to be sent.

        Raises:
            FileExistsError: it was begun before, maybe by another executor.
        """
        record = _record(self._folder / f"{_name(token)}.{shots}.sent")
        text = {"token": token, "sent_at": f"{datetime.now(UTC):%FT%TZ}", "shots": shots, **about}
        try:
            _write(record.sent, json.dumps(text, indent=1), new=True)
            _sync(self._folder)
        except FileExistsError:
            raise
        except OSError as error:
            with suppress(OSError):
                record.withdraw()
            raise NotReachable(f"nothing is sent to IQM: {record.sent} cannot be written: {error.strerror}") from error
        return record

    def record(self, token: str, shots: int) -> Record | None:
        """One record; None if nothing was sent."""
        record = _record(self._folder / f"{_name(token)}.{shots}.sent")
        return record if record.sent.exists() else None

    def _prune(self) -> None:
        """Delete old records of jobs that IQM named."""
        before = (datetime.now(UTC) - _KEPT).timestamp()
        for job in self._folder.glob("*.job"):
            with suppress(FileNotFoundError):
                if job.stat().st_mtime < before:
                    job.with_suffix(".sent").unlink(missing_ok=True)
                    job.unlink()


def _name(token: str) -> str:
    return digest(token.encode()).partition(":")[2][:32]


def _record(sent: Path) -> Record:
    return Record(sent, sent.with_suffix(".job"))


def _write(path: Path, text: str, *, new: bool = False) -> None:
    with path.open("x" if new else "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make names of files outlive a loss of power."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
