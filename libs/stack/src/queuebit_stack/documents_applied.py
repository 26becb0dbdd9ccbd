"""Compares documents with what is in force in a home, and puts a plan in force: whole, recorded, if nothing moved.

The record comes first, in one batch with the facts about tenants: of two plans at the same time, one is refused and
changes nothing. Then the home's files are written. After a crash in between, the next plan shows what is left to do.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from queuebit_contracts.config import Application, AppliedChange
from queuebit_contracts.query import TenantsRequest
from queuebit_contracts.tenants import Tenants, tenants_toml
from queuebit_documents.errors import BadDocuments
from queuebit_documents.parsed import Document
from queuebit_gitops.documents import Wanted
from queuebit_gitops.kinds import KINDS
from queuebit_gitops.plan import Plan, World, digest_of_document, moved, plan_of
from queuebit_gitops.writing import to_toml
from queuebit_stack.application_history import last_application
from queuebit_stack.bootstrap import is_in_force
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.home_documents import FILED, document_in, write_document
from queuebit_stack.locks import alone
from queuebit_stack.stack import running_stack
from queuebit_stack.tenant_facts import Record, apply_here, apply_there, ask, author, record_there

__all__ = ["Seen", "apply_plan", "commit_of", "look", "plan_here"]

_MOST_BYTES = 90_000
"""Room for the changes in an event of the log."""

_GIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is in force, and the sequence of the newest fact about tenants."""

    world: World
    tenants_after: int


def look(home: Home) -> Seen:
    """See what is in force.

    Raises:
        Stop: the stack is down, or a file of the home breaks its rules.
        Unreachable: no broker answers.
    """
    running_stack(home)
    answer = ask(partial(operator_of, home), TenantsRequest())
    documents = {"tenants": KINDS["tenants"].normal(answer.document)}
    documents |= {kind: document_in(home, kind) for kind in FILED}
    return Seen(World(documents, asyncio.run(last_application(operator_of(home)))), answer.sequence)


def plan_here(home: Home, wanted: Mapping[str, Document], *, prune: bool) -> tuple[Plan, World]:
    """Plan what leads from what is in force to some documents; changes nothing.

    Raises:
        Stop: they may not replace what is in force; the text lists why.
        Unreachable: no broker answers.
    """
    seen = look(home)
    plan = _planned(seen.world, wanted, prune=prune)
    if any(it.kind == "tenants" for it in plan.changes):  # the broker also knows the accounts
        desired = Tenants.model_validate(plan.documents["tenants"])
        apply_there(partial(operator_of, home), desired, author(), dry_run=True)
    return plan, seen.world


def _planned(world: World, wanted: Mapping[str, Document], *, prune: bool) -> Plan:
    try:
        return plan_of(world, wanted, prune=prune)
    except BadDocuments as error:
        raise Stop(Exit.USAGE, str(error)) from error


def apply_plan(home: Home, plan: Plan, written: Mapping[str, Wanted], by: str, commit: str | None) -> None:
    """Put a plan in force, if what is in force is as it was when the plan was made.

    Args:
        home: whose stack.
        plan: the plan.
        written: the documents as they were written; their text is kept where the plan holds exactly them.
        by: who wants it.
        commit: what the record names as their commit.

    Raises:
        Stop: what is in force moved, or the home has edits that are not in force; nothing was changed.
        Unreachable: no broker answers.
    """
    with alone(home.tenants_lock):
        seen = look(home)
        if gone := moved(plan, seen.world):
            text = f"{' and '.join(gone)} changed since this plan was made; nothing was applied: plan again"
            raise Stop(Exit.REFUSED, text)
        now = _planned(seen.world, plan.documents, prune=True)
        if now.digest != plan.digest:
            raise Stop(Exit.REFUSED, "the plan does not have the digest of its documents: plan again")
        _require_applicable(home, plan)
        texts = {kind: _text(kind, document, written.get(kind)) for kind, document in plan.documents.items()}
        record = Record(_application(now, by, commit), now.sequence, seen.tenants_after)
        if any(it.kind == "tenants" for it in now.changes):
            _apply_tenants(home, now, texts["tenants"], by, record)
        else:
            record_there(partial(operator_of, home), by, record)
        for kind in dict.fromkeys(it.kind for it in now.changes):
            if kind in FILED:
                write_document(home, kind, texts[kind])


def commit_of(folder: Path) -> str | None:
    """The commit of a folder's work tree, with `-dirty` if files there differ from it; None without git."""
    place = folder if folder.is_dir() else folder.parent
    try:
        head = _git(place, "rev-parse", "HEAD").strip()
        return f"{head}-dirty" if _git(place, "status", "--porcelain", "--", ".").strip() else head
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    asked = subprocess.run(
        ["git", "-C", str(folder), *words],  # noqa: S607  # the git of the person who applies
        capture_output=True,
        text=True,
        timeout=_GIT_S,
        check=True,
    )
    return asked.stdout


def _apply_tenants(home: Home, plan: Plan, text: str, by: str, record: Record) -> None:
    """Append the facts and the record; the home's tenants file says the same, or is as it was."""
    before = home.tenants_file.read_text(encoding="utf-8")
    desired = Tenants.model_validate(plan.documents["tenants"])
    write_private(home.tenants_file, text)
    try:
        applied = apply_here(home, running_stack(home), desired, by, overwrite=True, record=record)
    except Stop:
        write_private(home.tenants_file, before)
        raise
    if applied is None:
        write_private(home.tenants_file, before)
        text = "no broker answers: what the documents revoke is closed on the bus, the rest is not in force: plan again"
        raise Stop(Exit.UNREACHABLE, text)


def _require_applicable(home: Home, plan: Plan) -> None:
    if running_stack(home).in_containers and (own := {*plan.documents} - {"tenants", "pricebook"}):
        names = " and ".join(sorted(own))
        raise Stop(Exit.REFUSED, f"in containers, {names} are set in compose.yaml: apply the other documents alone")
    if "tenants" in plan.documents and not is_in_force(home):
        raise Stop(
            Exit.REFUSED,
            f"{home.tenants_file} has edits that are not in force: put them in your documents, then restore it: "
            "`qb tenant export --output FILE`, then `qb tenant apply FILE`",
        )


def _text(kind: str, document: Document, written: Wanted | None) -> str:
    """The file of a document: as it was written, if it says exactly this."""
    if written is not None and written.text is not None and written.document == document:
        return written.text
    if (write := KINDS[kind].write) is not None:
        return write(document)
    return tenants_toml(Tenants.model_validate(document)) if kind == "tenants" else to_toml(document)


def _application(plan: Plan, by: str, commit: str | None) -> Application:
    changes = [AppliedChange(**it.model_dump()) for it in plan.changes]
    kept, room = 0, _MOST_BYTES
    for change in changes:
        room -= len(json.dumps(change.model_dump(mode="json")))
        if room < 0:
            break
        kept += 1
    return Application(
        by=by,
        plan=plan.digest,
        commit=commit,
        documents={kind: digest_of_document(document) for kind, document in plan.documents.items()},
        changes=tuple(changes[:kept]),
        omitted=len(changes) - kept,
    )
