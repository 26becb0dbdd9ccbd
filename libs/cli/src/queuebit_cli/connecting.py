"""The client and the job that a command names."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from queuebit_stack.connection import quick_start

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.job import AsyncJob

__all__ = ["client_of", "job_of"]


def client_of(args: Namespace) -> AsyncClient:
    """A client with the credential that `--tenant` and `--user` choose."""
    quick_start()
    from queuebit.client import AsyncClient
    from queuebit.credentials import find

    return AsyncClient(find(args.home, args.tenant, args.user))


async def job_of(client: AsyncClient, word: str) -> AsyncJob:
    """The job named by its id, a prefix of its id, or `latest`.

    Raises:
        NotFound: there is no such job.
    """
    from queuebit.errors import NotFound

    if word != "latest":  # no id begins like this
        return await client.find(word)
    rows = await client.jobs(limit=1)
    if not rows:
        raise NotFound("there is no job yet: `qb submit FILE.qasm --wait` submits one")
    return client.job(str(rows[0]["job"]))
