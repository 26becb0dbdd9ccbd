"""The client of a command: whose credential, and which stack."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nats.aio.client import Client as BusClient

    from queuebit.client import AsyncClient
    from queuebit.job import AsyncJob
    from queuebit.nats_transport import NatsTransport
    from queuebit_cli.home import Home
    from queuebit_cli.waiting import Client

__all__ = ["client_of", "connected_once", "job_of", "operator_of", "quick_start"]


def quick_start() -> None:
    """Keep `nats` from loading aiohttp, which it wants for websockets alone and which takes 0.2 s of every command."""
    sys.modules.setdefault("aiohttp", None)  # type: ignore[arg-type]  # None is how Python marks "not to be imported"


async def connected_once(url: str, user: str, seed: str, timeout_s: float) -> BusClient:
    """Connect as one of the stack's own users, now or not at all.

    Raises:
        OSError, nats.errors.Error, TimeoutError: the server does not answer, or does not know the user.
    """
    quick_start()
    import nats

    from queuebit_contracts.topology import inbox_of

    async def give_up(error: Exception) -> None:
        raise error  # nats-py calls this for each failed try, and would try for two minutes

    return await nats.connect(
        url,
        nkeys_seed_str=seed,
        inbox_prefix=inbox_of(user).encode(),
        allow_reconnect=False,
        connect_timeout=timeout_s,
        error_cb=give_up,
    )


def client_of(args: Namespace) -> Client:
    """A client with the credential that `--tenant` and `--user` choose."""
    quick_start()
    from queuebit.credentials import find
    from queuebit_cli.waiting import Client

    return Client(find(args.home, args.tenant, args.user))


async def job_of(client: AsyncClient, word: str) -> AsyncJob:
    """The job that a person means: by its id, by the beginning of it, or the newest as `latest`.

    Raises:
        NotFound: there is no such job.
    """
    from queuebit.errors import NotFound

    if word != "latest":  # no id begins so
        return await client.find(word)
    rows = await client.jobs(limit=1)
    if not rows:
        raise NotFound("there is no job yet: `qb submit FILE.qasm --wait` makes one")
    return client.job(str(rows[0]["job"]))


def operator_of(home: Home) -> NatsTransport:
    """The bus, as the person who runs the stack sees it.

    Raises:
        Stop: the stack is down.
    """
    quick_start()
    from queuebit.nats_transport import NatsTransport
    from queuebit_cli.stack import running_stack

    stack = running_stack(home)
    seed = home.seed_file("operator").read_text().strip()
    return NatsTransport(stack.listens["nats-server"], seed, "_INBOX.operator")
