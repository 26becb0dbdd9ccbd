"""`qb backends`, `qb charges`, `qb slo`, `qb events follow`."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress

from queuebit.errors import QueuebitError
from queuebit.records import Row
from queuebit_cli.connecting import client_of
from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_cli.render_tables import backend_rows, charge_rows, slo_rows
from queuebit_stack.balances import by_account
from queuebit_stack.errors import Exit

__all__ = ["backends", "charges", "follow", "slo"]

_Rows = list[dict[str, object]]


def backends(args: Namespace, out: Output) -> Exit:
    """List backends."""

    async def ask() -> _Rows:
        async with client_of(args) as client:
            return await client.backends()

    out.rows(
        run(ask(), out, "asking the broker"), none="no backend is registered yet: see `qb status`", shown=backend_rows
    )
    return Exit.DONE


def charges(args: Namespace, out: Output) -> Exit:
    """List charges and balances."""

    async def ask() -> _Rows:
        async with client_of(args) as client:
            rows = await client.charges(project=args.project, limit=args.limit)
            with suppress(QueuebitError):  # the charges are known without the broker
                return _with_left(rows, by_account(await client.balances(project=args.project)))
            return rows

    out.rows(run(ask(), out, "asking the warehouse"), none="no charges yet", shown=charge_rows)
    return Exit.DONE


def _with_left(rows: _Rows, accounts: Mapping[tuple[str, str], Row]) -> _Rows:
    """The rows with budget, held and left."""
    known = {key: {"budget": it["limit"], "held": it["held"], "left": it["left"]} for key, it in accounts.items()}
    return [{**row, **known.get((str(row["project"]), str(row["currency"])), {})} for row in rows]


def slo(args: Namespace, out: Output) -> Exit:
    """List service levels."""

    async def ask() -> _Rows:
        async with client_of(args) as client:
            return await client.slo()

    out.rows(run(ask(), out, "asking the warehouse"), none="nothing was measured yet", shown=slo_rows)
    return Exit.DONE


def follow(args: Namespace, out: Output) -> Exit:
    """Print events of the tenant's jobs until Ctrl-C."""
    from queuebit.documents import event_document
    from queuebit_cli.render_jobs import event_line

    async def listen() -> None:
        async with client_of(args) as client:
            out.aside(f"following events of {client.credential.tenant}; Ctrl-C ends it")
            async for logged in client.events():
                out.document(event_document(logged))
                out.say(event_line(logged, out))

    with suppress(KeyboardInterrupt):  # the only way to end it
        asyncio.run(listen())
    return Exit.DONE
