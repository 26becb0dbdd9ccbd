"""Questions to the platform, as the user that a command names."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_stack.connection import quick_start

if TYPE_CHECKING:
    from queuebit.client import AsyncClient

__all__ = ["ask", "client_of"]

_T = TypeVar("_T")


def client_of(args: Namespace) -> AsyncClient:
    """A client with the credential that `--tenant` and `--user` choose, at the address of `--url`."""
    quick_start()
    from queuebit.client import AsyncClient
    from queuebit.credentials import choose, find

    if not hasattr(args, "url"):  # what it does is offered on the bus alone
        return AsyncClient(find(args.home, args.tenant, args.user))
    return AsyncClient(choose(args.home if args.home_named else None, args.tenant, args.user, url=args.url))


def ask(args: Namespace, out: Output, whom: str, question: Callable[[AsyncClient], Awaitable[_T]]) -> _T:
    """Connect, ask one question, and show whom it waits for, if that takes long."""

    async def asked() -> _T:
        async with client_of(args) as client:
            return await question(client)

    return run(asked(), out, whom)
