"""`qb tenant apply`, `export`, `history`: who may use a stack, as its facts say; here, or on another machine."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Mapping, Sequence
from difflib import unified_diff
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_tables import day_and_time
from queuebit_cli.tables import Row
from queuebit_contracts.query import TenantsRequest
from queuebit_contracts.tenants import BadTenants, Tenants, check_tenants, parse_tenants, tenants_toml
from queuebit_stack.bootstrap import read_tenants
from queuebit_stack.connection import operator_at, operator_of
from queuebit_stack.containers import RESTARTED, env_file
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place, write_private
from queuebit_stack.home import Home
from queuebit_stack.locks import alone
from queuebit_stack.stack import Stack
from queuebit_stack.tenant_facts import Operator, apply_here, apply_there, ask, author, runs
from queuebit_stack.tenant_history import Change, changes_of

if TYPE_CHECKING:
    from queuebit.nats_transport import NatsTransport

__all__ = ["apply", "current", "export", "history", "tell_restart"]


def apply(args: Namespace, out: Output) -> Exit:
    """Put a tenants file in force: this home's, or another one, which then becomes this home's."""
    by = args.by or author()
    if args.url:
        return _apply_there(args, out, _read(args.file) if args.file else args.misused("name the file to apply"), by)
    home = Home(args.home)
    home.require()
    with alone(home.tenants_lock):
        text = None if args.file is None else _text(args.file)
        desired = read_tenants(home) if text is None else _parsed(args.file, text)
        stack = Stack.load(home)
        if args.dry_run:
            return _shown(apply_there(partial(operator_of, home), desired, by, dry_run=True).document, desired, out)
        before = home.tenants_file.read_text(encoding="utf-8") if home.tenants_file.exists() else ""
        if text is not None:
            write_private(home.tenants_file, text)
        if stack is None or not runs(stack):
            return _said(home, out, f"{home.tenants_file} is good; the next {home.command('up')} puts it in force", ())
        try:
            with Progress(out.as_json, "putting the tenants in force"):
                changes = apply_here(home, stack, desired, by, overwrite=True)
        except Stop:
            write_private(home.tenants_file, before)
            raise
    return _said(home, out, f"{home.tenants_file} is in force", changes)


def export(args: Namespace, out: Output) -> Exit:
    """What is in force, as a tenants file."""
    if args.output:
        require_place(Path(args.output))
    answer = ask(_operator(args), TenantsRequest())
    out.document(answer.document)
    text = tenants_toml(check_tenants(answer.document))
    if args.output:
        write_private(Path(args.output), text)
        out.say(f"{args.output} says what is in force")
    elif not out.as_json:
        out.stream(text.splitlines())
    return Exit.DONE


def history(args: Namespace, out: Output) -> Exit:
    """Who changed a tenant, what, and when."""
    rows = asyncio.run(_history(_operator(args)(), args.name))
    if not rows:
        raise Stop(Exit.REFUSED, f"no fact names a tenant {args.name}: `qb tenant list` shows what there is")
    out.rows(rows, none="", shown=_history_rows)
    return Exit.DONE


def current(home: Home) -> Tenants:
    """What is in force; while the stack is down, what its next start puts in force."""
    stack = Stack.load(home)
    if stack is None or not runs(stack):
        return read_tenants(home)
    return check_tenants(ask(partial(operator_of, home), TenantsRequest()).document)


def tell_restart(home: Home, out: Output) -> None:
    """Say what is left to do where containers run the stack."""
    out.say("next, since nats keeps the users that it was started with, in the repository:")
    out.say(f"  docker compose --env-file {env_file(home)} restart {' '.join(RESTARTED)}")


def _apply_there(args: Namespace, out: Output, desired: Tenants, by: str) -> Exit:
    before = apply_there(_operator(args), desired, by, dry_run=args.dry_run)
    if args.dry_run:
        return _shown(before.document, desired, out)
    out.document({"changes": list(before.changes)})
    for change in before.changes:
        out.say(change)
    out.say(f"{len(before.changes)} facts say so now" if before.changes else "nothing to change")
    if before.changes:
        out.paragraph(
            "who may log in to the bus follows in the stack's own home: `qb tenant export --output FILE`, then "
            "`qb tenant apply FILE`"
        )
    return Exit.DONE


def _said(home: Home, out: Output, words: str, changes: Sequence[str] | None) -> Exit:
    stack = Stack.load(home)
    restart = changes is not None and stack is not None and stack.in_containers
    out.document(
        {"tenants": [*read_tenants(home).tenant], "changes": changes, **({"restart": RESTARTED} if restart else {})}
    )
    if changes is None:
        raise Stop(Exit.UNREACHABLE, "no broker answers: what the file revokes is closed, the rest is not in force")
    for change in changes:
        out.say(change)
    out.say(words)
    if restart:
        tell_restart(home, out)
    return Exit.DONE


def _shown(document: Mapping[str, object], desired: Tenants, out: Output) -> Exit:
    """How a document differs from what is in force."""
    now, then = (tenants_toml(it).splitlines() for it in (check_tenants(document), desired))
    lines = [*unified_diff(now, then, "in force", "wanted", lineterm="", n=2)]
    out.document({"diff": lines})
    if not out.as_json:
        out.stream(lines)
    if not lines:
        out.say("nothing would change")
    return Exit.DONE


def _operator(args: Namespace) -> Operator:
    if not args.url:
        return partial(operator_of, Home(args.home))
    if not args.seed_file:
        args.misused("with --url, give --seed-file FILE: the seed of that stack's operator")
    return partial(operator_at, args.url, Path(args.seed_file), Path(args.ca_file) if args.ca_file else None)


def _read(file: str) -> Tenants:
    return _parsed(file, _text(file))


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(Exit.USAGE, f"{file} cannot be read: {error}") from error


def _parsed(file: str, text: str) -> Tenants:
    try:
        return parse_tenants(text)
    except BadTenants as error:
        raise Stop(Exit.USAGE, f"{file}: {error}") from error


async def _history(transport: NatsTransport, tenant: str) -> list[Change]:
    try:
        return await changes_of(transport, tenant)
    finally:
        await transport.close()


def _history_rows(rows: Sequence[Row]) -> Sequence[Row]:
    return [
        {"at": day_and_time(row["at"]), "by": row["by"], "what": row["what"], "changed": _words(row["changed"])}
        for row in rows
    ]


def _words(changed: object) -> str:
    if not isinstance(changed, dict):
        return ""
    return ", ".join(
        f"{name} {_value(name, new)}" if old is None else f"{name} {_value(name, old)} → {_value(name, new)}"
        for name, (old, new) in changed.items()
    )


def _value(name: str, value: object) -> str:
    match name, value:
        case "backends", []:
            return "all"
        case "keys", [*keys]:  # by their beginning, which is what `qb tenant token revoke` takes
            return ", ".join(str(it)[:9] for it in keys) or "none"
        case _, [*values]:
            return ", ".join(map(str, values)) or "none"
        case _, {}:
            return ", ".join(f"{what} {_limit(limit)}" for what, limit in value.items()) or "none"
        case _:
            return str(value)


def _limit(limit: Mapping[str, str]) -> str:
    return f"{limit['amount']} {limit['currency']}"
