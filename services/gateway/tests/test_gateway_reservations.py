"""Reservations over HTTP: the request is signed by its caller, and the broker decides."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from starlette.types import ASGIApp

from queuebit_contracts.job import Signature
from queuebit_contracts.reservation import (
    BookReservation,
    CancelReservation,
    Reservation,
    Withdrawal,
    reservation_id,
    signed_part,
)
from queuebit_contracts.roles import Role
from queuebit_contracts.wire import Amount
from queuebit_gateway.callers import Caller
from queuebit_kernel import Json
from queuebit_runtime.keys import new_seed, public_key, sign, verify_bytes
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import Bus, app_for, platform

SEED, NOW = new_seed(), datetime(2026, 1, 1, tzinfo=UTC)
NAME = reservation_id("acme", "k1")
KEYED = [("content-type", "application/json"), ("idempotency-key", "k1")]
SLOT = {"backend": "aer", "starts_at": "2026-01-02T10:00:00+01:00", "ends_at": "2026-01-02T10:00:00Z"}
BODY = json.dumps({"project": "main", **SLOT}).encode()


def app(bus: Bus, role: Role = "submitter", *, signs: bool = True) -> ASGIApp:
    def signer(content: Json) -> Signature:
        return Signature(key=public_key(SEED), signature=sign(SEED, content), delegation="d9")

    return app_for(platform(MemoryLog(), bus), Caller("acme", "ann", role, signer if signs else None))


def reservation(asked: BookReservation) -> Reservation:
    added = {"user": "ann", "booked_at": NOW, "unit_price": Amount(amount="0.01"), "price": "p"}
    return Reservation.model_validate({**asked.model_dump(), **added, "hold": Amount(amount="36.00")})


def booked(question: dict[str, object]) -> dict[str, object]:
    """What a broker answers, which checks the signature."""
    asked = BookReservation.model_validate(question)
    assert verify_bytes(asked.proof.key, signed_part(asked), asked.proof.signature)
    return {"reservation": reservation(asked).model_dump(mode="json", exclude_none=True)}


def cancelled(question: dict[str, object]) -> dict[str, object]:
    asked = CancelReservation.model_validate(question)
    assert verify_bytes(asked.proof.key, signed_part(asked), asked.proof.signature)
    fields = {**SLOT, "tenant": "acme", "project": "main", "reservation": NAME, "key": "k1", "proof": asked.proof}
    whole = reservation(BookReservation.model_validate(fields))
    end = Withdrawal(
        tenant="acme", reservation=NAME, project="main", backend="aer", reason="asked", by="ann", cancelled_at=NOW
    )
    return {"reservation": whole.model_dump(mode="json"), "cancelled": end.model_dump(mode="json")}


async def test_a_token_books_a_slot_that_the_gateway_signs(bus: Bus) -> None:
    bus.answers["qb.reservations.acme.book"] = booked
    done = await send(app(bus), "POST", "/v1/reservations", headers=KEYED, body=BODY)
    found = done.json()
    assert (done.status, done.headers["location"]) == (201, f"/v1/reservations/{NAME}")
    assert (found["reservation"], found["state"]) == (NAME, "booked")
    assert (found["starts_at"], found["hold"]) == (
        "2026-01-02T09:00:00.000000Z",
        {"amount": "36.00", "currency": "USD"},
    )
    assert bus.asked[0][1]["proof"]["delegation"] == "d9"


async def test_a_caller_without_a_token_sends_the_signature(bus: Bus) -> None:
    bus.answers["qb.reservations.acme.book"] = booked
    fields = {**SLOT, "tenant": "acme", "project": "main", "reservation": NAME, "key": "k1", "dry_run": True}
    unsigned = BookReservation.model_validate({**fields, "proof": {"key": "", "signature": ""}})
    content = unsigned.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    proof = {"key": public_key(SEED), "signature": sign(SEED, content)}
    body = json.dumps({"project": "main", **SLOT, "dry_run": True, "proof": proof}).encode()
    assert (await send(app(bus, signs=False), "POST", "/v1/reservations", headers=KEYED, body=body)).status == 200
    without = await send(app(bus, signs=False), "POST", "/v1/reservations", headers=KEYED, body=BODY)
    assert (without.status, without.json()["code"]) == (422, "unsigned")


@pytest.mark.parametrize(("code", "status"), [("slot_taken", 409), ("role_forbids", 403), ("slot_past", 422)])
async def test_a_refusal_has_its_status(bus: Bus, code: str, status: int) -> None:
    bus.answers["qb.reservations.acme.book"] = lambda _: {"errors": [{"code": code, "text": "no"}]}
    done = await send(app(bus), "POST", "/v1/reservations", headers=KEYED, body=BODY)
    assert (done.status, done.json()["code"]) == (status, code)


async def test_a_viewer_books_nothing_and_a_moment_needs_a_zone(bus: Bus) -> None:
    assert (await send(app(bus, "viewer"), "POST", "/v1/reservations", headers=KEYED, body=BODY)).status == 403
    naive = json.dumps({"project": "main", **SLOT, "starts_at": "2026-01-02T10:00:00"}).encode()
    assert (await send(app(bus), "POST", "/v1/reservations", headers=KEYED, body=naive)).status == 422


async def test_a_reservation_is_cancelled(bus: Bus) -> None:
    bus.answers["qb.reservations.acme.cancel"] = cancelled
    done = await send(app(bus), "POST", f"/v1/reservations/{NAME}:cancel", headers=KEYED[:1], body=b"{}")
    assert (done.status, done.json()["state"], done.json()["reason"]) == (200, "cancelled", "asked")


async def test_reservations_and_windows_are_listed(bus: Bus) -> None:
    row = {"reservation": NAME, "currency": "USD", "unit_price": "0.01", "hold": None, "sequence": 9}
    bus.answers["qb.query.acme.reservations"] = lambda asked: {
        "rows": [row] if asked.get("reservation") != "r0" else []
    }
    bus.answers["qb.query.acme.windows"] = lambda _: {"rows": [{"backend": "aer", "kind": "maintenance"}]}
    assert (await send(app(bus), "GET", "/v1/reservations")).json()["data"][0]["reservation"] == NAME
    assert (await send(app(bus), "GET", f"/v1/reservations/{NAME}")).json()["hold"] is None
    assert (await send(app(bus), "GET", "/v1/reservations/r0")).status == 404
    assert (await send(app(bus), "GET", "/v1/windows")).json()["data"][0]["backend"] == "aer"


@pytest.mark.parametrize(
    ("key", "label", "text"), [("k" * 129, "", "key has 129 characters"), ("k1", "a\x1b[2Jb", "label contains")]
)
async def test_a_key_that_is_too_long_or_a_label_with_control_characters_is_refused(
    bus: Bus, key: str, label: str, text: str
) -> None:
    body = json.dumps({"project": "main", **SLOT, "label": label}).encode()
    done = await send(app(bus), "POST", "/v1/reservations", headers=[KEYED[0], ("idempotency-key", key)], body=body)
    assert (done.status, bus.asked) == (422, [])
    assert text in done.json()["detail"]
