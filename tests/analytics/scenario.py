"""A month of two tenants, with one of everything that a report shows. Times are relative to now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from .warehouse import event

__all__ = ["BELL", "NOW", "QFT", "scenario"]

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
"""When the newest things happened."""

BELL, QFT = "sha256:" + "b" * 64, "sha256:" + "f" * 64
_RESULT = "sha256:" + "e" * 64
_BOOK = "sha256:" + "0" * 64
_numbers = count()

_Message = tuple[str, bytes]


def line(component: str, consumed: str, price: str, billed: str | None = None) -> dict[str, str]:
    """A line of a bill."""
    paid = consumed if billed is None else billed
    return {
        "price": "p-2026", "component": component, "unit": component.title(), "consumed": consumed, "billed": paid,
        "unit_price": price, "amount": f"{Decimal(paid) * Decimal(price):f}",
    }  # fmt: skip


def charge(lines: Sequence[dict[str, str]]) -> dict[str, Any]:
    total = sum((Decimal(it["amount"]) for it in lines), Decimal(0))
    return {"amount": f"{total:f}", "currency": "USD", "jbu": "0", "lines": list(lines)}


def job(
    tenant: str,
    at: datetime,
    lines: Sequence[dict[str, str]],
    *,
    project: str = "chem",
    user: str = "ann",
    tags: Sequence[str] = (),
    session: str = "",
    circuit: str = BELL,
    backend: str = "torino",
    esp: int = 900_000,
    shots: int = 1_000,
    state: str = "completed",
    reason: str = "",
    attempts: int = 1,
    qpu_us: int = 2_000_000,
    later: Sequence[dict[str, str]] | None = None,
) -> Iterator[_Message]:
    """The life of a job; `later` are the lines of a correction, a minute after its end."""
    id_ = f"j{next(_numbers)}"
    subject, whose = f"qb.job.{tenant}.{id_}", {"tenant": tenant, "job": id_}
    label = {BELL: "bell.qasm", QFT: "qft.qasm"}[circuit]
    stored = {"digest": circuit, "size": 1 << 20, "media_type": "text/x-openqasm"}
    yield event(
        f"{subject}.submitted", "qb.job.submitted.v1", at, **whose, project=project, label=label, tags=[*tags],
        session=session, shots=shots, circuit=stored,
    )  # fmt: skip
    candidate = {"backend": backend, "price": "p-2026", "hold": "9", "qpu_us": 3_000_000, "esp_ppm": esp}
    yield event(
        f"{subject}.accepted", "qb.job.accepted.v1", at, **whose, project=project, user=user, circuit=circuit,
        shots=shots, profile={"qubits": 2}, candidates=[candidate],
    )  # fmt: skip
    ran = {"backend": backend, "attempt": attempts, "usage": {}}
    if state == "completed":
        result = {"digest": _RESULT, "size": 2 << 20, "media_type": "application/json"}
        ran |= {"shots": shots, "compilation": {"esp_ppm": esp}, "result": result}
    else:
        ran |= {"reason": {"code": reason, "text": reason}}
    yield event(f"{subject}.{state}", f"qb.job.{state}.v1", at, **whose, **ran)
    usage = {"shots": shots if state == "completed" else 0, "qpu_us": qpu_us, "qubits": 2, "final": True}
    bill = {**whose, "project": project, "backend": backend, "usage": usage, "price_book": _BOOK}
    ended = {"state": state, "ended_at": at.isoformat()}
    yield event(f"{subject}.metered", "qb.job.metered.v1", at, **bill, **ended, charge=charge(lines))
    if later is not None:
        yield event(
            f"{subject}.corrected.1", "qb.job.corrected.v1", at + timedelta(minutes=1), **bill, revision=1, report=1,
            charge=charge(later), delta={"amount": "0"}, reason="the vendor closed its books", final=True,
        )  # fmt: skip


def session(tenant: str, id_: str, at: datetime, idle_s: int) -> Iterator[_Message]:
    """A session and the bill for its idle time."""
    whose = {"tenant": tenant, "session": id_, "project": "chem"}
    yield event(f"qb.session.{tenant}.{id_}.opened", "qb.session.opened.v1", at, **whose, user="ann", backend="torino")
    yield event(
        f"qb.session.{tenant}.{id_}.metered", "qb.session.metered.v1", at, **whose, idle_s=idle_s,
        charge=charge([line("session_idle_second", str(idle_s), "0.001")]), closed_at=at.isoformat(),
    )  # fmt: skip


def hybrid(tenant: str, id_: str, at: datetime) -> Iterator[_Message]:
    """A hybrid job of ten seconds, five of them computing, in half a GiB."""
    subject, whose = f"qb.hybrid.{tenant}.{id_}", {"tenant": tenant, "hybrid": id_, "project": "ml"}
    yield event(f"{subject}.submitted", "qb.hybrid.submitted.v1", at, **whose, label="vqe.py", tags=["h2"])
    yield event(f"{subject}.accepted", "qb.hybrid.accepted.v1", at, **whose, user="bob")
    usage = {"time_us": 10_000_000, "processor_us": 5_000_000, "most_memory_bytes": 1 << 29}
    yield event(
        f"{subject}.metered", "qb.hybrid.metered.v1", at, **whose, state="completed", usage=usage,
        charge=charge([line("classical_second", "10", "0.01")]), ended_at=at.isoformat(),
    )  # fmt: skip


def scenario() -> Iterator[_Message]:
    """All messages, in the order of the log."""
    for ago in range(20, 0, -1):  # an ordinary job a day, of beta
        price = "0.01" if ago % 2 else "0.012"
        yield from job("beta", NOW - timedelta(days=ago), [line("shot", "100", price)], project="main", user="eve")
    yield from job("beta", NOW, [line("shot", "5000", "0.01")], project="main", user="eve")  # and one day of 50
    fee, seconds = line("task", "1", "0.3"), line("second", "2", "1.60")
    yield from job("acme", NOW, [fee, seconds], tags=["h2", "paper"])
    yield from job("acme", NOW, [line("second", "2", "1.00")], backend="garnet", esp=950_000)
    yield from job(
        "acme", NOW, [line("shot", "50000", "0.0001")], circuit=QFT, shots=50_000, tags=["precision-10000ppm"],
        project="ml", user="bob",
    )  # fmt: skip
    yield from job("acme", NOW, [fee], later=[line("task", "1", "0.2")], project="ml", user="bob", backend="garnet")
    for _ in range(6):
        yield from job(
            "acme", NOW, [line("task", "1", "0.3", "0"), line("second", "2", "1.60", "0")], state="failed",
            reason="executor_lost", circuit=QFT, attempts=3, user="bob", project="ml",
        )  # fmt: skip
    yield from job("acme", NOW, [line("second", "20", "1.60")], state="failed", reason="run_timeout", user="ann")
    yield from session("acme", "s1", NOW, 120)
    yield from hybrid("acme", "h1", NOW)
