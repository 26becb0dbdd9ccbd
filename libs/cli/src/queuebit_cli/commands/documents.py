"""`qb apply`, `qb export`: what a stack is to be, as documents of a folder that may lie in git."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_plans import application_rows, change_rows, plan_lines
from queuebit_contracts.tenants import check_tenants, tenants_toml
from queuebit_documents.errors import BadDocuments
from queuebit_gitops.documents import Wanted, read
from queuebit_gitops.folder import SUFFIXES, sources_in, sources_of
from queuebit_gitops.kinds import KINDS
from queuebit_gitops.plan import Plan, World, moved, read_plan, restarts
from queuebit_gitops.writing import to_yaml
from queuebit_stack.application_history import applications
from queuebit_stack.connection import operator_of
from queuebit_stack.containers import env_file
from queuebit_stack.documents_applied import apply_plan, commit_of, look, plan_here
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place, write_private
from queuebit_stack.home import Home
from queuebit_stack.home_documents import FILED, text_in
from queuebit_stack.stack import Stack
from queuebit_stack.tenant_facts import author

__all__ = ["apply", "export"]


def apply(args: Namespace, out: Output) -> Exit:
    """Compare documents with what is in force, and put them in force."""
    home = Home(args.home)
    if args.history:
        return _history(home, out)
    if args.folder is None and (args.dry_run or args.plan is None):
        args.misused("give the folder of the documents: -f DIR")
    written = _written(Path(args.folder), getattr(args, "only", None)) if args.folder else {}
    saved = _saved(Path(args.plan)) if args.plan and not args.dry_run else None
    if args.plan and args.dry_run:
        require_place(Path(args.plan))
    with Progress(out.as_json, "comparing with what is in force"):
        plan, world = _planned(home, args, written, saved)
    _show(plan, world, out)
    if args.dry_run:
        _say_planned(plan, args, out)
        return Exit.DIFFERS if plan.changes else Exit.DONE
    if plan.changes:
        commit = saved.commit if saved else commit_of(Path(args.folder))
        with Progress(out.as_json, "putting the documents in force"):
            apply_plan(home, plan, written, args.by or author(), commit)
        _say_applied(home, plan, out)
    out.document({**_summary(plan), "applied": bool(plan.changes), "restart": restarts(plan.changes)})
    return Exit.DONE


def export(args: Namespace, out: Output) -> Exit:
    """Write what is in force into a folder, one file of each kind."""
    home, folder = Home(args.home), Path(args.dir)
    world = look(home).world
    form = {kind: "yaml" if KINDS[kind].write else args.format for kind in KINDS}
    files = {kind: folder / f"{kind}.{form[kind]}" for kind in KINDS}
    others = [folder / f"{kind}{suffix}" for kind in KINDS for suffix in (*SUFFIXES, "")]
    if taken := [str(it) for it in others if it.exists() and it not in files.values()]:
        raise Stop(Exit.USAGE, f"{', '.join(taken)} would say the same again: delete it, or choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, path in files.items():
            path.write_text(_exported(home, kind, world, args.format), encoding="utf-8")
    except OSError as error:
        raise Stop(Exit.USAGE, f"{folder} cannot be written: {error.strerror}; choose another folder") from error
    out.document({"files": [str(it) for it in files.values()]})
    out.say(f"{folder} says what is in force: {', '.join(it.name for it in files.values())}")
    return Exit.DONE


def _history(home: Home, out: Output) -> Exit:
    rows = asyncio.run(applications(operator_of(home)))
    out.rows(rows, none="nothing was applied yet", shown=application_rows)
    return Exit.DONE


def _written(folder: Path, kind: str | None = None) -> dict[str, Wanted]:
    """The documents of a folder, or those that are all of one kind."""
    try:
        return read(sources_in(folder) if kind is None else sources_of(kind, folder))
    except BadDocuments as error:
        raise Stop(Exit.USAGE, str(error)) from error


def _saved(file: Path) -> Plan:
    try:
        return read_plan(file.read_bytes(), str(file))
    except BadDocuments as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{file} cannot be read: {error.strerror}") from error


def _planned(home: Home, args: Namespace, written: Mapping[str, Wanted], saved: Plan | None) -> tuple[Plan, World]:
    """The plan of the folder, or without one the saved plan, compared with what is in force now."""
    wanted = {kind: it.document for kind, it in written.items()}
    if saved is None:
        return plan_here(home, wanted, prune=args.prune)
    plan, world = plan_here(home, wanted or saved.documents, prune=args.prune or not wanted)
    if plan.digest != saved.digest:
        gone = moved(saved, world)
        why = f"{' and '.join(gone)} changed" if gone else f"{args.folder} or --prune changed"
        raise Stop(Exit.REFUSED, f"{why} since the plan in {args.plan} was made; nothing was applied: plan again")
    return plan, world


def _show(plan: Plan, world: World, out: Output) -> None:
    if out.as_json:
        return
    if plan.changes:
        out.table(change_rows(plan.changes), fit=True)
        out.say()
    for line in plan_lines(plan, world):
        out.paragraph(line)


def _exported(home: Home, kind: str, world: World, form: str) -> str:
    if form == "yaml" and KINDS[kind].write is None:
        return to_yaml(world.documents[kind])
    return text_in(home, kind) if kind in FILED else tenants_toml(check_tenants(world.documents[kind]))


def _say_planned(plan: Plan, args: Namespace, out: Output) -> None:
    out.document(_summary(plan))
    if args.plan:
        saved = plan.model_copy(update={"commit": commit_of(Path(args.folder))})
        write_private(Path(args.plan), saved.model_dump_json(indent=1) + "\n")
        out.say(f"the plan is in {args.plan}: `qb apply --plan {args.plan}` applies it")


def _summary(plan: Plan) -> dict[str, object]:
    changes = [it.model_dump(mode="json") for it in plan.changes]
    return {"plan": plan.digest, "changes": changes, "kept": plan.kept}


def _say_applied(home: Home, plan: Plan, out: Output) -> None:
    out.say("applied: `qb apply --history` shows it")
    if not (services := restarts(plan.changes)):
        return
    names, stack = " and ".join(services), Stack.load(home)
    if stack is not None and stack.in_containers:
        out.paragraph(f"next: docker compose --env-file {env_file(home)} restart {' '.join(services)}")
    else:
        out.paragraph(f"next, so that {names} read it: {home.command('down')}, then {home.command('up')}")
