"""Routes messages to handlers."""

from __future__ import annotations

from faststream.nats import NatsRouter

from queuebit_broker.answers import Answers
from queuebit_broker.delegating import DelegateKeys
from queuebit_broker.erasing import EraseContents
from queuebit_broker.handlers import AdmitJob
from queuebit_broker.hybrids import AdmitHybridJobs, Cancel
from queuebit_broker.reservation_requests import KeepReservations, PlanWindows
from queuebit_broker.session_requests import KeepSessions
from queuebit_broker.tenancy import ApplyTenants
from queuebit_contracts import subjects
from queuebit_contracts.calendar import WindowsAnswer, WindowsRequest
from queuebit_contracts.command import CancelJob
from queuebit_contracts.delegation import DelegateRequest, DelegationAnswer, RevokeRequest
from queuebit_contracts.erasure import EraseAnswer, EraseRequest
from queuebit_contracts.hybrid import HybridSubmitted
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.query import Answer, Question, TenantsAnswer, TenantsRequest
from queuebit_contracts.reservation import BookReservation, CancelReservation, ReservationAnswer
from queuebit_contracts.session import CloseSession, OpenSession, SessionAnswer
from queuebit_contracts.subjects import ERASE_REQUEST, TENANTS_REQUEST, WINDOWS_REQUEST, identity
from queuebit_contracts.wire import Reason
from queuebit_kernel import Malformed
from queuebit_runtime.access_recorder import Recorder
from queuebit_runtime.consumers import Body, First, LogSequence, Redelivered, StoredAt, Subject, subscribes
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.replies import SIDE_BY_SIDE, Answered, Replies, Tenant, request_of
from queuebit_runtime.tenant_limiter import PLACES, TenantLimiter

__all__ = [
    "delegations",
    "erasures",
    "hybrid_routes",
    "queries",
    "reservation_requests",
    "revocations",
    "routes",
    "session_requests",
    "tenancy",
    "windows",
]

_ROOM = 1 << 20
"""Bytes of waiting requests of one tenant for delegated keys, or about sessions and reservations."""


def routes(admit: AdmitJob, cancel: Cancel) -> NatsRouter:
    """The broker's subscribers."""
    router = NatsRouter()

    @subscribes(router, "broker-submitted", workers=PLACES)
    async def on_submitted(
        event: JobSubmitted,
        body: Body,
        subject: Subject,
        sequence: LogSequence,
        redelivered: Redelivered,
        first: First,
        stored_at: StoredAt,
    ) -> None:
        """Admit or refuse a job; its time is when the log stored it, not a claim of its sender."""
        asked = event.model_copy(update={"time": stored_at or event.time})
        await admit(asked, body=body, subject=subject, sequence=sequence, redelivered=redelivered, first=first)

    @subscribes(router, "broker-commands", workers=PLACES)
    async def on_cancel(event: CancelJob, body: Body, subject: Subject, stored_at: StoredAt) -> None:
        """End a job, or a hybrid job, at its owner's request; its time is when the log stored it."""
        asked = event.model_copy(update={"time": stored_at or event.time})
        await cancel(asked, body=body, subject=subject)

    return router


def hybrid_routes(admit: AdmitHybridJobs) -> NatsRouter:
    """Submissions of hybrid jobs."""
    router = NatsRouter()

    @subscribes(router, "broker-hybrids", workers=4)
    async def on_hybrid(
        event: HybridSubmitted, body: Body, subject: Subject, sequence: LogSequence, stored_at: StoredAt
    ) -> None:
        """Admit or refuse a hybrid job; its time is when the log stored it."""
        asked = event.model_copy(update={"time": stored_at or event.time})
        await admit(asked, body=body, subject=subject, sequence=sequence)

    return router


def queries(answers: Answers, *, side_by_side: int, access: Recorder | None = None) -> NatsRouter:
    """Queries of tenants, whose refusals `access` counts; brokers share them."""
    server = QueryServer("broker", side_by_side=side_by_side, access=access)

    @server.answers("backends")
    async def on_backends(tenant: Tenant, question: Question) -> Answer:
        """List the backends with their prices and calibrations."""
        return await answers.backends(tenant, question)

    @server.answers("plan")
    async def on_plan(tenant: Tenant, question: Question) -> Answer:
        """Cost and expected quality of a circuit on each backend."""
        return await answers.plan(tenant, question)

    @server.answers("admission")
    async def on_admission(tenant: Tenant, question: Question) -> Answer:
        """Jobs that cannot be decided now, and the reasons."""
        return await answers.admission(tenant, question)

    @server.answers("balances")
    async def on_balances(tenant: Tenant, question: Question) -> Answer:
        """Balances of the tenant's accounts and budgets."""
        return await answers.balances(tenant, question)

    @server.answers("quotas")
    async def on_quotas(tenant: Tenant, question: Question) -> Answer:
        """What is used and left of the tenant's quotas."""
        return await answers.quotas(tenant, question)

    @server.answers("circuits")
    async def on_circuits(tenant: Tenant, question: Question) -> Answer:
        """Named circuits of the tenant, with all of their versions."""
        return await answers.circuits(tenant, question)

    @server.answers("delegations")
    async def on_delegations(tenant: Tenant, question: Question) -> Answer:
        """Delegated keys of the tenant that have not expired."""
        return await answers.delegations(tenant, question)

    @server.answers("sessions")
    async def on_sessions(tenant: Tenant, question: Question) -> Answer:
        """Sessions of the tenant that are open, or closed within a day."""
        return await answers.sessions(tenant, question)

    @server.answers("reservations")
    async def on_reservations(tenant: Tenant, question: Question) -> Answer:
        """Reservations of the tenant that are not over, or ended within a day."""
        return await answers.reservations(tenant, question)

    @server.answers("windows")
    async def on_windows(tenant: Tenant, question: Question) -> Answer:
        """When backends cannot be reserved from now on."""
        return await answers.windows(tenant, question)

    return server.router


def delegations(keys: DelegateKeys, *, side_by_side: int, answered: Answered | None = None) -> NatsRouter:
    """Requests for delegated keys; brokers share them."""
    router = NatsRouter(
        middlewares=[
            Replies(_not_granted, turns=TenantLimiter(side_by_side, _ROOM), exclude_none=True, answered=answered)
        ]
    )

    @router.subscriber(
        identity("delegate"),
        queue="broker",
        max_workers=SIDE_BY_SIDE,
        decoder=request_of(DelegateRequest),
        title="delegate",
    )
    async def on_delegate(tenant: Tenant, request: DelegateRequest) -> DelegationAnswer:
        """Grant a short-lived key in exchange for a proof."""
        return await keys.delegate(tenant, request)

    return router


def revocations(keys: DelegateKeys, *, side_by_side: int, answered: Answered | None = None) -> NatsRouter:
    """Requests to end delegated keys: they wait for no exchange whose issuer is slow."""
    router = NatsRouter(
        middlewares=[
            Replies(_not_granted, turns=TenantLimiter(side_by_side, _ROOM), exclude_none=True, answered=answered)
        ]
    )

    @router.subscriber(
        identity("revoke"), queue="broker", max_workers=SIDE_BY_SIDE, decoder=request_of(RevokeRequest), title="revoke"
    )
    async def on_revoke(tenant: Tenant, request: RevokeRequest) -> DelegationAnswer:
        """End a delegated key."""
        return await keys.revoke(tenant, request)

    return router


def session_requests(sessions: KeepSessions, *, side_by_side: int, answered: Answered | None = None) -> NatsRouter:
    """Requests to open and close sessions; brokers share them."""
    router = NatsRouter(
        middlewares=[Replies(_not_open, turns=TenantLimiter(side_by_side, _ROOM), exclude_none=True, answered=answered)]
    )

    @router.subscriber(
        subjects.sessions("open"),
        queue="broker",
        max_workers=SIDE_BY_SIDE,
        decoder=request_of(OpenSession),
        title="open_session",
    )
    async def on_open(tenant: Tenant, request: OpenSession) -> SessionAnswer:
        """Open a session, with the hold of its cap."""
        return await sessions.open(tenant, request)

    @router.subscriber(
        subjects.sessions("close"),
        queue="broker",
        max_workers=SIDE_BY_SIDE,
        decoder=request_of(CloseSession),
        title="close_session",
    )
    async def on_close(tenant: Tenant, request: CloseSession) -> SessionAnswer:
        """Close a session; what of its cap nothing uses goes back."""
        return await sessions.close(tenant, request)

    return router


def reservation_requests(
    reservations: KeepReservations, *, side_by_side: int, answered: Answered | None = None
) -> NatsRouter:
    """Requests to book and cancel reservations; brokers share them."""
    router = NatsRouter(
        middlewares=[
            Replies(_not_booked, turns=TenantLimiter(side_by_side, _ROOM), exclude_none=True, answered=answered)
        ]
    )

    @router.subscriber(
        subjects.reservations("book"),
        queue="broker",
        max_workers=SIDE_BY_SIDE,
        decoder=request_of(BookReservation),
        title="book_reservation",
    )
    async def on_book(tenant: Tenant, request: BookReservation) -> ReservationAnswer:
        """Book a slot of a backend, with the hold of its price."""
        return await reservations.book(tenant, request)

    @router.subscriber(
        subjects.reservations("cancel"),
        queue="broker",
        max_workers=SIDE_BY_SIDE,
        decoder=request_of(CancelReservation),
        title="cancel_reservation",
    )
    async def on_cancel_reservation(tenant: Tenant, request: CancelReservation) -> ReservationAnswer:
        """Cancel a reservation, or give the rest of its slot back."""
        return await reservations.cancel(tenant, request)

    return router


def windows(plan: PlanWindows) -> NatsRouter:
    """Requests of the operator about the windows of backends; no other user may send them."""
    router = NatsRouter(middlewares=[Replies(_no_windows, exclude_none=True)])

    @router.subscriber(
        WINDOWS_REQUEST, queue="broker", max_workers=SIDE_BY_SIDE, decoder=request_of(WindowsRequest), title="windows"
    )
    async def on_windows_request(request: WindowsRequest) -> WindowsAnswer:
        """Plan or cancel windows of a backend, or list its calendar."""
        return await plan(request)

    return router


def erasures(erase: EraseContents) -> NatsRouter:
    """Requests of the operator to erase contents; no other user may send them."""
    router = NatsRouter(middlewares=[Replies(_not_erased, exclude_none=True)])

    @router.subscriber(
        ERASE_REQUEST, queue="broker", max_workers=SIDE_BY_SIDE, decoder=request_of(EraseRequest), title="erase"
    )
    async def on_erase(request: EraseRequest) -> EraseAnswer:
        """Erase contents of a tenant."""
        return await erase(request)

    return router


def tenancy(apply: ApplyTenants) -> NatsRouter:
    """Requests of the operator about tenants; no other user may send them."""
    router = NatsRouter(middlewares=[Replies(_no)])

    @router.subscriber(
        TENANTS_REQUEST, queue="broker", max_workers=SIDE_BY_SIDE, decoder=request_of(TenantsRequest), title="tenants"
    )
    async def on_tenants(request: TenantsRequest) -> TenantsAnswer:
        """Put the declared tenants in force, or return the current ones."""
        return await apply(request)

    return router


def _no(code: str, text: str) -> TenantsAnswer:
    again = "" if code == Malformed.code else ": make the same request again"
    return TenantsAnswer(errors=(Reason(code=code, text=f"{text}{again}"),))


def _not_open(code: str, text: str) -> SessionAnswer:
    return SessionAnswer(errors=(Reason(code=code, text=text),))


def _not_booked(code: str, text: str) -> ReservationAnswer:
    return ReservationAnswer(errors=(Reason(code=code, text=text),))


def _not_erased(code: str, text: str) -> EraseAnswer:
    return EraseAnswer(errors=(Reason(code=code, text=text),))


def _no_windows(code: str, text: str) -> WindowsAnswer:
    return WindowsAnswer(errors=(Reason(code=code, text=text),))


def _not_granted(code: str, text: str) -> DelegationAnswer:
    return DelegationAnswer(errors=(Reason(code=code, text=text),))
