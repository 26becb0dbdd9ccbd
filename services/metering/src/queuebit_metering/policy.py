"""What a job costs, and how its hold is settled: exact, and never above what was authorised."""

from __future__ import annotations

from collections.abc import Iterator

from queuebit_contracts.account import Adjustment, Settlement
from queuebit_contracts.job import (
    Charge,
    ChargeLine,
    Correction,
    Credits,
    Ended,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobRejected,
    Measure,
    Metering,
    Terms,
    Usage,
    UsageReport,
)
from queuebit_contracts.subjects import event_name
from queuebit_contracts.usage import QPU_TIME, UNITS, is_final, quantities, usage_of
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money
from queuebit_metering.errors import Overcharged, PriceLost, Unbillable
from queuebit_metering.state import Job
from queuebit_pricing import Bounds, Line, PriceBook, Unpriced, plain
from queuebit_pricing import Charge as Rated
from queuebit_pricing import bill as rate

__all__ = ["adjustments", "bill", "correct", "settle"]

_UNKNOWN_YET = usage_of(Measure(metric=QPU_TIME, quantity="0", unit=UNITS[QPU_TIME], final=False))
"""The usage of a run that was cancelled, until its executor reports it."""


def bill(job: Job, ended: Ended, book: PriceBook) -> Metering:
    """Bill a job that ended.

    1. A job that was never accepted, or never placed, costs nothing.
    2. Any other is rated by the price quoted for its backend, even if that has expired, within the bounds that the hold
       pays for. `queuebit_pricing.bill` decides which usage is charged.
    3. While any measure may still change, nothing is charged: the bill is not final, and `correct` follows. The same
       applies to a cancelled run if its executor promised to report what it used.

    Raises:
        PriceLost: the book no longer has the price.
        Overcharged: the charge is above the hold.
        Unbillable: the job ran where it was not allowed to.
    """
    ran = ended.data if isinstance(ended, JobCompleted | JobFailed) else None
    backend = ran.backend if ran else job.backend
    terms = _terms(job, backend) if backend else None
    hold = terms.hold if terms else job.accepted.hold if job.accepted else None
    promised = isinstance(ended, JobCancelled) and job.reports_usage and terms is not None
    usage = ran.usage if ran else _UNKNOWN_YET if promised else Usage()
    state = _state(ended)
    return Metering(
        tenant=ended.data.tenant,
        project=_project(job, ended),
        job=ended.data.job,
        state=state,
        backend=backend,
        usage=usage,
        charge=_rated(ended.data.job, terms, state, usage, book, _reason(ended)) if terms else _free(hold, book),
        price_book=book.digest,
        hold=hold,
        final=None if is_final(usage) else False,
        submitted_at=ended.data.submitted_at,
        ended_at=ended.time,
        workload_class=ended.data.workload_class,
        fallback=job.fallback,
    )


def correct(job: Job, book: PriceBook) -> Correction | None:
    """Bill what was reported since the last bill; None if that changes nothing.

    A final report replaces the usage before, higher or lower. One that is not final never takes back a final bill.

    Raises:
        PriceLost, Overcharged, Unbillable: as `bill`.
    """
    report, metered, before = job.report, job.metered, job.charge
    if report is None or metered is None or before is None:
        return None
    usage, final = _reported(report, metered), is_final(report.usage)
    if (usage, final) == (job.usage, job.final) or (job.final and not final):
        return None
    terms = _terms(job, report.backend)
    if terms is None:
        raise Unbillable(f"usage was reported for job {metered.job}, which was never accepted: see its history")
    charge = _rated(metered.job, terms, metered.state, usage, book, job.reason)
    return Correction(
        tenant=metered.tenant,
        project=metered.project,
        job=metered.job,
        backend=report.backend,
        revision=len(job.corrections) + 1,
        report=report.revision,
        usage=usage,
        charge=charge,
        delta=_difference(charge, before),
        reason=report.reason or ("the usage is final" if final else "further usage was reported"),
        final=final,
        price_book=book.digest,
        workload_class=metered.workload_class,
        fallback=metered.fallback,
    )


def settle(job: Job) -> Settlement | None:
    """Turn the hold into the charge and release the rest; None if nothing was held or the bill is not final."""
    if job.metered is None or job.metered.hold is None or job.charge is None or not job.final:
        return None
    held, settled = job.metered.hold.money, Money.of(job.charge.amount, job.charge.currency)
    return Settlement(
        tenant=job.metered.tenant,
        account=job.metered.project,
        job=job.metered.job,
        held=Amount.of(held),
        settled=Amount.of(settled),
        released=Amount.of(held - settled),
        revision=len(job.corrections) or None,
    )


def adjustments(job: Job, settled: Settlement) -> Iterator[Adjustment]:
    """The amounts that corrections after the settlement charge or refund: one for each that changed the charge."""
    for correction in job.corrections[settled.revision or 0 :]:
        delta = Money.of(correction.delta.amount, correction.delta.currency)
        if delta.amount:
            yield Adjustment(
                tenant=settled.tenant,
                account=settled.account,
                job=settled.job,
                revision=correction.revision,
                delta=Amount.of(delta),
                reason=correction.reason,
                budgets=job.accepted.budgets if job.accepted else None,
            )


def _terms(job: Job, backend: str) -> Terms | None:
    """What was accepted for a backend; None where nothing was accepted."""
    if job.terms is not None and backend == job.backend:
        return job.terms
    accepted = job.accepted
    if accepted is None:
        return None
    candidate = next((it for it in accepted.everywhere if it.backend == backend), None)
    if candidate is None:
        raise Unbillable(f"job {accepted.job} ran on {backend}, which was not among its candidates: see its history")
    return Terms(
        project=accepted.project,
        price=candidate.price,
        price_book=accepted.price_book,
        hold=accepted.hold,
        shots=accepted.profile.shots or accepted.shots,
        qpu_us=candidate.qpu_us,
        qubits=accepted.profile.qubits,
        gate_shots=candidate.gate_shots,
        tasks=candidate.tasks,
    )


def _rated(job: str, terms: Terms, state: str, usage: Usage, book: PriceBook, reason: str | None) -> Charge:
    try:
        price = book.price(terms.price)
    except Unpriced as error:
        raise PriceLost(
            f"price {terms.price!r}, quoted to job {job}, is not in price book {book.version}: put the "
            "old row back unchanged (prices are closed with valid_until, never removed), restart metering, replay this"
        ) from error
    gates = terms.gate_shots.model_dump() if terms.gate_shots else {}
    bounds = Bounds(tasks=terms.tasks, shots=terms.shots, qpu_us=terms.qpu_us, qubits=terms.qubits, **gates)
    measured, is_known = quantities(usage), is_final(usage)
    rated = rate(price, bounds, state, measured, final=is_known, at_limit=bool(usage.at_limit), reason=reason)
    hold = terms.hold.money
    if rated.currency != hold.currency or rated.money > hold:
        raise Overcharged(
            f"job {job} costs {rated.money} by price {price.id!r}, and only {hold} was held: "
            "the price was altered; restore its old terms, restart metering, then replay this"
        )
    return _charge(rated)


def _reported(report: UsageReport, metered: Metering) -> Usage:
    """The usage as reported, with `at_limit` from the end of the run if the report leaves it out."""
    if report.usage.at_limit is not None or metered.usage.at_limit is None:
        return report.usage
    return report.usage.model_copy(update={"at_limit": metered.usage.at_limit})


def _free(hold: Amount | None, book: PriceBook) -> Charge:
    return Charge(amount="0.00", currency=hold.currency if hold else book.currency, jbu="0")


def _charge(rated: Rated) -> Charge:
    lines = tuple(
        ChargeLine(
            price=rated.price.id,
            component=line.component,
            unit=line.unit,
            consumed=plain(line.consumed),
            billed=plain(line.billed),
            unit_price=plain(line.unit_price),
            amount=plain(line.amount),
            credits=_credits(rated, line),
        )
        for line in rated.lines
    )
    return Charge(amount=rated.money.text(), currency=rated.currency, jbu=plain(rated.jbu), lines=lines)


def _credits(rated: Rated, line: Line) -> Credits | None:
    virtual = rated.price.credits
    if virtual is None or line.credits is None:
        return None
    return Credits(unit=virtual.unit, amount=plain(line.credits))


def _difference(charge: Charge, before: Charge) -> Charge:
    amount = Money.of(charge.amount, charge.currency) - Money.of(before.amount, before.currency)
    jbu = Money.of(charge.jbu) - Money.of(before.jbu)
    return Charge(amount=amount.text(), currency=charge.currency, jbu=plain(jbu.amount))


def _state(ended: Ended) -> str:
    """The state that a job ended in: the name of the event."""
    return event_name(ended.type)


def _reason(ended: Ended) -> str | None:
    """Why a job failed; None for other ends."""
    return ended.data.reason.code if isinstance(ended, JobFailed) else None


def _project(job: Job, ended: Ended) -> str:
    if isinstance(ended, JobRejected):
        return ended.data.project
    project = job.terms.project if job.terms else job.project
    if project is None:
        raise Unbillable(f"job {ended.data.job} ended without having been submitted: see its history")
    return project
