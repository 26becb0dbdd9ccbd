"""Writes the JSON Schemas of `fleet.toml`, `protection.toml` and `queuebit.toml`, from the root.

python -m queuebit_gitops.document_schemas            write them
python -m queuebit_gitops.document_schemas --check    fail if a committed file is stale
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from pydantic import BaseModel

from queuebit_contracts.field_docs import describe_fields
from queuebit_deployment import document as deployment
from queuebit_isolation import document as fleet
from queuebit_protection import document as protection

__all__ = ["main", "schema"]

_PUBLISHED: Final[dict[str, tuple[ModuleType, type[BaseModel]]]] = {
    "deployment": (deployment, deployment.Deployment),
    "fleet": (fleet, fleet.FleetDocument),
    "protection": (protection, protection.ProtectionDocument),
}


def schema(kind: str) -> str:
    """The schema for editors; it describes single keys, and not what several say together."""
    module, model = _PUBLISHED[kind]
    describe_fields(module)
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:queuebit:{kind}"}
    return json.dumps({**about, **model.model_json_schema()}, indent=2, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write the schemas; with `--check`, return 1 if a file is stale."""
    files = {Path(f"contracts/documents/{kind}.schema.json"): schema(kind) for kind in _PUBLISHED}
    if arguments != ["--check"]:
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        sys.stderr.write(f"{path} is stale: run `python -m queuebit_gitops.document_schemas` and commit the result\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
