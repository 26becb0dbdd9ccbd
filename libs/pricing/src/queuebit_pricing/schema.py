"""Writes the JSON Schema of the price book: `python -m queuebit_pricing.schema [--check] [PATH]`, from the root."""

from __future__ import annotations

import argparse
import ast
import inspect
import itertools
import json
import sys
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel

from queuebit_pricing import agreement_terms, book, listing
from queuebit_pricing.book import PriceBook

__all__ = ["document", "main"]

_PUBLISHED = Path("contracts/pricebook/pricebook.schema.json")


def document() -> str:
    """Return the schema of a price book in TOML, for editors and other languages.

    It describes single keys. Only `load` checks conflicts between prices (overlaps, repeated ids).
    """
    for module in (listing, agreement_terms, book):
        _describe_fields(module)
    schema = PriceBook.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _describe_fields(module: ModuleType) -> None:
    """Take each field's docstring as its description.

    Pydantic can do so itself, but would read the sources whenever a service starts.
    """
    for node in ast.parse(inspect.getsource(module)).body:
        if not (isinstance(node, ast.ClassDef) and issubclass(model := getattr(module, node.name), BaseModel)):
            continue
        for pair in itertools.pairwise(node.body):
            match pair:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    model.model_fields[name].description = inspect.cleandoc(text)
        model.model_rebuild(force=True)


def main(arguments: list[str] | None = None) -> int:
    """Write the schema; with `--check`, return 1 if the file is stale."""
    parser = argparse.ArgumentParser(prog="python -m queuebit_pricing.schema", description=__doc__)
    parser.add_argument("path", type=Path, nargs="?", default=_PUBLISHED)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file is stale")
    options = parser.parse_args(arguments)
    path: Path = options.path
    if not options.check:
        path.write_text(document(), encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == document():
        return 0
    sys.stderr.write(f"{path} is stale: run `python -m queuebit_pricing.schema` and commit the result\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
