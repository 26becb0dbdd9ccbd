"""`qb tenant apply`, `export`, `history`: who may use a stack, as its facts say; here, or on another machine."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from queuebit_cli.commands.tenancy import done
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_tenants import history_rows
from queuebit_contracts.query import TenantsRequest
from queuebit_contracts.tenants import Tenants, check_tenants, tenants_toml
from queuebit_stack.bootstrap import read_tenants
from queuebit_stack.connection import operator_at, operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place, write_private
from queuebit_stack.home import Home
from queuebit_stack.tenant_documents import apply_document, difference, document_of
from queuebit_stack.tenant_facts import Operator, apply_there, ask, author
from queuebit_stack.tenant_history import history_of

__all__ = ["apply", "export", "history"]


def apply(args: Namespace, out: Output) -> Exit:
    """Put a tenants file in force: this home's, or another one, which then becomes this home's."""
    by, file = args.by or author(), None if args.file is None else Path(args.file)
    home = Home(args.home)
    if args.url and file is None:
        args.misused("name the file to apply")
    if not args.url:
        home.require()
    if args.url or args.dry_run:
        return _apply_there(args, document_of(home, file), by, out)
    with Progress(out.as_json, "putting the tenants in force"):
        applied = apply_document(home, file, by)
    tenants = [*read_tenants(home).tenant]
    if applied.changes is None:
        out.document({"tenants": tenants, "changes": None})
        raise Stop(Exit.UNREACHABLE, "no broker answers: what the file revokes is closed, the rest is not in force")
    for change in applied.changes:
        out.say(change)
    words = f"{home.tenants_file} is in force"
    if applied.waits_for_start:
        words = f"{home.tenants_file} is good; the next {home.command('up')} puts it in force"
    return done(args, out, words, tenants=tenants, changes=applied.changes)


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
    rows = history_of(_operator(args), args.tenant)
    if not rows:
        raise Stop(Exit.REFUSED, f"no fact names a tenant {args.tenant}: `qb tenant list` shows what there is")
    out.rows(rows, none="", shown=history_rows)
    return Exit.DONE


def _apply_there(args: Namespace, desired: Tenants, by: str, out: Output) -> Exit:
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


def _shown(document: Mapping[str, object], desired: Tenants, out: Output) -> Exit:
    lines = difference(document, desired)
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
