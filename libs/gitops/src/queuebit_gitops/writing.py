"""Writes documents as TOML or YAML, to be read again as the same documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from queuebit_documents.parsed import Document

__all__ = ["to_toml", "to_yaml"]

_BARE = re.compile(r"^[A-Za-z0-9_-]+$")
_BREAKS = re.compile("[\x85\u2028\u2029]")


def to_toml(document: Document) -> str:
    """The document as TOML: fields first, then a block for each table that has fields."""
    return "\n".join(_blocks(document, ())) or "# nothing\n"


def to_yaml(document: Document) -> str:
    """The document as YAML."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Escapes what YAML takes for the end of a line: a plain or single-quoted text has a space there after reading."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = '"' if _BREAKS.search(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _blocks(table: Mapping[str, Any], path: tuple[str, ...], *, row: bool = False) -> Iterator[str]:  # JSON
    tables = {name: it for name, it in table.items() if isinstance(it, dict)}
    rows = {name: it for name, it in table.items() if _is_rows(it)}
    lines = "".join(f"{_key(name)} = {_text(it)}\n" for name, it in table.items() if name not in {*tables, *rows})
    head = ".".join(map(_key, path))
    if lines or row or (path and not tables and not rows):
        yield (f"[[{head}]]\n" if row else f"[{head}]\n" if path else "") + lines
    for name, inner in tables.items():
        yield from _blocks(inner, (*path, name))
    for name, items in rows.items():
        for it in items:
            yield from _blocks(it, (*path, name), row=True)


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(it, dict) for it in value)


def _key(name: str) -> str:
    return name if _BARE.match(name) else _text(name)


def _text(value: object) -> str:
    match value:
        case list():
            return f"[{', '.join(map(_text, value))}]"
        case _:  # a text of JSON is a text of TOML, but for one character
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
