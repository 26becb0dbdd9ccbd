"""Writes the JSON Schema of `fleet.toml`: `python -m queuebit_isolation.schema [--check]`, from the root."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import sys
from pathlib import Path

from pydantic import BaseModel

from queuebit_isolation import document as module
from queuebit_isolation.document import FleetDocument

__all__ = ["document", "main"]

_PUBLISHED = Path("contracts/documents/fleet.schema.json")


def document() -> str:
    """The schema for editors; it describes single keys, and not what several say together."""
    _describe_fields()
    schema = FleetDocument.model_json_schema()
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:queuebit:fleet"}
    return json.dumps({**about, **schema}, indent=2, sort_keys=True) + "\n"


def _describe_fields() -> None:
    """Take each field's docstring as its description: Pydantic would read the sources whenever a service starts."""
    for node in ast.parse(inspect.getsource(module)).body:
        if not (isinstance(node, ast.ClassDef) and issubclass(model := getattr(module, node.name), BaseModel)):
            continue
        for pair in itertools.pairwise(node.body):
            match pair:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    model.model_fields[name].description = inspect.cleandoc(text)
        model.model_rebuild(force=True)


def main(arguments: list[str]) -> int:
    """Write the schema; with `--check`, return 1 if the file is stale."""
    if arguments != ["--check"]:
        _PUBLISHED.write_text(document(), encoding="utf-8")
        return 0
    if _PUBLISHED.is_file() and _PUBLISHED.read_text(encoding="utf-8") == document():
        return 0
    sys.stderr.write(f"{_PUBLISHED} is stale: run `python -m queuebit_isolation.schema` and commit the result\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
