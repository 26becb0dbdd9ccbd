"""Every address of the interface, with what it takes and answers. A test compares them with the routes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from queuebit_contracts.hybrid import PYTHON
from queuebit_contracts.program import CIRCUIT, PROGRAM, QIR_BITCODE, QIR_TEXT, QUBO
from queuebit_gateway.delegations import RevokeBody
from queuebit_gateway.hybrid_starts import HybridBody
from queuebit_gateway.jobs import StatusBody
from queuebit_gateway.parameters import (
    AUDIT,
    CALIBRATIONS,
    DAYS,
    EXPORT,
    FIELDS,
    KEY,
    LIST,
    NAME,
    OUTPUT,
    PAGE,
    PROJECT,
    RESERVATION_KEY,
    SESSION_KEY,
    STREAM,
    WAIT,
    Schema,
)
from queuebit_gateway.plans import PlanBody
from queuebit_gateway.reservations import ReservationBody, WithdrawBody
from queuebit_gateway.schemas import (
    AuditAnswer,
    GroupAnswer,
    GroupsAnswer,
    InventoryAnswer,
    JobAnswer,
    JobsAnswer,
    ObjectAnswer,
    PlanAnswer,
    ResultAnswer,
    RowsAnswer,
    StatesAnswer,
)
from queuebit_gateway.sessions import CloseBody, SessionBody
from queuebit_gateway.submissions import EVENT, CancelBody, SignedBody, SubmitBody
from queuebit_gateway.webhooks.routes import Enabling, EventRange, NewWebhook, Rotation

__all__ = ["OPERATIONS", "Operation"]

_JSON: Final = "application/json"
_SSE: Final = "text/event-stream"
_TEXT: Final[Schema] = {"type": "string"}
_SOURCE: Final[Schema] = {"type": "string", "format": "binary"}
"""Text that generated clients send and read as it is, in any media type."""
_CIRCUITS: Final = {CIRCUIT: _SOURCE, QIR_TEXT: _SOURCE, QIR_BITCODE: _SOURCE, QUBO: _SOURCE}
_EVENT: Final[Schema] = {"type": "object", "description": "A CloudEvent that the user signed."}
_EITHER: Final[Schema] = {"anyOf": [{"$ref": f"#/components/schemas/{it.__name__}"} for it in (SubmitBody, SignedBody)]}


@dataclass(frozen=True)
class Operation:
    """A method on an address."""

    method: str
    path: str
    name: str
    summary: str
    answer: type[BaseModel] | Schema = ObjectAnswer
    media_type: str = _JSON
    further_types: tuple[str, ...] = ()
    """Other media types of the answer, by a parameter of the request or by what was stored."""
    statuses: tuple[int, ...] = (200,)
    parameters: Mapping[str, Schema] = field(default_factory=dict)
    """Those that begin with a capital letter are headers."""
    bodies: Mapping[str, type[BaseModel] | Schema] = field(default_factory=dict)
    """By media type."""
    body_required: bool = True
    problems: tuple[int, ...] = ()

    @property
    def in_path(self) -> list[str]:
        """The parameters in the path."""
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def in_query(self) -> tuple[str, ...]:
        """The parameters of the query."""
        return tuple(name for name in self.parameters if not name[0].isupper())


def _job(what: str, name: str, summary: str, *problems: int, **more: object) -> Operation:
    return Operation("GET", f"/v1/jobs/{{job}}{what}", name, summary, problems=(404, *problems), **more)  # type: ignore[arg-type]  # fields by name


def _backend(what: str, name: str, summary: str, *problems: int, **more: object) -> Operation:
    path = f"/v1/backends/{{backend}}{what}"
    return Operation("GET", path, name, summary, problems=(404, *problems), **more)  # type: ignore[arg-type]  # fields by name


def _hybrid(what: str, name: str, summary: str, *problems: int, **more: object) -> Operation:
    path = f"/v1/hybrid-jobs/{{hybrid}}{what}"
    return Operation("GET", path, name, summary, problems=(404, *problems), **more)  # type: ignore[arg-type]  # fields by name


def _grouped(what: str, name: str, summary: str, **more: object) -> Operation:
    path = f"/v1/groups/{{kind}}/{{name}}{what}"
    return Operation("GET", path, name, summary, problems=(404, 422), **more)  # type: ignore[arg-type]  # fields by name


def _rows(path: str, name: str, summary: str, parameters: Mapping[str, Schema], *problems: int) -> Operation:
    return Operation("GET", f"/v1/{path}", name, summary, RowsAnswer, parameters=parameters, problems=(422, *problems))


def _webhook(method: str, what: str, name: str, summary: str, *problems: int, **more: object) -> Operation:
    path = f"/v1/webhooks/{{webhook}}{what}"
    return Operation(method, path, name, summary, problems=(403, 404, *problems), **more)  # type: ignore[arg-type]  # fields by name


OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/jobs",
        "submit_job",
        "Submit a job; the same key is the same job, for ever.",
        JobAnswer,
        statuses=(200, 202),
        parameters={**KEY, **WAIT, **FIELDS},
        bodies={_JSON: _EITHER, EVENT: _EVENT, **_CIRCUITS},
        problems=(403, 409),
    ),
    Operation("GET", "/v1/jobs", "list_jobs", "Jobs, newest first.", JobsAnswer, parameters=LIST, problems=(422,)),
    Operation(
        "POST", "/v1/jobs:status", "job_states", "The states of up to 1,000 jobs.", StatesAnswer,
        bodies={_JSON: StatusBody},
    ),
    Operation(
        "GET", "/v1/jobs:waiting", "waiting_jobs", "Why jobs wait.", RowsAnswer,
        parameters={"state": LIST["state"], "job": {**NAME, "description": "Only this job."}}, problems=(422,),
    ),
    _job("", "job", "A job, with all that happened to it.", 422, answer=JobAnswer, parameters=WAIT),
    _job("/result", "job_result", "What a completed job returned.", 409, 422, answer=ResultAnswer, parameters=WAIT),
    _job("/receipt", "job_receipt", "The receipt, to be verified offline.", 409, answer={"type": "object"}),
    _job(
        "/circuit", "job_circuit", "What was submitted to be run.", answer=_SOURCE, media_type=CIRCUIT,
        further_types=(QIR_TEXT, QIR_BITCODE, QUBO),
    ),
    _job("/history", "job_history", "Its events so far, as the log has them.", answer=RowsAnswer),
    _job("/charge", "job_charge", "The bill, line by line, with its corrections.", 409),
    _job("/explain", "job_explanation", "Why it was placed where it was.", 422, answer=RowsAnswer),
    _job("/events", "job_events", "Events of a job.", 422, answer=_TEXT, media_type=_SSE, parameters=STREAM),
    Operation(
        "POST",
        "/v1/jobs/{job}/cancel",
        "cancel_job",
        "Stop a job that has not ended.",
        JobAnswer,
        statuses=(200, 202),
        parameters={"Prefer": WAIT["Prefer"]},
        bodies={_JSON: CancelBody, EVENT: _EVENT},
        body_required=False,
        problems=(403, 404),
    ),
    Operation(
        "PUT",
        "/v1/payloads/{digest}",
        "store_payload",
        "Store a circuit, program or file of a hybrid job under its SHA-256.",
        statuses=(201,),
        bodies={**_CIRCUITS, PROGRAM: {"type": "object"}, PYTHON: _SOURCE},
        problems=(403, 409),
    ),
    Operation(
        "GET", "/v1/payloads/{digest}", "payload", "Stored content, such as a large result.", _SOURCE,
        media_type="application/octet-stream", problems=(404, 422),
        parameters={"size": {"type": "integer", "minimum": 0, "description": "As its reference says; required."}},
    ),
    Operation(
        "POST", "/v1/plans", "plan", "Cost and quality on each backend, without a job.", PlanAnswer,
        bodies={_JSON: PlanBody}, problems=(403,),
    ),
    _rows("backends", "list_backends", "The backends, with price and quality.", PROJECT),
    _rows("backends:status", "backend_states", "Which backends answer, and their last calibrations.", {}),
    _backend("", "backend", "One backend."),
    _backend("/calibration", "backend_calibration", "Its newest calibration."),
    _backend(
        "/calibrations", "list_calibrations", "Its calibrations, newest first, with what changed from one to the next.",
        422, answer=RowsAnswer, parameters={**PAGE, "limit": CALIBRATIONS},
    ),
    _backend("/limits", "backend_limits", "What a job may be there."),
    _backend("/queue", "backend_queue", "The tenant's own jobs there."),
    _backend("/target", "backend_target", "What a compiler needs."),
    _rows("budgets", "list_budgets", "What accounts and budgets have left.", PROJECT),
    _rows("fidelities", "list_fidelities", "Measured fidelities beside the estimated success, by backend.", {}),
    _rows("quotas", "list_quotas", "What is used and left of quotas.", PROJECT),
    _rows("charges", "list_charges", "Sums of charges by project.", PROJECT),
    Operation(
        "GET", "/v1/exports/charges", "export_charges", "Every charge and correction of a period, as a file.", _TEXT,
        media_type="text/csv", further_types=("application/jsonl",), problems=(422,),
        parameters=EXPORT,
    ),
    _rows("invoices", "list_invoices", "The tenant's invoices, newest first.", {"limit": PAGE["limit"]}),
    Operation(
        "GET", "/v1/invoices/{number}", "invoice", "An invoice as a file.", {"type": "object"},
        further_types=("text/csv", "application/pdf"), problems=(404, 422),
        parameters={
            "format": {
                "type": "string",
                "enum": ["json", "csv", "focus", "pdf"],
                "description": "By default json; pdf if the request accepts application/pdf, or after NUMBER.pdf.",
            }
        },
    ),
    _rows("slo", "list_levels", "Service levels: objectives and values.", {}),
    Operation(
        "GET", "/v1/events", "events", "Events of the tenant, in the order of the log.", _TEXT,
        media_type=_SSE, parameters=STREAM, problems=(422,),
    ),
    Operation("GET", "/v1/me", "me", "Who asks, its role and project, and until when the token is valid."),
    Operation("GET", "/v1/tenant", "tenant", "The tenant: projects and limits; users and public keys for admins."),
    Operation("GET", "/v1/trust", "trust", "The keys that verify receipts.", {"type": "object"}, problems=(404,)),
    Operation(
        "GET", "/v1/activity", "activity", "Sums over jobs, by hour, day, project, user, backend or tag.", RowsAnswer,
        parameters={
            "by": {"type": "string", "description": "One or two, with a comma between."},
            "days": DAYS,
        },
        problems=(422,),
    ),
    Operation(
        "GET", "/v1/groups", "list_groups", "Tags and sessions of jobs, the newest first.", GroupsAnswer,
        parameters={
            **PROJECT, "tag": LIST["tag"], "session": LIST["session"], "limit": PAGE["limit"], "days": DAYS,
        },
        problems=(422,),
    ),
    _grouped("", "group", "Jobs by state, what they cost, and when.", answer=GroupAnswer, parameters={"days": DAYS}),
    _grouped("/receipt", "group_receipt", "The receipts of its jobs, with a manifest.", answer={"type": "object"}),
    _rows("incidents", "list_incidents", "Jobs and calibrations that failed, by the time at which they did.", PAGE),
    Operation(
        "GET", "/v1/inventory", "list_inventory", "Projects, who answers for them, and what their jobs amount to.",
        InventoryAnswer,
    ),
    Operation(
        "GET", "/v1/audit", "list_audit", "The audit trail of the tenant, newest first; for auditors and admins.",
        AuditAnswer, parameters=AUDIT, problems=(403, 422),
    ),
    _rows("dead-letters", "list_dead_letters", "The tenant's messages that could not be handled; for admins.", {}, 403),
    _rows(
        "delegations", "list_delegations", "Delegated keys that have not expired: the user's own, or for admins all.",
        {"limit": PAGE["limit"]},
    ),
    Operation(
        "POST", "/v1/delegations/{delegation}:revoke", "revoke_delegation", "End a delegated key.",
        bodies={_JSON: RevokeBody}, body_required=False, problems=(403, 404),
    ),
    Operation(
        "POST", "/v1/sessions", "open_session", "Open a session: the same key is the same session.",
        statuses=(200, 201), parameters=SESSION_KEY, bodies={_JSON: SessionBody}, body_required=False,
        problems=(403, 409),
    ),
    _rows(
        "sessions", "list_sessions", "Sessions that are open, or closed within a day: cost, hold, and what is left.",
        {"limit": PAGE["limit"]},
    ),
    Operation("GET", "/v1/sessions/{session}", "session", "One session, and what it costs so far.", problems=(404,)),
    Operation(
        "POST", "/v1/sessions/{session}:close", "close_session", "Close a session; what no job uses goes back.",
        bodies={_JSON: CloseBody}, body_required=False, problems=(403, 404),
    ),
    Operation(
        "POST", "/v1/reservations", "book_reservation", "Book a slot: the same key is the same reservation.",
        statuses=(200, 201), parameters=RESERVATION_KEY, bodies={_JSON: ReservationBody}, problems=(403, 409),
    ),
    _rows(
        "reservations", "list_reservations", "Reservations that are ahead, or ended within a day.",
        {"limit": PAGE["limit"]},
    ),
    Operation("GET", "/v1/reservations/{reservation}", "reservation", "One reservation.", problems=(404,)),
    Operation(
        "POST", "/v1/reservations/{reservation}:cancel", "cancel_reservation",
        "Cancel a reservation, or give the rest of its slot back.",
        bodies={_JSON: WithdrawBody}, body_required=False, problems=(403, 404),
    ),
    _rows(
        "windows", "list_windows", "When backends are taken: planned windows, and slots without their holders.",
        {"limit": PAGE["limit"]},
    ),
    _rows("circuits", "list_circuits", "Named circuits: every version, the newest first.", {"limit": PAGE["limit"]}),
    Operation(
        "GET", "/v1/circuits/{circuit}", "circuit",
        "A version: NAME or NAME@released, NAME@canary, NAME@7.", problems=(404, 422),
    ),
    Operation(
        "GET", "/v1/circuits/{circuit}/source", "circuit_source", "Its source.", _TEXT,
        media_type=CIRCUIT, further_types=(QIR_TEXT, QIR_BITCODE, QUBO), problems=(404, 422),
    ),
    _rows("hybrid-jobs", "list_hybrid_jobs", "The newest hybrid jobs.", {**PROJECT, "limit": PAGE["limit"]}),
    Operation(
        "POST", "/v1/hybrid-jobs", "start_hybrid_job",
        "Start a hybrid job that its user signed; the same key is the same hybrid job, for ever.",
        statuses=(202,), parameters=KEY, bodies={_JSON: HybridBody, EVENT: _EVENT}, problems=(403, 409),
    ),
    _hybrid("/key", "hybrid_job_key", "The public key that a hybrid job to come will sign with.", 422),
    _hybrid("", "hybrid_job", "A hybrid job: how far it is, its hold and charge."),
    _hybrid("/history", "hybrid_job_history", "Its events so far, as the log has them.", answer=RowsAnswer),
    _hybrid(
        "/logs", "hybrid_job_logs", "What it writes, in numbered pieces; `next` is null once all was read.", 422,
        answer=RowsAnswer, parameters=OUTPUT,
    ),
    _hybrid(
        "/metrics", "hybrid_job_metrics", "The numbers that it records; `next` is null once all was read.", 422,
        answer=RowsAnswer, parameters=OUTPUT,
    ),
    _hybrid("/result", "hybrid_job_result", "What it saved.", 409),
    _hybrid(
        "/events", "hybrid_job_events", "Events of a hybrid job.", 422, answer=_TEXT, media_type=_SSE, parameters=STREAM
    ),
    Operation(
        "POST", "/v1/hybrid-jobs/{hybrid}:cancel", "cancel_hybrid_job", "Stop a hybrid job that has not ended.",
        statuses=(200, 202), bodies={_JSON: CancelBody, EVENT: _EVENT}, body_required=False, problems=(403, 404),
    ),
    Operation("GET", "/v1/webhooks", "list_webhooks", "The tenant's webhooks.", RowsAnswer, problems=(403,)),
    Operation(
        "POST", "/v1/webhooks", "create_webhook", "Have events sent to a URL; the answer alone has the secret.",
        statuses=(201,), bodies={_JSON: NewWebhook}, problems=(403, 409),
    ),
    _webhook("GET", "", "webhook", "One webhook, and how far its deliveries are."),
    _webhook("DELETE", "", "delete_webhook", "Send nothing more to it.", statuses=(204,)),
    _webhook("POST", ":test", "test_webhook", "Send a test event now, once.", 409),
    _webhook(
        "POST", ":replay", "replay_events", "Send a range of events again.", 409,
        statuses=(202,), bodies={_JSON: EventRange},
    ),
    _webhook(
        "POST", ":enable", "enable_webhook", "Use a disabled webhook again, with what it missed.", 409,
        bodies={_JSON: Enabling}, body_required=False,
    ),
    _webhook(
        "POST", ":rotate", "rotate_secret", "Give it a new secret; the answer alone has it.", 409,
        bodies={_JSON: Rotation}, body_required=False,
    ),
    _webhook("GET", "/deliveries", "list_deliveries", "Its newest deliveries.", answer=RowsAnswer),
    _webhook("POST", "/deliveries/{n}:replay", "replay_delivery", "Send an event again.", 409, 422, statuses=(202,)),
)  # fmt: skip
"""The whole interface."""
