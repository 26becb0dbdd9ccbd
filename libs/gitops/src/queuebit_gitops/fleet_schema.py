"""Writes the JSON Schema of `fleet.toml`: `python -m queuebit_gitops.fleet_schema [--check]`, from the root."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from queuebit_contracts.field_docs import describe_fields
from queuebit_isolation import document as fleet

__all__ = ["main", "schema"]

_PUBLISHED = Path("contracts/documents/fleet.schema.json")


def schema() -> str:
    """The schema for editors; it describes single keys, and not what several say together."""
    describe_fields(fleet)
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:queuebit:fleet"}
    return json.dumps({**about, **fleet.FleetDocument.model_json_schema()}, indent=2, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write the schema; with `--check`, return 1 if the file is stale."""
    if arguments != ["--check"]:
        _PUBLISHED.write_text(schema(), encoding="utf-8")
        return 0
    if _PUBLISHED.is_file() and _PUBLISHED.read_text(encoding="utf-8") == schema():
        return 0
    sys.stderr.write(f"{_PUBLISHED} is stale: run `python -m queuebit_gitops.fleet_schema` and commit the result\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
