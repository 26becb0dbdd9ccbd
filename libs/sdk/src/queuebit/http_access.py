"""The platform over a gateway, and who a token or a sidecar stands for."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING

from queuebit.credentials import Credential
from queuebit.http_log import HttpLog, HttpPayloads
from queuebit.http_queries import ask_http, device_over_http, output_over_http
from queuebit.http_signed import asked_over_http, made_over_http
from queuebit.http_transport import HttpTransport
from queuebit.loop import Loop

if TYPE_CHECKING:
    from queuebit.devices import Device
    from queuebit.log_client import LogClient
    from queuebit.payloads import Payloads
    from queuebit.records import Row, Table
    from queuebit_contracts.delegation import DelegateRequest
    from queuebit_contracts.hybrid import HybridSubmitted
    from queuebit_contracts.reservation import BookReservation, CancelReservation
    from queuebit_contracts.session import CloseSession, OpenSession

__all__ = ["HttpAccess", "identified"]


class HttpAccess:
    """Over a gateway: REST and server-sent events."""

    def __init__(self, credential: Credential) -> None:
        self.transport = HttpTransport(credential)
        self._tenant = credential.tenant

    def log(self) -> LogClient:
        return HttpLog(self.transport, self._tenant)

    def payloads(self) -> Payloads:
        return HttpPayloads(self.transport, self._tenant)

    async def ask(self, question: str, **asked: object) -> Table:
        return await ask_http(self.transport, question, **asked)

    async def device(self, name: str) -> Device:
        return await device_over_http(self.transport, name)

    async def open_session(self, request: OpenSession) -> Row:
        return await made_over_http(self.transport, "/v1/sessions", request, "session")

    async def close_session(self, request: CloseSession) -> Row:
        return await asked_over_http(self.transport, f"/v1/sessions/{request.session}:close", request, "session")

    async def book_reservation(self, request: BookReservation) -> Row:
        return await made_over_http(self.transport, "/v1/reservations", request, "reservation")

    async def cancel_reservation(self, request: CancelReservation) -> Row:
        path = f"/v1/reservations/{request.reservation}:cancel"
        return await asked_over_http(self.transport, path, request, "reservation")

    async def start_hybrid(self, event: HybridSubmitted, grant: DelegateRequest | None, source: bytes) -> None:
        from queuebit.http_hybrid import start_over_http

        await start_over_http(self.transport, event, grant, source)

    async def output(self, hybrid: str, kind: str, after: int) -> tuple[list[bytes], int | None]:
        return await output_over_http(self.transport, hybrid, kind, after)

    def export(self, form: str, **wanted: str | None) -> AsyncGenerator[bytes, None]:
        period = {"from": wanted.get("since"), "to": wanted.get("until"), "project": wanted.get("project")}
        return self.transport.download("/v1/exports/charges", format=form, **period)


def identified(credential: Credential) -> Credential:
    """The same credential with tenant, user and project, which the gateway says of its token.

    Raises:
        Refused: the token is unknown, expired or revoked.
        Unreachable: nothing answers.
    """

    async def ask() -> dict[str, str | None]:
        http = HttpTransport(credential)
        try:
            found: dict[str, str | None] = await http.get("/v1/me")
            return found
        finally:
            await http.close()

    loop = Loop()
    try:
        it = loop.run(ask())
    finally:
        loop.close()
    tenant, user, project = (it.get(name) or "" for name in ("tenant", "user", "project"))
    return replace(credential, tenant=tenant, user=user, project=project)
