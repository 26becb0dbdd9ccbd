"""Whether one version understands what another writes: types and shapes by jsoncompat, patterns and waivers here."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jsoncompat

from queuebit_contracts.wire import VALUES

Schema = dict[str, Any]  # JSON

NEW_READS_OLD = "new reads old"
OLD_READS_NEW = "old reads new"


class Waiver(NamedTuple):
    """A deliberate break: one field that one release and this version need not understand of each other."""

    release: str
    type: str
    direction: str
    field: str
    """Where it is in the document, such as `data.proof.key`."""
    reason: str
    approved_by: str


def waivers(path: Path) -> list[Waiver]:
    """The deliberate breaks on record."""
    return [Waiver(**it) for it in tomllib.loads(path.read_text()).get("waiver", [])]


def breaks(*, old: Schema, new: Schema, waived: Sequence[Waiver] = ()) -> list[str]:
    """What is wrong between a released schema and today's, both ways round.

    A new reader has to declare each field that an old writer writes; an old reader ignores fields, but must find those
    that it requires, in the form that it knows.
    """
    found = []
    for direction, reader, writer in (
        (NEW_READS_OLD, closed(new), _written(old)),
        (OLD_READS_NEW, old, _written(new)),
    ):
        for waiver in waived:
            if waiver.direction == direction:
                node = _at(writer, waiver.field)
                replacement = json.loads(json.dumps(_at(reader, waiver.field)))
                node.clear()
                node.update(replacement)
        if not accepts(reader=reader, writer=writer):
            found.append(f"{direction}: a type or shape differs")
        found += [f"{direction}: {field} has another pattern" for field in _narrowed(reader, writer)]
    return found


def accepts(*, reader: Schema, writer: Schema) -> bool:
    """Whether a reader understands everything a writer can write, but for patterns, which jsoncompat ignores."""
    return jsoncompat.check_compat(_anonymous(reader), _anonymous(writer), "serializer")


def closed(schema: Any) -> Any:  # a schema, or a part of one
    """The same schema without room for fields that it does not declare."""
    return _mapped(schema, values=False)


def _written(schema: Schema) -> Schema:
    """What a writer writes: no field that it does not declare, and no further value of a text that may grow."""
    return _mapped(schema, values=True)  # type: ignore[no-any-return]  # a schema for a schema


def _mapped(schema: Any, *, values: bool) -> Any:  # as `closed`
    if isinstance(schema, list):
        return [_mapped(it, values=values) for it in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: _mapped(it, values=values) for key, it in schema.items() if key != VALUES}
    if VALUES in schema and values:
        copy["enum"] = schema[VALUES]
    if copy.get("type") == "object" and isinstance(copy.get("properties"), dict):
        copy["additionalProperties"] = False
    return copy


def _anonymous(schema: Schema) -> str:
    """Without its name, which the checker would try to follow."""
    return json.dumps({key: value for key, value in schema.items() if not key.startswith("$") or key == "$defs"})


def _at(schema: Schema, field: str) -> Schema:
    node = schema
    for name in field.split("."):
        node = _resolved(schema, node)["properties"][name]
    return node


def _narrowed(reader: Schema, writer: Schema) -> Iterator[str]:
    """The fields whose reader demands a pattern that their writer does not promise."""

    def walk(wanted: Schema, given: Schema, field: str) -> Iterator[str]:
        wanted, given = _resolved(reader, wanted), _resolved(writer, given)
        if "pattern" in wanted and wanted["pattern"] != given.get("pattern") and not {"enum", "const"} & given.keys():
            yield field
        for name in wanted.get("properties", {}).keys() & given.get("properties", {}).keys():
            yield from walk(wanted["properties"][name], given["properties"][name], f"{field}.{name}".strip("."))
        if isinstance(wanted.get("items"), dict) and isinstance(given.get("items"), dict):
            yield from walk(wanted["items"], given["items"], f"{field}[]")

    yield from walk(reader, writer, "")


def _resolved(root: Schema, node: Schema) -> Schema:
    """The schema behind a reference, and behind the `null` of an optional field."""
    while True:
        some = [it for it in node.get("anyOf", ()) if it.get("type") != "null"]
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
        elif len(some) == 1:
            node = some[0]
        else:
            return node
