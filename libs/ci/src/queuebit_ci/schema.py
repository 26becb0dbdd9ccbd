"""Writes the JSON Schemas of the policy and of expected distributions: `python -m queuebit_ci.schema [--check]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from queuebit_ci import expected, policy
from queuebit_contracts.field_docs import describe_fields

__all__ = ["documents", "main"]

_FOLDER = Path("libs/ci/schemas")


def documents() -> Mapping[str, str]:
    """The schemas by the names of their files, for editors of TOML and other languages."""
    for module in (policy, expected):
        describe_fields(module)
    return {
        "queuebit-ci.schema.json": _document(policy.Policy),
        "expected.schema.json": _document(expected.Expected),
    }


def _document(model: type[BaseModel]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the schemas; with `--check`, return 1 if a file is stale."""
    parser = argparse.ArgumentParser(prog="python -m queuebit_ci.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    check = parser.parse_args(arguments).check
    for name, text in documents().items():
        path = _FOLDER / name
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path} is stale: run `python -m queuebit_ci.schema` and commit the result\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
