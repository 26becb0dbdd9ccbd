"""Turns validation errors into sentences that say what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from queuebit_documents.errors import Path, dotted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["advice", "fields_at"]

_ADVICE = {
    "missing": "is missing: add it",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "tuple_type": "must be a list",
    "string_type": "must be a text in quotes",
}


def advice(model: type[BaseModel], error: ValidationError) -> list[tuple[Path, str]]:
    """The place of each error in a document of this model, and what to do."""
    schema = model.model_json_schema()
    return [_advice(fault, schema) for fault in error.errors()]


def _advice(fault: ErrorDetails, schema: Mapping[str, Any]) -> tuple[Path, str]:
    path: Path = tuple(it for it in fault["loc"] if it != "[key]")
    what = _ADVICE.get(fault["type"])
    if fault["type"] == "extra_forbidden":
        known = fields_at(schema, path[:-1])
        near = get_close_matches(str(path[-1]), known, 1)
        what = f"is not a key here: {f'did you mean {near[0]}?' if near else 'use one of ' + ', '.join(known)}"
    elif fault["type"] == "value_error":
        what = f"is wrong: {fault['msg'].removeprefix('Value error, ')}"
    return path, f"{dotted(path) or 'the document'} {what or fault['msg'].replace('Input should', 'must')}"


def fields_at(schema: Mapping[str, Any], path: Path) -> list[str]:  # JSON
    """The keys of the table at a path."""
    here = _resolved(schema, schema)
    for key in path:
        named = next(iter(here.get("patternProperties", {}).values()), None)  # a table whose keys are names
        inner = here.get("properties", {}).get(key) or here.get("additionalProperties") or named or here.get("items")
        here = _resolved(inner if isinstance(inner, dict) else {}, schema)
    return list(here.get("properties", {}))


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:  # JSON
    """Follow a reference, and of an optional table take the table."""
    options = [it for it in part.get("anyOf", ()) if it.get("type") != "null"]
    part = options[0] if options else part
    if "$ref" not in part:
        return part
    found: Mapping[str, Any] = schema["$defs"][str(part["$ref"]).removeprefix("#/$defs/")]
    return found
