"""The kinds of documents. To add one, add its line to `KINDS`: its model, its tables of objects, and its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ValidationError

from queuebit_contracts.alert_documents import Alerts, AlertsDraft, faults
from queuebit_contracts.deployment import Backends, Services
from queuebit_contracts.openslo import Objectives
from queuebit_contracts.probe_documents import Probes
from queuebit_contracts.tenants import BadTenants, Tenants, check_tenants, damaged_keys
from queuebit_documents.advice import advice
from queuebit_documents.errors import Path, dotted
from queuebit_documents.parsed import Document, Parsed
from queuebit_gitops.objects import Address, Fields, Objects, Table, join
from queuebit_isolation import FleetDocument
from queuebit_pricing import BadPriceBook, PriceBook, check
from queuebit_protection import ProtectionDocument
from queuebit_slo.documents import KINDS as OPENSLO_KINDS
from queuebit_slo.documents import by_kind, to_yaml
from queuebit_slo.documents import faults as faults_of_objectives

__all__ = ["KINDS", "Fault", "Kind"]

Fault = tuple[Path, str]
"""A place in a document, and what is wrong there."""


def _no_faults(before: Objects, after: Objects) -> Sequence[str]:
    del before, after
    return ()


def _no_problems(document: Document) -> Sequence[Fault]:
    del document
    return ()


def _as_merged(before: Objects, after: dict[Address, Fields]) -> dict[Address, Fields]:
    del before
    return after


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document."""

    name: str
    """Its file is `NAME.toml`, `NAME.yaml` or `NAME.yml`, or several in the folder `NAME`."""
    model: type[BaseModel]
    tables: Mapping[str, Table]
    restart: tuple[str, ...] = ()
    """The services that read it only when they start."""
    sentences: Callable[[ValidationError, Document], Sequence[Fault]] | None = None
    """Says what is wrong with a document, in words of its own."""
    check: Callable[[Document], Sequence[Fault]] = _no_problems
    """What may be in force and may not be written; of a document with each default written out."""
    faults: Callable[[Objects, Objects], Sequence[str]] = _no_faults
    """Every reason why valid objects may not replace those in force."""
    complete: Callable[[Objects, dict[Address, Fields]], dict[Address, Fields]] = _as_merged
    """Adds what follows from a removal."""
    read: Callable[[str, str], Parsed] | None = None
    """Reads text of a file, for documents that are YAML alone and several in a file."""
    write: Callable[[Document], str] | None = None
    """Writes what `read` reads."""

    def normal(self, document: Document) -> Document:
        """The document with each default written out.

        Raises:
            ValidationError: it breaks the rules.
        """
        return self.model.model_validate(document).model_dump(mode="json", by_alias=True, exclude_none=True)

    def explain(self, error: ValidationError, document: Document) -> Sequence[Fault]:
        """What is wrong with a document, and where."""
        found = self.sentences(error, document) if self.sentences else ()
        return found or advice(self.model, error)


def _tenants_advice(error: ValidationError, document: Document) -> Sequence[Fault]:
    """The sentences of the tenants document, each with its place."""
    paths: list[Path] = [tuple(it for it in fault["loc"] if it != "[key]") for fault in error.errors()]
    try:
        check_tenants(document)
    except BadTenants as bad:
        return list(zip(paths, bad.faults, strict=True))
    return []


def _key_problems(document: Document) -> Sequence[Fault]:
    return [
        (
            path := ("tenant", tenant, "user", user, "keys", at),
            f"{dotted(path)} has a wrong character: copy the whole key",
        )
        for tenant, user, at in damaged_keys(Tenants.model_validate(document))
    ]


def _prices_advice(error: ValidationError, document: Document) -> Sequence[Fault]:
    del error
    try:
        check(document)
    except BadPriceBook as bad:
        return [(problem.path, str(problem)) for problem in bad.problems]
    return []


def _alerts_advice(error: ValidationError, document: Document) -> Sequence[Fault]:
    """What the document says of names that it does not have, each with its place."""
    if any(it["loc"] for it in error.errors()):
        return []
    return faults(AlertsDraft.model_validate(document))


def _with_reserved_names(before: Objects, after: dict[Address, Fields]) -> dict[Address, Fields]:
    """The name of a removed tenant stays reserved, whether or not the document names it."""
    gone = [it[1] for it in before if it[:1] == ("tenant",) and len(it) == 2 and it not in after]
    kept = [it[1] for it in before if it[0] == "removed"]
    return {**after, **{("removed", name): {} for name in (*kept, *gone)}}


def _price_faults(before: Objects, after: Objects) -> list[str]:
    """Rows are added, and ended with `valid_until`: jobs are billed by the price at which they were accepted."""
    found = [*_edited_rows("price", before, after), *_edited_rows("agreement", before, after)]
    book, book_before = after.get((), {}), before.get((), {})
    if book.get("currency") != book_before.get("currency"):
        found.append(f"the price book is in {book_before.get('currency')}: another currency takes another stack")
    if _rows(before) != _rows(after) and book.get("version") == book_before.get("version"):
        found.append(f"the prices differ from edition {book.get('version')}: write the date of the new one as version")
    return sorted(found)


def _edited_rows(table: str, before: Objects, after: Objects) -> Iterator[str]:
    old, new = ({it[1]: fields for it, fields in _rows(them).items() if it[0] == table} for them in (before, after))
    for name in old.keys() - new.keys():
        yield f"{table} {name} is in force and {_A[table]} is never removed: put it back, and end it with valid_until"
    for name in old.keys() & new.keys():
        edited = [it for it in {**old[name], **new[name]} if old[name].get(it) != new[name].get(it)]
        if edited := [it for it in edited if it != "valid_until"]:
            yield (
                f"{table} {name} is in force and its {', '.join(edited)} cannot change: end it with valid_until, and "
                f"add {_A[table]} with a new id"
            )


def _rows(them: Objects) -> dict[Address, Fields]:
    return {it: fields for it, fields in them.items() if it[:1] in (("price",), ("agreement",))}


def _objective_faults(before: Objects, after: Objects) -> list[str]:
    """Objectives that stay in force may contradict those that are added."""
    del before
    return [what for _, what in faults_of_objectives(join(after, _OBJECTIVES))]


_OBJECTIVES: Final = {kind: Table() for kind in OPENSLO_KINDS}

_A = {"price": "a price", "agreement": "an agreement"}

_TENANT = Table({"circuit": Table(), "issuer": Table(), "project": Table(), "user": Table(), "budget": Table()})

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({
    kind.name: kind
    for kind in (
        Kind(
            "tenants",
            Tenants,
            {"removed": Table(names=True), "tenant": _TENANT},
            sentences=_tenants_advice,
            check=_key_problems,
            complete=_with_reserved_names,
        ),
        Kind(
            "pricebook",
            PriceBook,
            {"price": Table(key="id"), "agreement": Table(key="id")},
            restart=("broker", "metering"),
            sentences=_prices_advice,
            faults=_price_faults,
        ),
        Kind(
            "slos",
            Objectives,
            _OBJECTIVES,
            restart=("telemetry", "alerting"),
            check=faults_of_objectives,
            faults=_objective_faults,
            read=by_kind,
            write=to_yaml,
        ),
        Kind("backends", Backends, {"stack": Table()}),
        Kind(
            "services",
            Services,
            {"service": Table()},
            restart=("broker", "scheduler", "metering", "provenance"),
        ),
        Kind(
            "alerts",
            Alerts,
            {it: Table() for it in ("receiver", "rotation", "route", "inhibition", "window")},
            restart=("alerting",),
            sentences=_alerts_advice,
        ),
        Kind("probes", Probes, {"probe": Table()}, restart=("prober",)),
        Kind("fleet", FleetDocument, {"backend": Table()}, restart=("fleet",)),
        Kind("protection", ProtectionDocument, {"rule": Table()}, restart=("broker", "hybrid")),
    )
})  # fmt: skip
"""By name, in the order of a plan."""
