"""The client of a command: whose credential, and which stack."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.nats_transport import NatsTransport
    from queuebit_cli.home import Home

__all__ = ["client_of", "operator_of", "quick_start"]


def quick_start() -> None:
    """Keep `nats` from loading aiohttp, which it wants for websockets alone and which takes 0.2 s of every command."""
    sys.modules.setdefault("aiohttp", None)  # type: ignore[arg-type]  # None is how Python marks "not to be imported"


def client_of(args: Namespace) -> AsyncClient:
    """A client with the credential that `--tenant` and `--user` choose."""
    quick_start()
    from queuebit.client import AsyncClient
    from queuebit.credentials import find

    return AsyncClient(find(args.home, args.tenant, args.user))


def operator_of(home: Home) -> NatsTransport:
    """The bus, as the person who runs the stack sees it."""
    quick_start()
    from queuebit.nats_transport import NatsTransport
    from queuebit_cli.errors import Exit, Stop
    from queuebit_cli.stack import Stack

    home.require()
    stack = Stack.load(home)
    if stack is None or "nats-server" not in stack.listens:
        raise Stop(Exit.UNREACHABLE, f"the stack in {home.root} is down: start it with `qb up`")
    seed = home.seed_file("operator").read_text().strip()
    return NatsTransport(stack.listens["nats-server"], seed, "_INBOX.operator")
