"""Who may log in to the bus of a home: makes nats-server go by a tenants document."""

from __future__ import annotations

import time

from queuebit_contracts.tenants import Tenants
from queuebit_stack import nats_server
from queuebit_stack.bootstrap import clients_of, logins, write_logins, write_nats_config
from queuebit_stack.containers import configure
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack

__all__ = ["grant_on_bus"]

_AWAY_S = 10.0
"""How long a nats-server that does not answer is awaited: it may be starting again."""


def grant_on_bus(home: Home, stack: Stack, wanted: Tenants) -> None:
    """Have the bus go by a document, unless it grants just that.

    Raises:
        Stop: nats-server refuses the new configuration, or does not answer.
    """
    clients, now = clients_of(wanted), logins(home)
    before = None if now is None else clients_of(now)
    if clients == before and now is not None and {*now.tenant} == {*wanted.tenant}:
        return
    if stack.in_containers:  # whose server reads it when it starts again
        configure(home, wanted)
        return
    home.logins_file.unlink(missing_ok=True)  # until the bus has followed, nothing says what it grants
    write_nats_config(home, stack.ports, wanted)
    new_accounts = {*wanted.tenant} - {*(now.tenant if now else ())}
    for _ in range(2 if new_accounts else 1):  # what a new account imports works from the second reload on
        _reload(home, stack.ports["nats-server"])
    write_logins(home, wanted)


def _reload(home: Home, port: int) -> None:
    """Have nats-server read its configuration again; one that is down reads it when it starts.

    Raises:
        Stop: it runs, and refuses the configuration or does not answer.
    """
    deadline = time.monotonic() + _AWAY_S
    while True:
        try:
            refused = nats_server.reload(home.seed_file("system"), port)
        except OSError as error:
            stack = Stack.load(home)
            if stack is None or "nats-server" not in stack.left:
                return
            if time.monotonic() > deadline:
                raise Stop(Exit.UNREACHABLE, f"nats-server does not answer: {error}; try again") from error
            time.sleep(0.1)
        else:
            if refused:
                raise Stop(Exit.REFUSED, f"nats-server goes on as before, it refuses {home.nats_config}: {refused}")
            return
