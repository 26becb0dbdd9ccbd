"""`qb backends`, `qb charges`, `qb balances`, `qb events follow`."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.balances import with_balances
from queuebit.charge_exports import FORMS
from queuebit.errors import QueuebitError
from queuebit.records import Table
from queuebit_cli.connecting import ask, client_of
from queuebit_cli.output import Output
from queuebit_cli.render_tables import backend_rows, balance_tables, charge_rows
from queuebit_cli.tables import Row
from queuebit_stack.errors import Exit
from queuebit_stack.files import require_place

if TYPE_CHECKING:
    from queuebit.client import AsyncClient

__all__ = ["backends", "balances", "charges", "follow"]


def backends(args: Namespace, out: Output) -> Exit:
    """List backends."""
    from queuebit_cli.commands.jobs import queues_of

    async def known(client: AsyncClient) -> list[Row]:
        rows, queues = await asyncio.gather(client.backends(), queues_of(client))
        return [{**row, **queues.get(str(row["backend"]), {})} for row in rows]

    rows = ask(args, out, "asking the broker", known)
    out.rows(rows, none="no backend is registered yet: see `qb status`", shown=backend_rows)
    return Exit.DONE


def balances(args: Namespace, out: Output) -> Exit:
    """What accounts and budgets have left."""
    rows = ask(args, out, "asking the broker", lambda client: client.balances(project=args.project))
    out.document(list(rows))
    if not rows:
        out.say("no account has money yet")
    for each in balance_tables(rows):
        out.table(each, fit=True)
    return Exit.DONE


def charges(args: Namespace, out: Output) -> Exit:
    """List charges and balances, sum the charges of a period, or write all of them to a file."""
    if args.export and args.by:
        args.misused("--by sums charges and --export lists each: give one of them")
    if args.export:
        return _exported(args, out)
    if args.by:
        from queuebit_cli.commands.charge_sums import charge_sums

        return charge_sums(args, out)
    if args.since is not None or args.until is not None:
        args.misused("--from and --to are of sums and exports: give --by FIELDS or --export FORM FILE too")
    if args.csv or args.all_tenants:
        args.misused("--csv and --all-tenants are of sums: give --by FIELDS too")

    async def charged(client: AsyncClient) -> Table:
        rows = await client.charges(project=args.project, limit=args.limit)
        with suppress(QueuebitError):  # the charges are known without the broker
            return with_balances(rows, await client.balances(project=args.project))
        return rows

    out.rows(ask(args, out, "asking the warehouse", charged), none="no charges yet", shown=charge_rows)
    return Exit.DONE


def _exported(args: Namespace, out: Output) -> Exit:
    form, name = args.export
    if form not in FORMS:
        args.misused(f"charges are not exported as {form!r}: use one of {', '.join(FORMS)}")

    path = Path(name)
    require_place(path, "--export")
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:

            async def written(client: AsyncClient) -> int:
                pages = client.export_charges(form, project=args.project, since=args.since, until=args.until)
                return sum([file.write(page) async for page in pages])

            size = ask(args, out, "asking the warehouse", written)
        part.replace(path)  # a file with the name asked for is whole
    finally:
        part.unlink(missing_ok=True)
    out.document({"file": name, "format": form, "bytes": size})
    out.say(f"{name}: {size:,} bytes")
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
