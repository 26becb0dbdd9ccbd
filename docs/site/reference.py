"""The reference: pages that are written from the code, so that they cannot differ from it."""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import griffe
from pydantic import BaseModel

from queuebit_cli.parser import build
from queuebit_contracts.catalog import CATALOG

__all__ = ["REFERENCE"]

_Schema = Mapping[str, Any]


def _commands() -> str:
    """Every command of `qb` with its arguments."""
    lines = ["# Commands", "", "What `qb COMMAND --help` prints, for all commands.", ""]
    for words, parser in _leaves(build(), ()):
        lines += [f"## qb {' '.join(words)}", "", "```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def _leaves(
    parser: argparse.ArgumentParser, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    groups = [
        it for it in parser._actions if isinstance(it, argparse._SubParsersAction)
    ]  # argparse lists them nowhere else
    if not groups:
        yield words, parser
    for group in groups:
        for word, child in group.choices.items():
            yield from _leaves(child, (*words, word))


def _events() -> str:
    """Every event type with its fields."""
    lines = [
        "# Events",
        "",
        "An event is a CloudEvent in the stream `LOG`; the tables show the fields of its `data`.",
        "Ignore types and fields that you do not know.",
        "",
    ]
    for name, entry in CATALOG.items():
        data = entry.event.model_fields["data"].annotation
        assert isinstance(data, type)
        assert issubclass(data, BaseModel)
        lines += [f"## {name}", "", inspect.getdoc(entry.event) or "", ""]
        lines += [
            f"Subject `{entry.subject}`, appended by {', '.join(entry.appended_by) or 'earlier versions only'}.",
            "",
            *_fields(data),
        ]
    return "\n".join(lines)


def _python() -> str:
    """The public names of the Python package."""
    return "# Python\n\n::: queuebit\n    options:\n      show_root_heading: false\n"


def _fields(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema(by_alias=True)
    required, meanings = set(schema.get("required", ())), _meanings(model)
    rows = [
        (f"`{name}`", _kind(it), _default(it, required=name in required), meanings.get(name, ""))
        for name, it in schema.get("properties", {}).items()
    ]
    return [
        "| field | type | default | meaning |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """What stands under each field in the source of the model and of the models that it extends."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if issubclass(one, BaseModel) and one.__module__.startswith("queuebit"):
            package, _, module = one.__module__.partition(".")
            described = _source(package)[f"{module}.{one.__name__.partition('[')[0]}"]
            found |= {name: _cell(it.docstring.value) for name, it in described.members.items() if it.docstring}
    return found


@cache
def _source(package: str) -> griffe.Object | griffe.Alias:
    return griffe.load(package)


def _kind(schema: _Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(it) for it in schema[several]))
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(it)}`" for it in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        items: _Schema | Sequence[_Schema] = schema.get("items", {})
        return f"list of {_kind(items)}" if isinstance(items, Mapping) else "list"
    return kind


def _default(schema: _Schema, *, required: bool) -> str:
    if required:
        return "required"
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


REFERENCE = {"commands.md": _commands, "events.md": _events, "python.md": _python}
"""Each page of the reference by its name, and what writes it."""
