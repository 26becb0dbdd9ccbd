"""Writes the JSON Schema of stored snapshots: `python -m queuebit_scheduling.schema`, from the root."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from queuebit_scheduling.codec import Document

__all__ = ["PUBLISHED", "document"]

PUBLISHED = Path("contracts/schemas/decision.json")


def document() -> str:
    """Return the schema of a stored snapshot of version 1, for auditors and other languages."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Document.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _main() -> int:
    PUBLISHED.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
