"""`qb backends`, `qb charges`, `qb slo`, `qb events follow`, `qb sql`."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from contextlib import suppress

from queuebit_cli.connecting import client_of
from queuebit_cli.errors import Exit, Stop
from queuebit_cli.home import Home
from queuebit_cli.output import Output
from queuebit_cli.presenting import backend_rows, charge_rows, slo_rows
from queuebit_cli.progress import Progress, run
from queuebit_cli.stack import running_stack
from queuebit_cli.warehouse import query

__all__ = ["backends", "charges", "follow", "slo", "sql"]

Rows = list[dict[str, object]]


def backends(args: Namespace, out: Output) -> Exit:
    """What circuits can run on."""

    async def ask() -> Rows:
        async with client_of(args) as client:
            return await client.backends()

    out.rows(
        run(ask(), out, "asking the broker"), none="no backend is registered yet: see `qb status`", shown=backend_rows
    )
    return Exit.DONE


def charges(args: Namespace, out: Output) -> Exit:
    """What was charged."""

    async def ask() -> Rows:
        async with client_of(args) as client:
            return await client.charges(project=args.project, limit=args.limit)

    out.rows(run(ask(), out, "asking the warehouse"), none="no charges yet", shown=charge_rows)
    return Exit.DONE


def slo(args: Namespace, out: Output) -> Exit:
    """How well service levels are kept."""

    async def ask() -> Rows:
        async with client_of(args) as client:
            return await client.slo()

    out.rows(run(ask(), out, "asking the warehouse"), none="nothing was measured yet", shown=slo_rows)
    return Exit.DONE


def follow(args: Namespace, out: Output) -> Exit:
    """Tell what happens to the tenant's jobs, until Ctrl-C."""

    async def listen() -> None:
        async with client_of(args) as client:
            async for happened in client.events():
                event = happened.event
                out.document(
                    {
                        "sequence": happened.sequence,
                        "subject": happened.subject,
                        "event": event.model_dump(mode="json", exclude_none=True),
                    }
                )
                job, name = happened.subject.split(".")[3:5]
                moment = event.time.astimezone().strftime("%H:%M:%S.%f")[:-3]
                out.say(f"{out.paint(moment, 'dim')}  {job}  {name:<10} {out.paint(event.source, 'dim')}")

    with suppress(KeyboardInterrupt):  # the only way to end it
        asyncio.run(listen())
    return Exit.DONE


def sql(args: Namespace, out: Output) -> Exit:
    """Ask the warehouse, as the operator of the stack."""
    home = Home(args.home)
    with Progress(out.as_json, "asking the warehouse"):
        status, body = query(home, running_stack(home), args.query)
    if status != 200:
        raise Stop(Exit.REFUSED, body.decode(errors="replace").strip())
    try:
        answer = json.loads(body)
        names = [column["name"] for column in answer["meta"]]
        rows = [dict(zip(names, line, strict=True)) for line in answer["data"]]
    except (ValueError, KeyError, TypeError):  # the query chose a format of its own, or returns nothing
        print(body.decode(errors="replace"), end="")
        return Exit.DONE
    out.rows(rows, none="no rows")
    return Exit.DONE
