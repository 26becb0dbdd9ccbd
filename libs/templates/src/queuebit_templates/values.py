"""Reads values for the parameters of a template, and describes the parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import UnionType
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from queuebit_templates.definition import Parameters, Template
from queuebit_templates.errors import BadParameters

__all__ = ["described", "from_texts", "validated"]

_P = TypeVar("_P", bound=Parameters)


def validated(template: Template[_P], values: Mapping[str, object]) -> _P:
    """The parameters with these values, and defaults for the others.

    Raises:
        BadParameters: with every fault.
    """
    try:
        return template.parameters.model_validate(dict(values))
    except ValidationError as error:
        faults = "; ".join(_fault(it) for it in error.errors())
        known = ", ".join(template.parameters.model_fields)
        raise BadParameters(f"{template.name}: {faults}. Its parameters are: {known}") from None


def from_texts(template: Template[_P], texts: Mapping[str, str]) -> _P:
    """The parameters from text, as people type it: JSON, except where a text is expected.

    Raises:
        BadParameters: as `validated`.
    """
    fields = template.parameters.model_fields
    return validated(
        template,
        {name: text if name in fields and _is_text(fields[name].annotation) else _json(text)
         for name, text in texts.items()},
    )  # fmt: skip


def described(template: Template[Any]) -> list[dict[str, object]]:  # each template has parameters of its own type
    """A row for each parameter: name, default, unit, bounds and meaning."""
    properties = template.parameters.model_json_schema()["properties"]
    return [
        {
            "parameter": name,
            "default": it.get("default"),
            "unit": it.get("unit", ""),
            "bounds": _bounds(it),
            "meaning": it.get("description", ""),
        }
        for name, it in properties.items()
    ]


def _fault(error: Mapping[str, Any]) -> str:  # as pydantic types it
    place = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"there is no parameter {place[:80]!r}"
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {text}" if place else text


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _is_text(annotation: Any) -> bool:  # of a field, of any form
    """Whether a field takes text only: a text, an optional text, or a choice of words."""
    if annotation is str or annotation is None:
        return True
    parts = get_args(annotation)
    if isinstance(annotation, UnionType):
        return all(it is type(None) or _is_text(it) for it in parts)
    return bool(parts) and all(isinstance(it, str) for it in parts)


def _bounds(schema: Mapping[str, Any]) -> str:  # plain JSON
    kinds = [schema, *schema.get("anyOf", ())]
    found = {name: it for kind in kinds for name, it in kind.items()}
    if "enum" in found:
        return " | ".join(map(str, found["enum"]))
    least, most = (
        found.get("minimum", found.get("minItems", found.get("minLength"))),
        found.get("maximum", found.get("maxItems", found.get("maxLength"))),
    )
    above, below = found.get("exclusiveMinimum"), found.get("exclusiveMaximum")
    parts = [f"{least} or more" if most is None else f"{least} to {most}"] if least is not None else []
    parts += [f"at most {most}"] if most is not None and least is None else []
    parts += [f"above {above}"] if above is not None else []
    parts += [f"below {below}"] if below is not None else []
    return ", ".join(parts)
