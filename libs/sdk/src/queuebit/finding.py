"""Finds a job by what a person remembers of it."""

from __future__ import annotations

from typing import Protocol

from queuebit.errors import NotFound
from queuebit.records import Table

__all__ = ["LATEST", "newest", "only"]

LATEST = "latest"
"""The word for the newest job; no id begins like this."""

_RECENT = 1000


class _Jobs(Protocol):
    async def jobs(self, *, limit: int) -> Table: ...


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
