"""The OpenAPI document: generated from the classes of the contracts, of the bodies and of the answers.

python -m queuebit_gateway.openapi            write contracts/openapi/openapi.json
python -m queuebit_gateway.openapi --check    fail if the committed file is stale
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from queuebit_gateway.operations import OPERATIONS, Operation
from queuebit_gateway.parameters import DIGEST
from queuebit_gateway.problems import PROBLEM, TITLES
from queuebit_gateway.schemas import ProblemAnswer
from queuebit_gateway.submissions import SignedBody, SubmitBody
from queuebit_gateway.webhooks.kinds import KINDS, events_of, section

__all__ = ["DOCUMENT", "document", "main", "text"]

DOCUMENT: Final = Path(__file__).parents[4] / "contracts" / "openapi" / "openapi.json"
_SCHEMAS: Final = "#/components/schemas/"
_ALWAYS: Final = (400, 401, 421, 429, 500, 503)
_REFUSES: Final = (413, 415, 422)
_ABOUT: Final = (
    "Jobs on quantum computers over HTTP. Requests are signed with the key of a user (RFC 9421), or carry the token of "
    "a delegated key. Every answer says as of which sequence of the log it is true; every error has all reasons."
)

_IN_ANY: Final = (SignedBody, SubmitBody)
_Json = dict[str, Any]  # JSON


def document() -> _Json:
    """The document, as OpenAPI 3.1 has it."""
    models: set[type[BaseModel]] = {ProblemAnswer}
    for it in OPERATIONS:
        models |= {model for model in (it.answer, *it.bodies.values(), *_IN_ANY) if isinstance(model, type)}
    models |= {event for kind in KINDS for event in events_of(kind)}
    ordered = sorted(models, key=lambda it: it.__name__)
    _, schemas = models_json_schema([(it, "serialization") for it in ordered], ref_template=_SCHEMAS + "{model}")
    paths: dict[str, _Json] = {}
    for it in OPERATIONS:
        paths.setdefault(it.path, {})[it.method.lower()] = _operation(it)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Queuebit", "version": "1", "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"signature": []}],
        "paths": dict(sorted(paths.items())),
        "webhooks": section(_SCHEMAS),
        "components": {
            "schemas": dict(sorted(schemas["$defs"].items())),
            "responses": {str(status): _problem(title) for status, title in TITLES.items()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of `qb token`."},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature-Input",
                    "description": "RFC 9421, ed25519, keyid: the NKey; over @method, @target-uri, content-digest.",
                },
            },
        },
    }


def text() -> str:
    """The form in which it is committed."""
    return json.dumps(document(), indent=2, sort_keys=True) + "\n"


def main(arguments: Iterable[str]) -> int:
    """Write the document, or compare it."""
    if "--check" not in arguments:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(text())
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text():
        print("contracts/openapi/openapi.json is stale: run `make generate` and commit it", file=sys.stderr)
        return 1
    return 0


def _operation(it: Operation) -> _Json:
    statuses = sorted({*_ALWAYS, *(_REFUSES if it.bodies else ()), *it.problems})
    named = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in it.in_path]
    parameters = {**it.parameters, **(DIGEST if it.bodies else {})}
    found: _Json = {
        "operationId": it.name,
        "summary": it.summary,
        "tags": [it.path.split("/")[2].partition(":")[0]],
        "parameters": [*named, *(_parameter(name, schema) for name, schema in parameters.items())],
        "responses": {
            **{str(status): _success(it, status) for status in it.statuses},
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses},
        },
    }
    if it.bodies:
        content = {media_type: {"schema": _schema(model)} for media_type, model in it.bodies.items()}
        found["requestBody"] = {"required": it.body_required, "content": content}
    return found


def _success(it: Operation, status: int) -> _Json:
    if status == 204:
        return {"description": it.summary}
    return {
        "description": it.summary,
        "content": {name: {"schema": _schema(it.answer)} for name in (it.media_type, *it.further_types)},
    }


def _schema(model: type[BaseModel] | Mapping[str, object]) -> _Json:
    return {"$ref": _SCHEMAS + model.__name__} if isinstance(model, type) else dict(model)


def _parameter(name: str, schema: Mapping[str, object]) -> _Json:
    where = "header" if name[0].isupper() else "query"
    kept = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": where, "required": False, "description": schema["description"], "schema": kept}


def _problem(title: str) -> _Json:
    return {"description": title, "content": {PROBLEM: {"schema": {"$ref": f"{_SCHEMAS}ProblemAnswer"}}}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
