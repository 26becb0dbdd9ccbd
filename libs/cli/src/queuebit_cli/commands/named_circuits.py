"""`qb circuit`: named circuits, from the draft to the release."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.errors import NotFound
from queuebit_cli.commands.tenancy import done, edited
from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_cli.tables import Row
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.named_circuits import StoredCircuit

__all__ = ["draft", "list_", "promote", "show", "withdraw"]


def draft(args: Namespace, out: Output) -> Exit:
    """Store a source as the user, and add a version to the tenants document as the operator."""

    async def stored(client: AsyncClient) -> tuple[StoredCircuit, str, str]:
        kept = await client.store_circuit(Path(args.file))
        return kept, client.credential.tenant, client.credential.user

    kept, tenant, user = ask(args, out, "storing its source", stored)
    fields = {"digest": kept.digest, "size": kept.size, "media_type": kept.media_type, "owner": args.owner or user}
    fields |= {"parameters": [*kept.parameters]} if kept.parameters else {}
    version = edited(args, out, lambda it: it.draft_circuit(tenant, args.name, fields))
    words = f"{args.name} v{version} of {tenant} is a draft: `qb submit {args.name}@{version}` runs it"
    return done(args, out, words, circuit=args.name, version=version, state="draft", **fields)


def promote(args: Namespace, out: Output) -> Exit:
    """Give a version the next state: a draft becomes a canary, and a canary is released."""
    return _changed(args, out, None)


def withdraw(args: Namespace, out: Output) -> Exit:
    """End the use of a version by its name."""
    return _changed(args, out, "withdrawn")


def _changed(args: Namespace, out: Output, state: str | None) -> Exit:
    name, at, version = args.circuit.rpartition("@")
    if not at or not version.isdecimal():
        raise Stop(Exit.USAGE, f"{args.circuit!r} names no version: write it as NAME@7")
    tenant = ask(args, out, "looking it up", _tenant)
    found = edited(args, out, lambda it: it.set_circuit_state(tenant, name, int(version), state))
    words = f"{name} v{version} of {tenant} is {'a ' if found == 'canary' else ''}{found}"
    return done(args, out, words, circuit=name, version=int(version), state=found)


async def _tenant(client: AsyncClient) -> str:
    return client.credential.tenant


def list_(args: Namespace, out: Output) -> Exit:
    """List the newest version of each circuit, or all versions."""
    rows = ask(args, out, "asking the broker", lambda client: client.circuits())
    oldest_first = sorted(rows, key=lambda it: (str(it["circuit"]), int(str(it["version"]))))
    newest = {str(it["circuit"]): it for it in oldest_first}
    shown = oldest_first if args.all else [*newest.values()]
    out.rows(shown, none="no circuit has a name yet: `qb circuit draft NAME FILE` gives one", shown=_rows)
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """All versions of a circuit, or one of them with its source."""
    from queuebit.named_circuits import chosen, loaded

    async def asked(client: AsyncClient) -> tuple[list[Row], str | None]:
        rows = await client.circuits()
        if "@" not in args.circuit:
            return [it for it in rows if it["circuit"] == args.circuit], None
        row = chosen(rows, args.circuit)
        return [row], (await loaded(client._payloads(), row)).source.decode(errors="replace")

    rows, source = ask(args, out, "asking the broker", asked)
    if not rows:
        raise NotFound(f"there is no circuit {args.circuit} here: `qb circuit list` has all")
    out.document([dict(it) for it in rows] if source is None else {**rows[0], "source": source})
    out.table(_rows(rows), fit=True)
    for line in (source or "").splitlines():
        out.say(line)
    return Exit.DONE


def _rows(rows: Sequence[Row]) -> list[Row]:
    return [
        {
            "circuit": it["circuit"],
            "version": it["version"],
            "state": it["state"],
            "owner": it["owner"],
            "inputs": _listed(it.get("parameters")),
            "digest": it["digest"],
        }
        for it in rows
    ]


def _listed(names: object) -> str:
    return ", ".join(map(str, names)) if isinstance(names, list | tuple) else ""
