"""The client that a command uses."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from queuebit_stack.connection import quick_start

if TYPE_CHECKING:
    from queuebit.client import AsyncClient

__all__ = ["client_of"]


def client_of(args: Namespace) -> AsyncClient:
    """A client with the credential that `--tenant` and `--user` choose."""
    quick_start()
    from queuebit.client import AsyncClient
    from queuebit.credentials import find

    return AsyncClient(find(args.home, args.tenant, args.user))
