"""Questions to the platform, as the user that a command names."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import running_stack

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.credentials import Credential

__all__ = ["ask", "client_of", "gateway_credential", "home_gateway"]

_T = TypeVar("_T")


def client_of(args: Namespace) -> AsyncClient:
    """A client with the credential that `--tenant` and `--user` choose, at the address of `--url`."""
    quick_start()
    from queuebit.client import AsyncClient
    from queuebit.credentials import choose, find

    if not hasattr(args, "url"):  # what it does is offered on the bus alone
        return AsyncClient(find(args.home, args.tenant, args.user))
    return AsyncClient(choose(args.home if args.home_named else None, args.tenant, args.user, url=args.url))


def gateway_credential(args: Namespace) -> Credential:
    """A credential as for `client_of`, at the gateway of `--url`, or that of the home's stack.

    Raises:
        Stop: `--url` is another address, or the stack of the home is down.
    """
    from queuebit.credentials import choose, is_http

    credential = choose(args.home if args.home_named else None, args.tenant, args.user, url=args.url)
    if is_http(credential.url):
        return credential
    if args.url:
        raise Stop(Exit.USAGE, f"{args.url} is no address of a gateway: give https://, http:// or unix:///")
    return replace(credential, url=home_gateway(args), ca_file=None)


def home_gateway(args: Namespace) -> str:
    """The address of the gateway of the home's stack.

    Raises:
        Stop: it is down.
    """
    return f"http://127.0.0.1:{running_stack(Home(args.home)).ports['http']}"


def ask(args: Namespace, out: Output, whom: str, question: Callable[[AsyncClient], Awaitable[_T]]) -> _T:
    """Connect, ask one question, and show whom it waits for, if that takes long."""

    async def asked() -> _T:
        async with client_of(args) as client:
            return await question(client)

    return run(asked(), out, whom)
