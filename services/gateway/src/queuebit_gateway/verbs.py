"""Which verb of a role each address needs: `queuebit_contracts.roles` says which roles have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from starlette.requests import Request

from queuebit_contracts.roles import Verb

__all__ = ["mark_verb", "verb_of", "verbs_by_address"]

_VERB: Final = "queuebit.verb"
"""The field of a request's scope that says which verb its address needs."""

_TABLE: Final[Mapping[Verb, str]] = {
    "see": """
        GET /v1/me /v1/trust /v1/backends /v1/backends:status /v1/backends/{backend} /v1/backends/{backend}/calibration
        GET /v1/backends/{backend}/calibrations /v1/backends/{backend}/limits /v1/backends/{backend}/target
        GET /v1/fidelities /v1/slo /v1/tenant /v1/windows /v1/delegations
        POST /v1/delegations/{delegation}:revoke /qrmi/identity/token
        GET /qrmi/backends /qrmi/backends/{backend}/status /qrmi/backends/{backend}/configuration
        GET /qrmi/backends/{backend}/properties
    """,
    "read": """
        GET /v1/jobs /v1/jobs:waiting /v1/jobs/{job} /v1/jobs/{job}/result /v1/jobs/{job}/receipt /v1/jobs/{job}/circuit
        GET /v1/jobs/{job}/history /v1/jobs/{job}/explain /v1/jobs/{job}/events /v1/payloads/{digest}
        GET /v1/backends/{backend}/queue /v1/events /v1/activity /v1/groups /v1/groups/{kind}/{name}
        GET /v1/groups/{kind}/{name}/receipt /v1/incidents /v1/inventory /v1/sessions /v1/sessions/{session}
        GET /v1/reservations /v1/reservations/{reservation} /v1/hybrid-jobs /v1/hybrid-jobs/{hybrid}
        GET /v1/hybrid-jobs/{hybrid}/key /v1/hybrid-jobs/{hybrid}/history /v1/hybrid-jobs/{hybrid}/logs
        GET /v1/hybrid-jobs/{hybrid}/metrics /v1/hybrid-jobs/{hybrid}/result /v1/hybrid-jobs/{hybrid}/events
        GET /v1/circuits /v1/circuits/{circuit} /v1/circuits/{circuit}/source
        POST /v1/jobs:status /v1/plans
        GET /qrmi/jobs /qrmi/jobs/{job} /qrmi/jobs/{job}/results /qrmi/jobs/{job}/logs /qrmi/sessions/{session}
    """,
    "charges": """
        GET /v1/jobs/{job}/charge /v1/budgets /v1/quotas /v1/charges /v1/exports/charges /v1/invoices
        GET /v1/invoices/{number}
    """,
    "submit": """
        POST /v1/jobs /v1/jobs/{job}/cancel /v1/sessions /v1/sessions/{session}:close /v1/reservations
        POST /v1/reservations/{reservation}:cancel /v1/hybrid-jobs /v1/hybrid-jobs/{hybrid}:cancel
        PUT /v1/payloads/{digest}
        POST /qrmi/jobs /qrmi/jobs/{job}/cancel /qrmi/sessions
        PATCH /qrmi/sessions/{session}
        DELETE /qrmi/sessions/{session}/close
    """,
    "letters": "GET /v1/dead-letters",
    "audit": "GET /v1/audit",
    "manage": """
        GET /v1/webhooks /v1/webhooks/{webhook} /v1/webhooks/{webhook}/deliveries
        POST /v1/webhooks /v1/webhooks/{webhook}:test /v1/webhooks/{webhook}:replay /v1/webhooks/{webhook}:enable
        POST /v1/webhooks/{webhook}:rotate /v1/webhooks/{webhook}/deliveries/{n}:replay
        DELETE /v1/webhooks/{webhook}
    """,
}
"""Methods and addresses, by verb."""


@cache
def verbs_by_address() -> Mapping[tuple[str, str], Verb]:
    """The verb of each method and address."""
    return {address: verb for verb, listed in _TABLE.items() for address in _addresses(listed)}


def _addresses(listed: str) -> Iterator[tuple[str, str]]:
    method = ""
    for word in listed.split():
        if word.startswith("/"):
            yield method, word
        else:
            method = word


def mark_verb(request: Request, path: str) -> None:
    """Write down which verb a request needs, for `verb_of`; `path` has names for what differs."""
    method = "GET" if request.method == "HEAD" else request.method
    request.scope[_VERB] = verbs_by_address().get((method, path), "manage")


def verb_of(request: Request) -> Verb:
    """The verb that a request needs; for an address that is not in the table it is `manage`."""
    found: Verb = request.scope.get(_VERB, "manage")
    return found
