"""Compares documents with what is in force: what would be created, changed and removed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from queuebit_documents.errors import BadDocuments, Problem
from queuebit_documents.parsed import Document
from queuebit_gitops.kinds import KINDS, Kind
from queuebit_gitops.objects import Address, Fields, Objects, join, split
from queuebit_kernel import digest

__all__ = [
    "Change",
    "Plan",
    "World",
    "budget_changes",
    "digest_of_document",
    "moved",
    "plan_of",
    "read_plan",
    "restarts",
]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Change(_Entry):
    """What becomes of one object."""

    action: Literal["create", "change", "remove"]
    kind: str
    name: str
    """The object in its document, such as `tenant.acme.project.main`; empty for the document itself."""
    fields: dict[str, tuple[JsonValue, JsonValue]] = {}
    """Each field that is not as it was: as it was and as it is to be; null for none."""


class Plan(_Entry):
    """What leads from what is in force to some documents."""

    digest: str
    """Of the documents and of what was in force: the same digest is the same plan."""
    sequence: int
    """The sequence of the last application of documents, 0 for none."""
    world: dict[str, str]
    """The digest of what was in force, by kind."""
    documents: dict[str, dict[str, JsonValue]]
    """What is to be in force, by kind: the documents, with what they do not name and what stays."""
    changes: tuple[Change, ...]
    kept: tuple[str, ...] = ()
    """Objects that are in force and that the documents do not name; `--prune` removes them."""
    commit: str | None = None
    """Of a plan that was saved: the commit of its documents."""


@dataclass(frozen=True, slots=True)
class World:
    """What is in force."""

    documents: Mapping[str, Document]
    """By kind, with each default written out."""
    sequence: int = 0
    """The sequence of the last application of documents, 0 for none."""


def plan_of(world: World, wanted: Mapping[str, Document], *, prune: bool) -> Plan:
    """Plan what leads from the world to the wanted documents; kinds without a document stay as they are.

    Args:
        world: what is in force.
        wanted: documents by kind, with each default written out.
        prune: whether objects are removed that the documents do not name.

    Raises:
        BadDocuments: the documents may not replace what is in force; all reasons.
    """
    documents: dict[str, Document] = {}
    changes: list[Change] = []
    kept: list[str] = []
    problems: list[Problem] = []
    for name, kind in KINDS.items():
        if name not in wanted:
            continue
        before = split(world.documents[name], kind.tables)
        named = split(wanted[name], kind.tables)
        after = _merged(kind, before, named, prune=prune)
        kept += [f"{name} {'.'.join(it)}" for it in after if it not in named and it[:1] != ("removed",)]
        problems += [Problem(name, it) for it in kind.faults(before, after)]
        try:
            documents[name] = kind.normal(join(after, kind.tables))
        except ValidationError as error:
            problems += [Problem(name, what) for _, what in kind.explain(error, join(after, kind.tables))]
        changes += _changes(name, before, after)
    if problems:
        raise BadDocuments(problems)
    seen = {name: digest_of_document(world.documents[name]) for name in documents}
    content = {"sequence": world.sequence, "world": seen, "documents": documents}
    return Plan(
        digest=digest_of_document(content),
        sequence=world.sequence,
        world=seen,
        documents=documents,
        changes=tuple(changes),
        kept=tuple(kept),
    )


def read_plan(content: bytes, file: str) -> Plan:
    """A plan that was written as JSON. It may be applied only if its digest comes out again.

    Raises:
        BadDocuments: it is no plan.
    """
    what = "is no plan of this version, or is damaged: `qb apply --dry-run --plan FILE` writes one"
    try:
        plan = Plan.model_validate_json(content)
        intact = all(KINDS[name].normal(it) == it for name, it in plan.documents.items())
    except (ValidationError, KeyError) as error:
        raise BadDocuments([Problem(file, what)]) from error
    if not intact or plan.world.keys() != plan.documents.keys():
        raise BadDocuments([Problem(file, what)])
    return plan


def moved(plan: Plan, world: World) -> list[str]:
    """What is in force and is not as it was when the plan was made; empty if the plan may be applied."""
    found = [name for name, seen in plan.world.items() if digest_of_document(world.documents[name]) != seen]
    return found or (["the history of applications"] if plan.sequence != world.sequence else [])


def restarts(changes: Sequence[Change]) -> tuple[str, ...]:
    """The services that have to start again for these changes to be in force."""
    kinds = dict.fromkeys(it.kind for it in changes)
    touched = {it.name.removeprefix("service.") for it in changes if it.kind == "services"}
    found = [name for kind in kinds for name in KINDS[kind].restart if kind != "services" or name in touched]
    return tuple(dict.fromkeys(found))


def budget_changes(before: Document, after: Document) -> dict[str, Decimal]:
    """By how much the budgets of all projects together change, by currency; without those that do not."""
    found: dict[str, Decimal] = {}
    for document, sign in ((before, -1), (after, 1)):
        for amount, currency in _budgets(document):
            found[currency] = found.get(currency, Decimal(0)) + sign * amount
    return {currency: amount for currency, amount in found.items() if amount}


def _budgets(tenants: Document) -> Iterator[tuple[Decimal, str]]:
    for tenant in tenants.get("tenant", {}).values():
        for project in tenant["project"].values():
            yield Decimal(project["budget"]), project["currency"]


def _merged(kind: Kind, before: Objects, named: Objects, *, prune: bool) -> dict[Address, Fields]:
    """What is to be in force: what the documents name; without `prune`, also what they do not name."""
    if prune:
        return kind.complete(before, dict(named))
    kept = {it: fields for it, fields in before.items() if it not in named}
    still = {it for it in named if it[:1] == ("removed",) and ("tenant", *it[1:]) in kept}
    return kind.complete(before, {**{it: what for it, what in named.items() if it not in still}, **kept})


def _changes(kind: str, before: Objects, after: Objects) -> Iterator[Change]:
    for address, fields in after.items():
        changed = _fields(before.get(address, {}), fields)
        if address not in before:
            yield Change(action="create", kind=kind, name=".".join(address), fields=changed)
        elif changed:
            yield Change(action="change", kind=kind, name=".".join(address), fields=changed)
    for address, fields in before.items():
        if address not in after:
            yield Change(action="remove", kind=kind, name=".".join(address), fields=_fields(fields, {}))


def _fields(old: Fields, new: Fields) -> dict[str, tuple[JsonValue, JsonValue]]:
    names = dict.fromkeys((*old, *new))
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def digest_of_document(content: object) -> str:
    """The digest of plain JSON; numbers need not be whole, unlike in what is signed."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return digest(text.encode())
