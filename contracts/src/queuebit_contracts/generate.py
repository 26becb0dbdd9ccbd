"""Write what follows from the contracts: JSON Schemas, the AsyncAPI document, and the module `lifecycle`.

python -m queuebit_contracts.generate            write them
python -m queuebit_contracts.generate --check    fail if a committed file is stale
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from queuebit_contracts import (
    alert_documents,
    delegation,
    deployment,
    erasure,
    openslo,
    probe_documents,
    query,
    reservation,
    session,
    tenants,
)
from queuebit_contracts.catalog import CATALOG, EVENTS, AnyEvent, Entry, wire_name
from queuebit_contracts.executors import with_executors
from queuebit_contracts.field_docs import describe_fields
from queuebit_contracts.program import Program
from queuebit_contracts.results import Results
from queuebit_contracts.subjects import covers
from queuebit_contracts.topology import LOG, Party, Topology, inbox_of, topology

__all__ = ["REQUESTS", "documents", "lifecycle", "main", "schema_of"]

REQUESTS: tuple[type[BaseModel], ...] = (
    *(getattr(query, name) for name in query.__all__),
    delegation.DelegateRequest,
    delegation.RevokeRequest,
    delegation.DelegationAnswer,
    session.OpenSession,
    session.CloseSession,
    session.SessionAnswer,
    reservation.BookReservation,
    reservation.CancelReservation,
    reservation.ReservationAnswer,
    erasure.EraseRequest,
    erasure.EraseAnswer,
)
"""Requests and answers, which the log does not store."""

_Document = dict[str, Any]  # JSON


def schema_of(event: type[AnyEvent]) -> _Document:
    """The JSON Schema of one event type, as a reader sees it: unknown fields are allowed."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:queuebit:{wire_name(event)}",
        **event.model_json_schema(mode="validation"),
    }


def lifecycle() -> str:
    """The module `lifecycle`: the states of the catalogue for clients that cannot afford to load it."""
    states = dict.fromkeys(it.state for it in CATALOG.values() if it.state is not None)
    terminal = [it.state for it in CATALOG.values() if it.terminal]
    return f'''"""The states of a job. Generated from the catalogue; it loads nothing, for the sake of clients."""

from __future__ import annotations

from typing import Final

__all__ = ["STATES", "TERMINAL"]

STATES: Final = (
{"".join(f'    "{it}",{chr(10)}' for it in states)})
"""Every state of a job, about in the order in which they happen: the names of the events that change it. After
`withdrawn` it is `accepted` again."""

TERMINAL: Final = ({", ".join(f'"{it}"' for it in terminal)})
"""The states after which nothing more happens to a job but its bill and its receipt."""
'''


def documents() -> dict[str, str]:
    """Every generated file, by its path under `contracts/`."""
    files = {f"schemas/{name}.json": schema_of(event) for name, event in EVENTS.items()}
    files["schemas/queries.json"] = _query_schemas()
    files["schemas/program.json"] = _document_schema("program", Program)
    files["schemas/results.json"] = _document_schema("results", Results)
    files |= {f"documents/{name}.schema.json": _operators_schema(name, *it) for name, it in _OPERATORS.items()}
    files["asyncapi/asyncapi.json"] = _asyncapi()
    texts = {path: json.dumps(document, indent=2, sort_keys=True) + "\n" for path, document in files.items()}
    return {**texts, "src/queuebit_contracts/lifecycle.py": lifecycle()}


def _query_schemas() -> _Document:
    _, document = models_json_schema([(model, "validation") for model in REQUESTS])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:queuebit:queries", **document}


def _document_schema(name: str, model: type[BaseModel]) -> _Document:
    """The schema of a payload that is JSON; readers of results allow unknown fields, readers of programs do not."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:queuebit:{name}",
        **model.model_json_schema(mode="validation"),
    }


_OPERATORS: dict[str, tuple[ModuleType, type[BaseModel]]] = {
    "tenants": (tenants, tenants.Tenants),
    "slos": (openslo, openslo.OpenSLO),
    "backends": (deployment, deployment.Backends),
    "services": (deployment, deployment.Services),
    "alerts": (alert_documents, alert_documents.Alerts),
    "probes": (probe_documents, probe_documents.Probes),
}
"""The documents that operators write, by the name of their file; that of the price book is the pricing library's."""


def _operators_schema(name: str, module: ModuleType, model: type[BaseModel]) -> _Document:
    """The schema of a document in TOML or YAML, for editors; it describes single keys."""
    describe_fields(module)
    return _document_schema(name, model)


def _asyncapi() -> _Document:
    wanted = with_executors(topology(), {"stack": ("backend",)})  # stacks are plugins: one stands for all
    parties = {**wanted.service, **{f"client-{role}": party for role, party in wanted.role.items()}}
    operations: _Document = {}
    for name, entry in CATALOG.items():
        for party, does in parties.items():
            for action, subjects in (
                ("send", does.appends if entry.appended_by else ()),
                ("receive", _received(wanted, party, does)),
            ):
                if any(covers(subject, entry.subject) for subject in subjects):
                    operations[f"{party} {action} {name}"] = {
                        "action": action,
                        "channel": {"$ref": f"#/channels/{name}"},
                    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Queuebit",
            "version": "0.1.0",
            "description": "Job events of a shared quantum cloud, over NATS JetStream.",
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(entry) for name, entry in CATALOG.items()},
        "operations": operations,
        "components": {
            "messages": {
                name: {"name": name, "payload": {"$ref": f"../schemas/{name}.json"}, "title": event.__name__}
                for name, event in EVENTS.items()
            }
        },
        "x-clients": {
            "login": "the NKey seed of a token",
            "inbox_prefix": inbox_of("{user}", "{tenant}"),
            "follow_stored": list(wanted.role["viewer"].live),
            "read_newest": f"$JS.API.DIRECT.GET.{LOG}.{{subject}}",
        },
        "x-streams": {name: stream.model_dump() for name, stream in wanted.stream.items()},
        "x-durables": {name: durable.model_dump() for name, durable in wanted.durable.items()},
    }


def _channel(entry: Entry) -> _Document:
    parameters: _Document = {field: {} for field in re.findall(r"\{(\w+)\}", entry.subject)}
    further = f" Further ones are published to `{entry.subjects[-1]}`." if entry.revised else ""
    return {
        "address": entry.subject,
        "description": (entry.event.__doc__ or "").strip() + further,
        "parameters": parameters,
        "messages": {entry.type: {"$ref": f"#/components/messages/{entry.type}"}},
    }


def _received(wanted: Topology, party: str, does: Party) -> tuple[str, ...]:
    consumed = (subject for durable in wanted.durables_of(party).values() for subject in durable.filters)
    return (*does.view, *does.follows, *consumed)


def main(arguments: list[str], root: Path) -> int:
    """Write or check; return the exit code."""
    stale = [path for path, text in documents().items() if not _same(root / path, text)]
    if "--check" in arguments:
        for path in stale:
            print(f"contracts/{path} is stale: run `make generate` and commit it", file=sys.stderr)
        return 1 if stale else 0
    for path, text in documents().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return 0


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parents[2]))
