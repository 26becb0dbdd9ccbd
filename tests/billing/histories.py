"""Histories of jobs, sessions and reservations as the services would write them, decided by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.billing.facts import (
    Job,
    accepted,
    cancelled,
    completed,
    failed,
    held,
    hybrid_accepted,
    hybrid_ended,
    hybrid_held,
    id_of,
    placed,
    rejected,
    started,
)

from queuebit_contracts.account import AccountFunded, AccountHeld, Funding, Hold
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.hybrid import HybridTerms, hybrid_id
from queuebit_contracts.job import (
    JobUsageReported,
    Measure,
    Signature,
    Usage,
    UsageReport,
)
from queuebit_contracts.reservation import (
    Reservation,
    ReservationBooked,
    ReservationEnd,
    ReservationEnded,
    reservation_id,
)
from queuebit_contracts.session import Session, SessionClosed, SessionEnd, SessionOpened, idle_hold_of
from queuebit_contracts.usage import usage_of
from queuebit_contracts.wire import Amount
from queuebit_kernel import event_id, job_id
from queuebit_pricing import CLASSICAL, Bounds, PriceBook, quote, rate_time
from queuebit_pricing import plain as text_of
from queuebit_runtime.log import Guarded

__all__ = ["ACCOUNTS", "PLANTED", "Histories", "History", "funding"]

ACCOUNTS = tuple((tenant, project) for tenant in ("demo", "lab", "north") for project in ("chemistry", "optics"))
"""Tenant and project of each account."""
PLANTED = 7
"""The job that a planted fault hits: it always completes, and its usage is amended later."""

_BACKENDS = (
    *("aer", "cirq", "local-fast", "braket-iqm-garnet", "braket-ionq-forte-1", "braket-sv1", "ibm-fez"),
    *("azure-ionq-forte-1-plain", "azure-quantinuum-h2-1", "azure-rigetti-cepheus-1-108q", "alice-bob-boson-4"),
    *("ibm-open-plan", "drill-floor", "drill-credits-floor", "drill-nearest", "drill-down", "drill-charged"),
)
_KINDS = {
    "completed": 42,
    "amended": 14,
    "provisional": 9,
    "failed": 5,
    "preempted": 4,
    "fallback": 7,
    "stopped": 5,
    "cancelled": 4,
    "withdrawn": 3,
    "reporting": 4,
    "rejected": 3,
}
"""How often, in percent, what happens."""
_PROOF = Signature(key="drill", signature="drill")
_FUNDS = "1000000000000"
_SESSIONS = 0.02
"""Sessions for each job."""
_HYBRIDS = 0.03
"""Hybrid jobs for each job."""
_RESERVATIONS = 0.03
"""Reservations for each job."""
_TASKS = 0.3
"""The share of jobs that a vendor bills by several tasks, where its price counts any."""


@dataclass(slots=True)
class History:
    """The facts of one job or session."""

    facts: list[Guarded]
    """Up to the end, in order."""
    late: list[Guarded] = field(default_factory=list)
    """Usage that is stated after the end, in any order."""
    is_job: bool = True


class Histories:
    """Makes histories; the same seed gives the same ones."""

    def __init__(self, seed: int, book: PriceBook, days: tuple[datetime, datetime], hybrids: float = _HYBRIDS) -> None:
        """Prepare.

        Args:
            seed: of everything.
            book: has a price for each backend of the drill.
            days: moments in the two periods.
            hybrids: hybrid jobs for each job.
        """
        self._hybrids = hybrids
        self._random = random.Random(seed)
        self._slots = random.Random(f"slots {seed}")
        self._book = book
        self._days = days

    def make(self, jobs: int) -> Iterator[History]:
        """Histories of jobs, and of a few sessions among them."""
        for number in range(jobs):
            kind = self._random.choices([*_KINDS], [*_KINDS.values()])[0]
            yield self._history(number, "amended" if number == PLANTED else kind)
            if self._random.random() < _SESSIONS:
                yield self._session(number)
            if self._random.random() < self._hybrids:
                yield self._hybrid(number)
            if self._slots.random() < _RESERVATIONS:
                yield self._reservation(number)

    def _history(self, number: int, kind: str) -> History:
        job = self._job(number, "aer" if number == PLANTED else self._random.choice(_BACKENDS))
        if kind == "fallback":
            wanted = "aer" if job.backend == "cirq" else "cirq"
            job = replace(job, instead_of=(wanted, self._book.price_for(wanted, self._days[0])))
        if kind == "rejected":
            return History([Guarded(rejected(job), after=0)])
        carries = self._random.random() < 0.8  # the terms, so that metering need not read the history
        facts = [Guarded(held(job)), Guarded(accepted(job), after=0)]
        if kind == "withdrawn":
            return History([*facts, Guarded(cancelled(job), after=0)])
        on_backend: list[AnyEvent] = [placed(job, carries=carries), started(job, reports=kind == "reporting")]
        facts += [Guarded(it, after=0) for it in on_backend]
        if kind in ("cancelled", "reporting"):
            late = self._reports(job, range(1, 3)) if kind == "reporting" else []
            return History([*facts, Guarded(cancelled(job), after=0)], late)
        usage = self._usage(job, final=kind != "provisional", at_limit=True if kind == "stopped" else None)
        end: AnyEvent
        if kind in ("failed", "stopped", "preempted"):
            end = failed(job, usage, carries=carries, code="preempted" if kind == "preempted" else "drill")
        else:
            end = completed(job, usage, carries=carries)
        late = []
        if kind in ("amended", "provisional") or (kind in ("stopped", "preempted") and number % 2):
            late = self._reports(job, range(1, self._random.randint(2, 4)))
        return History([*facts, Guarded(end, after=0)], late)

    def _job(self, number: int, backend: str) -> Job:
        pick = self._random
        tenant, project = pick.choice(ACCOUNTS)
        price = self._book.price_for(backend, self._days[0])
        shots, qubits = pick.randint(1, 5_000), pick.randint(1, 30)
        gates = {it: pick.randint(0, 200) * shots for it in ("gates_1q", "gates_2q", "measurements")}
        several = price.counts_tasks and pick.random() < _TASKS
        bounds = Bounds(
            tasks=pick.randint(1, 20) if several else None,
            shots=shots,
            qpu_us=pick.randint(1, 20_000_000),
            qubits=qubits,
            **(gates if price.counts_gates else {}),
        )
        hold = Amount.of(quote(price, bounds).money)
        name = job_id(tenant, f"drill-{number}")
        return Job(number, tenant, project, name, price, backend, bounds, hold, pick.choice(self._days))

    def _usage(self, job: Job, *, final: bool = True, at_limit: bool | None = None) -> Usage:
        """Some usage, at times above what was authorised; in steps of a microsecond, with gates or without."""
        pick, most = self._random, job.bounds
        shots, micros = pick.randint(0, most.shots + 5), pick.randint(0, most.qpu_us + most.qpu_us // 10)
        measures = [
            Measure(metric="shots", quantity=str(shots), unit="shot", final=final),
            Measure(metric="qpu-time", quantity=str(micros), unit="microsecond", final=final),
            Measure(metric="qubits", quantity=str(most.qubits), unit="qubit", final=final),
        ]
        if job.price.counts_gates and pick.random() < 0.5:
            measures += [
                Measure(metric=metric, quantity=str(pick.randint(0, limit)), unit="gate-shot", final=final)
                for metric, limit in (("gates-1q", most.gates_1q), ("gates-2q", most.gates_2q))
            ]
        if most.tasks is not None and pick.random() < 0.7:
            counted = str(pick.randint(0, most.tasks + 2))
            measures.append(Measure(metric="tasks", quantity=counted, unit="task", final=final))
        if pick.random() < 0.1:
            booked = str(pick.randint(0, 1))
            measures.append(Measure(metric="reservation", quantity=booked, unit="reservation", final=final))
        return usage_of(*measures, at_limit=at_limit)

    def _reports(self, job: Job, revisions: range) -> list[Guarded]:
        """Reports of usage in any order; one that is not final may come before."""
        last = max(revisions)
        found = []
        for revision in revisions:
            final = revision == last or self._random.random() < 0.5
            data = UsageReport(
                tenant=job.tenant,
                job=job.name,
                backend=job.backend,
                attempt=1,
                revision=revision,
                usage=self._usage(job, final=final),
                reason="the vendor states other usage",
            )
            event = JobUsageReported(
                id=id_of("reported", job, str(revision)), source="qb/drill", time=job.at, data=data
            )
            found.append(Guarded(event, after=0))
        self._random.shuffle(found)
        return found

    def _hybrid(self, number: int) -> History:
        pick = self._random
        tenant, project = pick.choice(ACCOUNTS)
        price = self._book.price_for(CLASSICAL, self._days[0])
        name, at, limit_s = hybrid_id(tenant, f"drill-{number}"), pick.choice(self._days), pick.randint(1, 4_000)
        hold = Amount.of(rate_time(price, limit_s * 1_000_000).money)
        terms = HybridTerms(
            project=project, price=price.id, price_book=self._book.digest, hold=hold, max_time_s=limit_s
        )
        how = pick.choice(("completed", "completed", "failed", "cancelled"))
        ended = hybrid_ended(tenant, name, terms, pick.randint(0, limit_s * 1_100_000), how, at)
        admitted = [
            Guarded(hybrid_held(tenant, name, terms, at)),
            Guarded(hybrid_accepted(tenant, name, terms, at), after=0),
        ]
        return History([*admitted, Guarded(ended, after=0)], is_job=False)

    def _session(self, number: int) -> History:
        pick = self._random
        tenant, project = pick.choice(ACCOUNTS)
        price = self._book.price_for("ibm-fez", self._days[0])
        name, at, idle_s = f"sdrill{number}", pick.choice(self._days), pick.randint(1, 4_000)
        unit = price.per_session_idle_second
        assert unit is not None
        hold = Amount(amount=text_of(unit * idle_s))
        opened = Session(
            tenant=tenant,
            project=project,
            session=name,
            user="me",
            key=f"drill-{number}",
            max_idle_s=300,
            max_age_s=3600,
            opened_at=at,
            expires_at=at + timedelta(hours=1),
            idle_price=Amount(amount=text_of(unit)),
            price=price.id,
            proof=_PROOF,
        )
        end = SessionEnd(
            tenant=tenant,
            session=name,
            project=project,
            reason="idle",
            idle_s=idle_s,
            idle_hold=hold,
            price=price.id,
            closed_at=at,
        )
        idle = Hold(tenant=tenant, account=project, job=idle_hold_of(name), amount=hold, purpose="idle")
        ids = {it: event_id("drill", it, tenant, name) for it in ("opened", "closed", "idle")}
        return History(
            [
                Guarded(SessionOpened(id=ids["opened"], source="qb/drill", time=at, data=opened), after=0),
                Guarded(SessionClosed(id=ids["closed"], source="qb/drill", time=at, data=end), after=0),
                Guarded(AccountHeld(id=ids["idle"], source="qb/drill", time=at, data=idle)),
            ],
            is_job=False,
        )

    def _reservation(self, number: int) -> History:
        pick = self._slots
        tenant, project = pick.choice(ACCOUNTS)
        price = self._book.price_for("drill-reserved", self._days[0])
        key, at, length_s = f"drill-{number}", pick.choice(self._days), pick.randint(60, 86_400)
        name, unit = reservation_id(tenant, key), price.per_reserved_second
        assert unit is not None
        hold = Amount(amount=text_of(unit * length_s))
        times = {"starts_at": at - timedelta(seconds=length_s), "ends_at": at}
        whose = {"tenant": tenant, "project": project, "reservation": name, "backend": "drill-reserved"}
        terms = {"unit_price": Amount(amount=text_of(unit)), "price": price.id, "hold": hold}
        booked = Reservation(**whose, **times, **terms, user="me", key=key, booked_at=at, proof=_PROOF)
        used_s, unavailable_s = pick.randint(0, length_s // 2), pick.choice((0, 0, length_s // 3))
        end = ReservationEnd(
            **whose,
            **terms,
            reason="over",
            starts_at=times["starts_at"],
            ended_at=at,
            used_s=used_s,
            idle_s=length_s - used_s - unavailable_s,
            unavailable_s=unavailable_s,
        )
        held = Hold(tenant=tenant, account=project, job=name, amount=hold, purpose="reservation")
        ids = {it: event_id("drill", it, tenant, name) for it in ("booked", "reserved", "ended")}
        return History(
            [
                Guarded(AccountHeld(id=ids["reserved"], source="qb/drill", time=at, data=held)),
                Guarded(ReservationBooked(id=ids["booked"], source="qb/drill", time=at, data=booked), after=0),
                Guarded(ReservationEnded(id=ids["ended"], source="qb/drill", time=at, data=end), after=0),
            ],
            is_job=False,
        )


def funding() -> list[Guarded]:
    """The budget of each account: large, because the drill is not about limits."""
    found = []
    for tenant, project in ACCOUNTS:
        data = Funding(tenant=tenant, account=project, amount=Amount(amount=_FUNDS))
        event = AccountFunded(id=event_id("drill-funded", tenant, project), source="qb/drill", data=data)
        found.append(Guarded(event, after=0))
    return found
