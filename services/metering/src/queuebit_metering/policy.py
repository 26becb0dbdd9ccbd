"""What a job costs, and what becomes of its hold: exact, and never above what was authorised."""

from __future__ import annotations

from queuebit_contracts.account import Settlement
from queuebit_contracts.job import (
    Acceptance,
    Charge,
    ChargeLine,
    Ended,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobRejected,
    Metering,
    Usage,
)
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money
from queuebit_metering.errors import Overcharged, PriceLost, Unbillable
from queuebit_metering.state import Job
from queuebit_pricing import Bounds, Outcome, PriceBook, Unpriced, plain, rate
from queuebit_pricing import Charge as Rated
from queuebit_pricing import Usage as Consumed

__all__ = ["bill", "settle"]


def bill(job: Job, ended: Ended, book: PriceBook) -> Metering:
    """Bill a job that ended.

    1. A job that was never accepted, or never placed, costs nothing.
    2. Any other is rated by the price its candidate was quoted, valid today or not, under the bounds that the hold
       pays for. It is charged if it completed, or failed at a limit that its own size reached.
    3. Usage that is not final is reported, and not billed.

    Raises:
        PriceLost: the book no longer has the price.
        Overcharged: the charge is above the hold.
        Unbillable: the job ran where it was not allowed to.
    """
    ran = ended.data if isinstance(ended, JobCompleted | JobFailed) else None
    usage = ran.usage if ran else Usage()
    backend = ran.backend if ran else job.backend
    hold = job.accepted.hold if job.accepted else None
    if job.accepted is None or backend is None:
        charge = Charge(amount="0.00", currency=hold.currency if hold else book.currency, jbu="0")
    else:
        charge = _charge(_rate(job.accepted, backend, usage, ended, book))
    return Metering(
        tenant=ended.data.tenant,
        project=_project(job, ended),
        job=ended.data.job,
        state=_state(ended),
        backend=backend,
        usage=usage,
        charge=charge,
        price_book=book.digest,
        hold=hold,
        submitted_at=ended.data.submitted_at,
        ended_at=ended.time,
    )


def settle(bill: Metering) -> Settlement | None:
    """Turn the hold into the charge and give the rest back; nothing to do where nothing was held."""
    if bill.hold is None:
        return None
    held, settled = bill.hold.money, Money.of(bill.charge.amount, bill.charge.currency)
    return Settlement(
        tenant=bill.tenant,
        account=bill.project,
        job=bill.job,
        held=Amount.of(held),
        settled=Amount.of(settled),
        released=Amount.of(held - settled),
    )


def _rate(accepted: Acceptance, backend: str, usage: Usage, ended: Ended, book: PriceBook) -> Rated:
    candidate = next((it for it in accepted.candidates if it.backend == backend), None)
    if candidate is None:
        raise Unbillable(f"job {accepted.job} ran on {backend}, which was not among its candidates: see its history")
    try:
        price = book.price(candidate.price)
    except Unpriced as error:
        raise PriceLost(
            f"price {candidate.price!r}, quoted to job {accepted.job}, is not in price book {book.version}: put the "
            "old row back unchanged (prices are closed with valid_until, never removed), restart metering, replay this"
        ) from error
    bounds = Bounds(shots=accepted.shots, qpu_us=candidate.qpu_us, qubits=accepted.profile.qubits)
    rated = rate(price, _consumed(accepted, usage, ended), _outcome(ended), bounds)
    if rated.currency != accepted.hold.currency or rated.money > accepted.hold.money:
        raise Overcharged(
            f"job {accepted.job} costs {rated.money} by price {price.id!r}, and only {accepted.hold.money} was held: "
            "the price was altered; restore its old terms, restart metering, then replay this"
        )
    return rated


def _consumed(accepted: Acceptance, usage: Usage, ended: Ended) -> Consumed:
    ran = usage.final and (isinstance(ended, JobCompleted) or usage.shots > 0 or usage.qpu_us > 0)
    return Consumed(
        tasks=int(ran),
        shots_requested=accepted.shots,
        shots_completed=usage.shots if ran else 0,
        qpu_us=usage.qpu_us if ran else 0,
        qubits=usage.qubits if ran else 0,
    )


def _charge(rated: Rated) -> Charge:
    lines = tuple(
        ChargeLine(
            price=rated.price_id,
            component=line.component,
            unit=line.unit,
            consumed=plain(line.consumed),
            billed=plain(line.billed),
            unit_price=plain(line.unit_price),
            amount=plain(line.amount),
        )
        for line in rated.lines
    )
    return Charge(amount=rated.money.text(), currency=rated.currency, jbu=plain(rated.jbu), lines=lines)


def _state(ended: Ended) -> Outcome:
    match ended:
        case JobRejected():
            return "rejected"
        case JobCompleted():
            return "completed"
        case JobFailed():
            return "failed"
        case JobCancelled():
            return "cancelled"


def _outcome(ended: Ended) -> Outcome:
    stopped = isinstance(ended, JobFailed) and ended.data.usage.at_limit
    return "stopped" if stopped else _state(ended)


def _project(job: Job, ended: Ended) -> str:
    if isinstance(ended, JobRejected):
        return ended.data.project
    if job.project is None:
        raise Unbillable(f"job {ended.data.job} ended without having been submitted: see its history")
    return job.project
