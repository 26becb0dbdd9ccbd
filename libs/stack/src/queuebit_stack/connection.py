"""Connections to the bus of a home: as one of the stack's own users, and as the operator."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import running_stack

if TYPE_CHECKING:
    from nats.aio.client import Client

    from queuebit.nats_transport import NatsTransport

__all__ = ["connected_once", "operator_at", "operator_of", "quick_start"]


def quick_start() -> None:
    """Prevent `nats` from importing aiohttp: only websockets need it, and it takes 0.2 s of every command."""
    sys.modules.setdefault("aiohttp", None)  # type: ignore[arg-type]  # None is how Python marks "not to be imported"


async def connected_once(url: str, user: str, seed: str, timeout_s: float) -> Client:
    """Connect as one of the stack's own users, without retries.

    Raises:
        OSError, nats.errors.Error, TimeoutError: the server does not answer, or rejects the user.
    """
    quick_start()
    from queuebit_contracts.topology import inbox_of
    from queuebit_runtime.harden import connect

    async def give_up(error: Exception) -> None:
        raise error  # nats-py calls this for each failed attempt, and would retry for two minutes

    return await connect(
        url,
        nkeys_seed_str=seed,
        inbox_prefix=inbox_of(user).encode(),
        allow_reconnect=False,
        connect_timeout=timeout_s,
        error_cb=give_up,
    )


def operator_of(home: Home) -> NatsTransport:
    """A connection to the bus with the operator's credential.

    Raises:
        Stop: the stack is down.
    """
    quick_start()
    from queuebit.nats_transport import NatsTransport

    stack = running_stack(home)
    seed = home.seed_file("operator").read_text().strip()
    return NatsTransport(stack.listens["nats-server"], seed, "_INBOX.operator")


def operator_at(url: str, seed_file: Path, ca_file: Path | None) -> NatsTransport:
    """The bus of a stack on another machine, as the person who runs that stack sees it.

    Raises:
        Stop: the seed cannot be read.
    """
    quick_start()
    from queuebit.nats_transport import NatsTransport
    from queuebit_contracts.topology import inbox_of
    from queuebit_runtime.secrets import read_secret

    try:
        seed = read_secret(seed_file)
    except (OSError, ValueError) as error:
        raise Stop(Exit.USAGE, f"{seed_file} is no seed: {error}") from error
    return NatsTransport(url, seed, inbox_of("operator"), ca_file=ca_file)
