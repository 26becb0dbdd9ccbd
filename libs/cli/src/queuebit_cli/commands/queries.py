"""`qb backends`, `qb charges`, `qb slo`, `qb events follow`."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from contextlib import suppress

from queuebit.credentials import Credential
from queuebit_cli.accounts import accounts
from queuebit_cli.connecting import client_of
from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_cli.render_jobs import event_document, event_line
from queuebit_cli.render_tables import backend_rows, charge_rows, slo_rows
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack

__all__ = ["backends", "charges", "follow", "slo"]

_Rows = list[dict[str, object]]


def backends(args: Namespace, out: Output) -> Exit:
    """What circuits can run on."""

    async def ask() -> _Rows:
        async with client_of(args) as client:
            return await client.backends()

    out.rows(
        run(ask(), out, "asking the broker"), none="no backend is registered yet: see `qb status`", shown=backend_rows
    )
    return Exit.DONE


def charges(args: Namespace, out: Output) -> Exit:
    """What was charged; at the home of a stack also what is left."""

    async def ask() -> tuple[Credential, _Rows]:
        async with client_of(args) as client:
            return client.credential, await client.charges(project=args.project, limit=args.limit)

    credential, rows = run(ask(), out, "asking the warehouse")
    out.rows(_with_left(Home(args.home), credential, rows), none="no charges yet", shown=charge_rows)
    return Exit.DONE


def _with_left(home: Home, credential: Credential, rows: _Rows) -> _Rows:
    """The rows with budget, held and left, where the person who asks also runs the stack that was asked."""
    stack = Stack.load(home)
    if not rows or stack is None or stack.listens.get("nats-server") != credential.url:
        return rows
    known = accounts(home, credential.tenant) or {}
    return [{**row, **known.get((str(row["project"]), str(row["currency"])), {})} for row in rows]


def slo(args: Namespace, out: Output) -> Exit:
    """How well service levels are kept."""

    async def ask() -> _Rows:
        async with client_of(args) as client:
            return await client.slo()

    out.rows(run(ask(), out, "asking the warehouse"), none="nothing was measured yet", shown=slo_rows)
    return Exit.DONE


def follow(args: Namespace, out: Output) -> Exit:
    """Tell what happens to the tenant's jobs, until Ctrl-C."""

    async def listen() -> None:
        async with client_of(args) as client:
            out.aside(f"following events of {client.credential.tenant}; Ctrl-C ends it")
            async for happened in client.events():
                out.document(event_document(happened))
                out.say(event_line(happened, out))

    with suppress(KeyboardInterrupt):  # the only way to end it
        asyncio.run(listen())
    return Exit.DONE
