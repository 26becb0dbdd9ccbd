"""Finds a job by what a person remembers of it."""

from __future__ import annotations

from typing import Protocol

from queuebit.errors import NotFound
from queuebit.records import Status, Table

__all__ = ["LATEST", "is_id", "meant", "newest", "only"]

LATEST = "latest"
"""The word for the newest job; no id begins like this."""

_ID_LENGTH = 21
_RECENT = 1000


class _Jobs(Protocol):
    async def jobs(self, *, limit: int) -> Table: ...


class _Job(Protocol):
    async def status(self) -> Status: ...


class _Tenant(_Jobs, Protocol):
    def job(self, job: str) -> _Job: ...


def is_id(words: str) -> bool:
    """Whether this has the form of the full id of a job."""
    return len(words) == _ID_LENGTH and words.startswith("j") and words.isalnum()


async def meant(tenant: _Tenant, words: str) -> str:
    """The id of a job by its full id, by `LATEST`, or by a prefix that only it has.

    Raises:
        NotFound: there is none, or several have the prefix.
    """
    if len(words) == _ID_LENGTH:
        await tenant.job(words).status()  # a wait for a missing job would never end
        return words
    return await (newest(tenant) if words == LATEST else only(tenant, words))


async def newest(tenant: _Jobs) -> str:
    """The id of the newest job.

    Raises:
        NotFound: there is none.
    """
    rows = await tenant.jobs(limit=1)
    if not rows:
        raise NotFound("there is no job yet: `qb submit FILE.qasm --wait` submits one")
    return str(rows[0]["job"])


async def only(tenant: _Jobs, prefix: str) -> str:
    """The id of the only recent job that begins like this.

    Raises:
        NotFound: none or several do.
    """
    rows = await tenant.jobs(limit=_RECENT)
    fitting = sorted({str(row["job"]) for row in rows if str(row.get("job", "")).startswith(prefix)})
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise NotFound(f"{len(fitting)} jobs begin with {prefix!r}: give more of the id, such as {fitting[0][:10]}")
    raise NotFound(f"no recent job begins with {prefix!r}: `qb jobs` lists jobs")
