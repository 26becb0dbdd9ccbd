"""Reads a safe subset of YAML 1.2: tables, lists, texts, whole and other numbers, true, false and null.

A date is a text, `yes` and `on` are texts, and `010` is no octal number, unlike in YAML 1.1. Anchors, aliases, merge
keys and tags are refused: they let a small file stand for a large or an unexpected value.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import yaml

from queuebit_documents.errors import BadDocuments, Path, Problem, dotted
from queuebit_documents.parsed import MAX_DEPTH, Parsed

__all__ = ["parse_yaml", "parse_yaml_all"]

_DEEPEST: Final = 10 * MAX_DEPTH
"""Nodes that nest deeper are not made: each level takes a frame of the parser's stack."""
_TAG: Final = "tag:yaml.org,2002:"
_SCALARS = {
    "bool": (r"true|false", "tf"),
    "null": (r"null|~|", ["n", "~", ""]),
    "int": (r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    "float": (r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-+0123456789"),
}


class _Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]  # stubs


for _name, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"^(?:{_pattern})$"), list(_first))


class _Refused(Exception):
    def __init__(self, at: yaml.Node | yaml.Event, what: str) -> None:
        super().__init__(what)
        self.line = at.start_mark.line + 1 if at.start_mark else None


def parse_yaml(text: str, file: str) -> Parsed:
    """Read a document.

    Raises:
        BadDocuments: it is not YAML, has a key twice, or uses what is not read.
    """
    found = _read(text, file)
    if len(found) > 1:
        what = "has a second document: write each in a file of its own"
        raise BadDocuments([Problem(file, what, found[1].lines.get(()))])
    return found[0] if found else Parsed(file, {})


def parse_yaml_all(text: str, file: str) -> list[Parsed]:
    """Read the documents of a file, which lines of `---` separate; those that are empty are left out.

    Raises:
        BadDocuments: as for `parse_yaml`.
    """
    return [it for it in _read(text, file) if it.document]


def _read(text: str, file: str) -> list[Parsed]:
    found: list[Parsed] = []
    try:
        _refuse_anchors(text)
        for node in yaml.compose_all(text, Loader=_Loader):
            lines: dict[Path, int] = {}
            document = {} if node is None or _is_nothing(node) else _value(node, (), lines)
            if not isinstance(document, dict):
                raise _Refused(node, "must be a table: write `name: value`")
            found.append(Parsed(file, document, lines))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        what = f"is not YAML that can be read: {error.problem}"
        raise BadDocuments([Problem(file, what, mark.line + 1 if mark else None)]) from error
    except (yaml.YAMLError, RecursionError) as error:
        why = "it nests too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadDocuments([Problem(file, f"is not YAML that can be read: {why}")]) from error
    except _Refused as error:
        raise BadDocuments([Problem(file, str(error), error.line)]) from error
    return found


def _refuse_anchors(text: str) -> None:
    """Read the events alone, which are no deeper and no more than the text, before nodes are made of them."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if getattr(event, "anchor", None) is not None:
            raise _Refused(event, "has anchors or aliases, which are not read: write the value where it is used")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise RecursionError


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == "" and node.start_mark.index == node.end_mark.index


def _value(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:  # plain JSON
    if len(path) > MAX_DEPTH:
        raise _Refused(node, f"nests more than {MAX_DEPTH} levels deep")
    lines.setdefault(path, node.start_mark.line + 1)
    match node:
        case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
            return _table(node, path, lines)
        case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
            return [_value(item, (*path, at), lines) for at, item in enumerate(node.value)]
        case yaml.ScalarNode():
            return _scalar(node)
    raise _Refused(node, f"{dotted(path)} has the tag {node.tag}: leave it out")


def _table(node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> dict[str, Any]:  # plain JSON
    table: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            raise _Refused(key, "has a key that is no text: write a name")
        place = (*path, key.value)
        if key.value in table:
            raise _Refused(key, f"has {dotted(place)} twice: keep one of the two")
        lines[place] = key.start_mark.line + 1
        table[key.value] = _value(value, place, lines)
    return table


def _scalar(node: yaml.ScalarNode) -> str | int | float | bool | None:
    text = str(node.value)
    match node.tag.removeprefix(_TAG):
        case "str":
            return text
        case "null":
            return None
        case "bool":
            return text == "true"
        case "int" | "float" if not re.fullmatch(_SCALARS["float"][0], text):
            raise _Refused(node, f"{text[:20]!r} has the tag of a number, and is none: leave the tag out")
        case "int" if len(text) <= 32 and re.fullmatch(_SCALARS["int"][0], text):
            return int(text)
        case "float" if len(text) <= 64:
            return float(text)
        case "int" | "float":
            raise _Refused(node, f"{text[:20]}… is too long for a number")
    raise _Refused(node, f"has the tag {node.tag}: leave it out")
