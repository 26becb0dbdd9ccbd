"""The life of a job as events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from queuebit_contracts.admission import CircuitVersion, DataSet
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    Acceptance,
    Cancellation,
    Candidate,
    Charge,
    ChargeLine,
    Compilation,
    Completion,
    Expiry,
    Failure,
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobExpired,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobRejected,
    JobStarted,
    JobSubmitted,
    Metering,
    Placement,
    Profile,
    Rejection,
    Signature,
    Start,
    Submission,
    Usage,
)
from queuebit_contracts.wire import Amount, Payload, Reason
from queuebit_kernel import digest

BEGIN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


QASM = "OPENQASM 3.0;"


COUNTS = '{"00":496,"11":504}'


def _at(milliseconds: int) -> datetime:
    return BEGIN + timedelta(milliseconds=milliseconds)


TIMES = {"submitted_at": _at(0), "accepted_at": _at(2), "placed_at": _at(4), "started_at": _at(6)}


USED = Usage(shots=1000, qpu_us=2150, qubits=2)


LINE = ChargeLine(
    price="p1",
    component="qubit-time",
    unit="qubit-second",
    consumed="0.0043",
    billed="0.0043",
    unit_price="0.02",
    amount="0.000086",
)


CHARGE = Charge(amount=LINE.amount, currency="USD", jbu="0", lines=(LINE,))


def _payload(text: str, media_type: str) -> Payload:
    return Payload(digest=digest(text.encode()), size=len(text), media_type=media_type, inline=text)


def request_of(job: str) -> str:
    """The broker's digest of what was asked, with fields that no event model knows."""
    return digest(f"the signed bytes of {job}".encode())


def life(job: str = "j1", end: str = "completed", *, accepted: bool = True, tenant: str = "acme") -> list[AnyEvent]:
    """Every event of one job up to its bill, in order."""
    about = {"tenant": tenant, "job": job}
    events: list[AnyEvent] = [_submitted(about)]
    if accepted and end != "rejected":
        events.append(_accepted(about))
    if end in ("completed", "failed"):
        events += _placed_and_started(about)
    endings: dict[str, Callable[[dict[str, str]], AnyEvent]]
    endings = {
        "completed": _completed,
        "failed": _failed,
        "rejected": _rejected,
        "cancelled": _cancelled,
        "expired": _expired,
    }
    ended = endings[end](about)
    return [*events, ended.model_copy(update={"provenanceid": request_of(job)}), _metered(about, end)]


def _submitted(about: dict[str, str]) -> JobSubmitted:
    data = Submission(
        **about,
        project="chemistry",
        key=about["job"],
        circuit=_payload(QASM, "text/x-openqasm"),
        shots=1000,
        purpose="ground state of H2",
        inputs=(DataSet(name="molecules", version="2026-11", digest=digest(b"molecules")),),
        circuit_version=CircuitVersion(name="ansatz", version=7),
        proof=Signature(key="U" + "A" * 55, signature="a" * 86),
    )
    return JobSubmitted(source="qb/client", time=_at(0), data=data)


def _accepted(about: dict[str, str]) -> JobAccepted:
    data = Acceptance(
        **about,
        project="chemistry",
        user="ann",
        share=1,
        shots=1000,
        circuit=digest(QASM.encode()),
        profile=Profile(
            qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64, canonical=digest(b"canonical")
        ),
        candidates=(Candidate(backend="aer", price="p1", hold="0.31", qpu_us=5000),),
        hold=Amount(amount="0.31"),
        price_book=digest(b"book"),
        seed=7,
        submitted_at=_at(0),
    )
    return JobAccepted(source="qb/broker", time=_at(2), provenanceid=request_of(about["job"]), data=data)


def _placed_and_started(about: dict[str, str]) -> list[AnyEvent]:
    placed = Placement(
        **about,
        project="chemistry",
        backend="aer",
        shots=1000,
        circuit=digest(QASM.encode()),
        seed=7,
        qpu_us=5000,
        policy="share",
        snapshot=digest(b"snapshot"),
        scores=(),
        submitted_at=_at(0),
        accepted_at=_at(2),
    )
    started = Start(
        **about, backend="aer", attempt=1, executor="aer-1", software="queuebit 0.1.0", image=digest(b"image")
    )
    return [
        JobPlaced(source="qb/scheduler", time=_at(4), data=placed),
        JobStarted(source="qb/executor-aer", time=_at(6), data=started),
    ]


def _rejected(about: dict[str, str]) -> JobRejected:
    reasons = (Reason(code="qubits", text="It needs 200 qubits."), Reason(code="budget", text="It costs 3 USD."))
    data = Rejection(**about, project="chemistry", reasons=reasons, submitted_at=_at(0))
    return JobRejected(source="qb/broker", time=_at(20), data=data)


def _completed(about: dict[str, str]) -> JobCompleted:
    compiled = {"compiler": "qiskit 2.6.1", "seed": 11, "depth": 3, "two_qubit_gates": 1, "duration_ns": 900}
    data = Completion(
        **about,
        **TIMES,
        backend="aer",
        attempt=1,
        shots=1000,
        result=_payload(COUNTS, "application/json"),
        usage=USED,
        compilation=Compilation(
            digest=digest(b"target"),
            circuit=digest(QASM.encode()),
            compiled=digest(b"compiled"),
            calibrated_at=BEGIN - timedelta(hours=2),
            **compiled,
        ),
        calibration=digest(b"calibration"),
    )
    return JobCompleted(source="qb/executor-aer", time=_at(20), data=data)


def _failed(about: dict[str, str]) -> JobFailed:
    reason = Reason(code="executor_lost", text="x" * 4000)
    data = Failure(**about, **TIMES, backend="aer", attempt=3, reason=reason, usage=Usage())
    return JobFailed(source="qb/executor-aer", time=_at(20), data=data)


def _cancelled(about: dict[str, str]) -> JobCancelled:
    data = Cancellation(**about, by="ann", reason="wrong circuit", submitted_at=_at(0))
    return JobCancelled(source="qb/broker", time=_at(20), data=data)


def _expired(about: dict[str, str]) -> JobExpired:
    times = {"deadline": _at(19), "submitted_at": _at(0), "accepted_at": _at(1)}
    reason = Reason(code="deadline_missed", text="no place in time")
    return JobExpired(source="qb/scheduler", time=_at(20), data=Expiry(**about, project="main", reason=reason, **times))


def _metered(about: dict[str, str], end: str) -> JobMetered:
    ran = end == "completed"
    data = Metering(
        **about,
        project="chemistry",
        state=end,
        usage=USED if ran else Usage(),
        charge=CHARGE if ran else Charge(amount="0", currency="USD", jbu="0"),
        price_book=digest(b"book"),
        submitted_at=_at(0),
        ended_at=_at(20),
    )
    return JobMetered(
        source="qb/metering", time=_at(22), traceparent=TRACEPARENT, provenanceid=request_of(about["job"]), data=data
    )


class Life(Protocol):
    """Every event of one job up to its bill, in order."""

    def __call__(
        self, job: str = "j1", end: str = "completed", *, accepted: bool = True, tenant: str = "acme"
    ) -> list[AnyEvent]: ...
