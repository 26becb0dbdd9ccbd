"""Builders of events with default contents."""

from __future__ import annotations

from datetime import UTC, datetime

from queuebit_contracts.account import AccountFunded, AccountHeld, AccountReleased, Funding, Hold, Release
from queuebit_contracts.job import (
    Acceptance,
    Candidate,
    JobAccepted,
    JobSubmitted,
    Profile,
    Signature,
    Submission,
)
from queuebit_contracts.wire import Amount
from queuebit_kernel import digest, event_id, job_id
from queuebit_runtime.keys import new_seed, public_key, sign
from queuebit_runtime.payloads import describe

__all__ = ["BELL", "NOON", "accepted", "funded", "held", "released", "submission", "submitted"]

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)

BELL = """\
OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""

_SEED = new_seed()


def submission(
    key: str = "k1",
    *,
    tenant: str = "acme",
    project: str = "main",
    source: str = BELL,
    shots: int = 1000,
    backend: str | None = "aer",
    purpose: str = "test",
    max_cost: str | None = None,
    seed: str = _SEED,
    job: str | None = None,
) -> Submission:
    """A submission, signed with `seed`."""
    body = Submission(
        tenant=tenant,
        project=project,
        job=job or job_id(tenant, key),
        key=key,
        purpose=purpose,
        label="bell.qasm",
        circuit=describe(source.encode(), "text/x-openqasm"),
        shots=shots,
        backend=backend,
        max_cost=None if max_cost is None else Amount(amount=max_cost),
        proof=Signature.model_construct(key=public_key(seed), signature=""),
    )
    document = body.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    return body.model_copy(update={"proof": Signature(key=public_key(seed), signature=sign(seed, document))})


def submitted(key: str = "k1", **fields: object) -> JobSubmitted:
    """The event of a submission; takes the arguments of `submission`."""
    data = submission(key, **fields)  # type: ignore[arg-type]  # passed through by name
    return JobSubmitted(id=event_id("submitted", data.tenant, data.job), source="qb/client", data=data)


def accepted(job: str = "j1", *, tenant: str = "acme", backend: str = "aer", share: int = 1) -> JobAccepted:
    """A job that is accepted for one backend."""
    return JobAccepted(
        id=event_id("accepted", tenant, job),
        source="qb/broker",
        time=NOON,
        data=Acceptance(
            tenant=tenant,
            project="main",
            job=job,
            user="ann",
            share=share,
            shots=1000,
            circuit=digest(BELL.encode()),
            profile=Profile(qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64),
            candidates=(Candidate(backend=backend, price="aer-2026", hold="0.01", qpu_us=1_000_000),),
            hold=Amount(amount="0.01"),
            price_book=digest(b"book"),
            seed=7,
            submitted_at=NOON,
        ),
    )


def funded(amount: str = "10.00", *, tenant: str = "acme", account: str = "main") -> AccountFunded:
    """An increased budget."""
    return AccountFunded(source="qb/broker", data=Funding(tenant=tenant, account=account, amount=Amount(amount=amount)))


def held(job: str = "j1", amount: str = "0.01", *, tenant: str = "acme", account: str = "main") -> AccountHeld:
    """A hold."""
    data = Hold(tenant=tenant, account=account, job=job, amount=Amount(amount=amount))
    return AccountHeld(id=event_id("held", tenant, job), source="qb/broker", data=data)


def released(job: str = "j1", amount: str = "0.01", *, tenant: str = "acme", account: str = "main") -> AccountReleased:
    """Budget given back."""
    data = Release(tenant=tenant, account=account, job=job, amount=Amount(amount=amount))
    return AccountReleased(id=event_id("released", tenant, account, job), source="qb/broker", data=data)
