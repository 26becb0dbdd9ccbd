"""A document as objects: what a plan creates, changes and removes one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from queuebit_documents.parsed import Document

__all__ = ["Address", "Fields", "Objects", "Table", "join", "split"]

Address = tuple[str, ...]
"""The name of an object, such as `("tenant", "acme", "project", "main")`; empty for the document itself."""

Fields = dict[str, Any]
"""What an object says, without the objects in it; plain JSON."""

Objects = Mapping[Address, Fields]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a document whose entries are objects."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    """The tables of an entry that hold objects again."""
    key: str = ""
    """For a list of tables: the field that names an entry."""
    names: bool = False
    """For a list of names: each is an object without fields."""


def split(document: Document, tables: Mapping[str, Table], at: Address = ()) -> dict[Address, Fields]:
    """The objects of a document; an object precedes those in it."""
    fields = {name: value for name, value in document.items() if name not in tables}
    objects: dict[Address, Fields] = {at: fields} if at or fields else {}
    for name, table in tables.items():
        for key, entry in _entries(document.get(name), table):
            objects |= split(entry, table.tables, (*at, name, key))
    return objects


def _entries(value: Any, table: Table) -> Iterator[tuple[str, Document]]:  # plain JSON
    match value:
        case dict():
            yield from value.items()
        case [*items] if table.names:
            yield from ((str(it), {}) for it in items)
        case [*items]:
            for it in items:
                yield str(it[table.key]), {name: what for name, what in it.items() if name != table.key}


def join(objects: Objects, tables: Mapping[str, Table]) -> Document:
    """The document that `split` gives these objects; an object whose parent is missing is left out."""
    document: Document = dict(objects.get((), {}))
    for name, table in tables.items():
        own = {address: fields for address, fields in objects.items() if address[:1] == (name,)}
        entries = {
            address[1]: join({it[2:]: what for it, what in own.items() if it[1] == address[1]}, table.tables)
            for address in own
            if len(address) == 2
        }
        if table.names:
            document[name] = list(entries)
        elif table.key:
            document[name] = [{table.key: key, **entry} for key, entry in entries.items()]
        else:
            document[name] = entries
    return document
