"""What a client uses of the platform, by the way it is reached: the bus, or a gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Protocol

from queuebit.credentials import Credential, is_http
from queuebit.permissions import permitted
from queuebit.queries import ask
from queuebit.transport import Transport, over_nats

if TYPE_CHECKING:  # loaded when used: a query then starts in half the time
    from queuebit.devices import Device
    from queuebit.log_client import LogClient
    from queuebit.payloads import Payloads
    from queuebit.records import Row, Table
    from queuebit_contracts.delegation import DelegateRequest
    from queuebit_contracts.hybrid import HybridSubmitted
    from queuebit_contracts.reservation import BookReservation, CancelReservation
    from queuebit_contracts.session import CloseSession, OpenSession

__all__ = ["Access", "BusAccess", "access_of"]

_ASK_S = 15.0


class Access(Protocol):
    """The log, the payloads and the services, as one tenant's user sees them."""

    @property
    def transport(self) -> Transport:
        """Live events, and the end of the connection."""
        ...

    def log(self) -> LogClient:
        """Histories of jobs, and where events are appended."""
        ...

    def payloads(self) -> Payloads:
        """Circuits and results that are too large for an event."""
        ...

    async def ask(self, question: str, **asked: object) -> Table:
        """Ask a service; raises as `queries.ask`."""
        ...

    async def device(self, name: str) -> Device:
        """Read a backend; raises as `devices.read_device`."""
        ...

    async def open_session(self, request: OpenSession) -> Row:
        """Open a session, or say how it would open; its row, as `session_document` says it.

        Raises:
            Refused: for all reasons.
            Unreachable: the broker does not answer; the same request can be sent again.
        """
        ...

    async def close_session(self, request: CloseSession) -> Row:
        """Close a session; raises as `open_session`."""
        ...

    async def book_reservation(self, request: BookReservation) -> Row:
        """Book a slot, or say what would be booked; its row, as `reservation_document` says it.

        Raises:
            Refused: for all reasons.
            Unreachable: the broker did not confirm; the same request can be sent again.
        """
        ...

    async def cancel_reservation(self, request: CancelReservation) -> Row:
        """Cancel a reservation; raises as `book_reservation`."""
        ...

    async def start_hybrid(self, event: HybridSubmitted, grant: DelegateRequest | None, source: bytes) -> None:
        """Grant the key of a hybrid job, and submit it.

        Args:
            event: the submission; unsigned, if a sidecar signs.
            grant: the user's request to grant the key that the submission names; None if a sidecar makes it.
            source: the file; it is stored already, unless a sidecar signs.

        Raises:
            Stale: its key was used before.
            Refused: for all reasons.
            Unreachable: the platform did not confirm; the same can be sent again.
        """
        ...

    async def output(self, hybrid: str, kind: str, after: int) -> tuple[list[bytes], int | None]:
        """Logs or metrics of a hybrid job after a place, and the next place: None once it has ended and all is read."""
        ...

    def export(self, form: str, **wanted: str | None) -> AsyncGenerator[bytes, None]:
        """Charges as a file, piece by piece; `project`, `since` and `until` limit it."""
        ...


class BusAccess:
    """Over the bus."""

    def __init__(self, transport: Transport, credential: Credential) -> None:
        self.transport = transport
        self._credential = credential
        self._tenant = credential.tenant

    def log(self) -> LogClient:
        from queuebit.log_client import LogClient

        return LogClient(self.transport, self._tenant)

    def payloads(self) -> Payloads:
        from queuebit.payloads import Payloads

        return Payloads(self.transport, self._tenant)

    async def ask(self, question: str, **asked: object) -> Table:
        return await ask(self.transport, self._tenant, question, **asked)

    async def device(self, name: str) -> Device:
        from queuebit.devices import read_device
        from queuebit.payloads import Payloads
        from queuebit_contracts.topology import PLATFORM

        return await read_device(self.log(), Payloads(self.transport, PLATFORM), name)

    async def open_session(self, request: OpenSession) -> Row:
        return await self._session("open", request)

    async def close_session(self, request: CloseSession) -> Row:
        return await self._session("close", request)

    async def _session(self, verb: str, request: OpenSession | CloseSession) -> Row:
        from queuebit.session_requests import session_document
        from queuebit_contracts.session import SessionAnswer
        from queuebit_contracts.subjects import sessions

        body = request.model_dump_json(exclude_none=True).encode()
        with permitted(self._credential, f"{verb} sessions"):
            reply = await self.transport.request(sessions(verb, self._tenant), body, timeout=_ASK_S)
        return session_document(SessionAnswer.model_validate_json(reply.body))

    async def book_reservation(self, request: BookReservation) -> Row:
        return await self._reservation("book", request)

    async def cancel_reservation(self, request: CancelReservation) -> Row:
        return await self._reservation("cancel", request)

    async def _reservation(self, verb: str, request: BookReservation | CancelReservation) -> Row:
        from queuebit.reservation_requests import reservation_document
        from queuebit_contracts.reservation import ReservationAnswer
        from queuebit_contracts.subjects import reservations

        body = request.model_dump_json(exclude_none=True).encode()
        with permitted(self._credential, f"{verb} reservations"):
            reply = await self.transport.request(reservations(verb, self._tenant), body, timeout=_ASK_S)
        return reservation_document(ReservationAnswer.model_validate_json(reply.body))

    async def start_hybrid(self, event: HybridSubmitted, grant: DelegateRequest | None, source: bytes) -> None:
        from queuebit.hybrid_requests import start_over_bus

        del source
        await start_over_bus(self.transport, self.log(), event, grant)

    async def output(self, hybrid: str, kind: str, after: int) -> tuple[list[bytes], int | None]:
        from queuebit.hybrid_jobs import output_chunk

        chunk = await output_chunk(self.transport, self._tenant, hybrid, kind, after + 1)
        return ([], after) if chunk is None else ([chunk], after + 1)

    def export(self, form: str, **wanted: str | None) -> AsyncGenerator[bytes, None]:
        from queuebit.charge_exports import exported

        return exported(partial(self.ask, "bills"), form, **wanted)


def access_of(credential: Credential, transport: Transport | None) -> Access:
    """The access to the address of a credential, or over a transport; it connects when first used."""
    if transport is None and is_http(credential.url):
        from queuebit.http_access import HttpAccess

        return HttpAccess(credential)
    return BusAccess(transport or over_nats(credential), credential)
