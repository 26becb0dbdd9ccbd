"""I2: every hold ends, every charge follows from price and usage, and no account is overdrawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from queuebit_audit.lifecycle import Outstanding
from queuebit_audit.report import Verdict
from queuebit_audit.state import Authorised, Bill, Entry, History, Job
from queuebit_contracts.job import Charge
from queuebit_pricing import Bounds, Outcome, PriceBook, Unpriced, Usage, rate

__all__ = ["money_adds_up"]


def money_adds_up(history: History, book: PriceBook, outstanding: Outstanding) -> Verdict:
    """Fold every account in order, and rate every bill again."""
    verdict = Verdict("I2", len(history.jobs), "jobs")
    by_job: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for (tenant, account), entries in history.accounts.items():
        for fault in _overdrawn(entries):
            verdict.add(f"{tenant}/{account}", fault)
        for entry in entries:
            if entry.job:
                by_job[tenant, entry.job].append(entry)
    for key, job in history.jobs.items():
        for fault in (*_held_is_settled(job, by_job.pop(key, []), outstanding), *_billed(job, book)):
            verdict.add("/".join(key), fault)
    for key, entries in by_job.items():
        verdict.add("/".join(key), f"its account was {entries[0].name}, but no such job was ever submitted")
    return verdict


def _overdrawn(entries: Sequence[Entry]) -> Iterator[str]:
    """An operator may cut a budget below what is spent; a hold may not exceed what is free."""
    free, currency = Decimal(0), entries[0].currencies[0]
    for entry in entries:
        if set(entry.currencies) != {currency}:
            yield f"sequence {entry.sequence} counts in {', '.join(entry.currencies)}: the account is in {currency}"
            return
        free += {"funded": entry.amount, "held": -entry.amount}.get(entry.name, entry.released)
        if entry.name == "held" and free < 0:
            yield f"sequence {entry.sequence} holds {entry.amount} for {entry.job}, which overdraws it by {-free}"


def _held_is_settled(job: Job, entries: Sequence[Entry], outstanding: Outstanding) -> Iterator[str]:
    for name in ("held", "settled", "released"):
        if (times := sum(entry.name == name for entry in entries)) > 1:
            yield f"its budget was {name} {times} times"
    by_name = {entry.name: entry for entry in entries}
    held = by_name["held"].amount if "held" in by_name else Decimal(0)
    if job.authorised is None:
        yield from _given_back(job, by_name, held)
        return
    if held != Decimal(job.authorised.hold.amount):
        yield f"it was accepted with a hold of {job.authorised.hold.amount}, but {held} was held"
    if "released" in by_name:
        yield "its whole hold was released, although it was accepted"
    if (end := by_name.get("settled")) is None:
        if job.bills and not outstanding.owes("metering-ended", job.events[-1][0]):
            yield f"it was metered, but its hold of {held} was never settled"
        return
    if end.amount != held or end.settled + end.released != held:
        yield f"{held} was held, but of {end.amount} {end.settled} was settled and {end.released} released"
    if [Decimal(bill.charge.amount) for bill in job.bills] != [end.settled]:
        charges = ", ".join(bill.charge.amount for bill in job.bills)
        yield f"{end.settled} was settled, but {charges or 'nothing'} charged"


def _given_back(job: Job, by_name: Mapping[str, Entry], held: Decimal) -> Iterator[str]:
    released = by_name["released"].released if "released" in by_name else Decimal(0)
    if "settled" in by_name:
        yield "its hold was settled, although it was never accepted"
    if job.finished and released != held:
        yield f"it was never accepted, but of {held} held {released} was released"


def _billed(job: Job, book: PriceBook) -> Iterator[str]:
    for bill in job.bills:
        if job.ends and bill.state != job.ends[0]:
            yield f"it was {job.ends[0]}, but billed as {bill.state}"
        if bill.usage != job.usage:
            yield f"it used {job.usage.shots} shots and {job.usage.qpu_us} us, but other usage was metered"
        if job.authorised is None:
            if Decimal(bill.charge.amount) != 0:
                yield f"it was never accepted, but charged {bill.charge.amount}"
            continue
        if bill.hold != job.authorised.hold:
            yield f"its bill names a hold other than {job.authorised.hold.amount}"
        yield from _rated(job, job.authorised, bill, book)


def _rated(job: Job, authorised: Authorised, bill: Bill, book: PriceBook) -> Iterator[str]:
    """The charge must follow from price and usage, within the bounds of the hold."""
    if job.backend is None:
        if Decimal(bill.charge.amount) != 0:
            yield f"it was never placed, but charged {bill.charge.amount}"
        return
    if job.backend not in authorised.bounds:
        yield f"it ran on {job.backend}, for which nothing was authorised"
        return
    price_id, qpu_us = authorised.bounds[job.backend]
    usage = bill.usage
    ran = usage.final and (bill.state == "completed" or usage.shots > 0 or usage.qpu_us > 0)
    consumed = Usage(
        tasks=int(ran),
        shots_requested=authorised.shots,
        shots_completed=usage.shots if ran else 0,
        qpu_us=usage.qpu_us if ran else 0,
        qubits=usage.qubits if ran else 0,
    )
    bounds = Bounds(shots=authorised.shots, qpu_us=qpu_us, qubits=authorised.qubits)
    try:
        due = rate(book.price(price_id), consumed, _outcome(bill), bounds)
    except Unpriced as error:
        yield f"its charge cannot be rated again: {error}"
        return
    wanted = {line.component: (line.billed, line.unit_price, line.amount) for line in due.lines}
    if _figures(bill.charge) != (due.amount, due.currency, due.jbu, wanted):
        yield f"its usage costs {due.amount} {due.currency} by {price_id}, but the bill says {_worded(bill.charge)}"


def _outcome(bill: Bill) -> Outcome:
    return "stopped" if bill.state == "failed" and bill.usage.at_limit else bill.state


def _figures(charge: Charge) -> tuple[Decimal, str, Decimal, dict[str, tuple[Decimal, Decimal, Decimal]]]:
    lines = {it.component: (Decimal(it.billed), Decimal(it.unit_price), Decimal(it.amount)) for it in charge.lines}
    return Decimal(charge.amount), charge.currency, Decimal(charge.jbu), lines


def _worded(charge: Charge) -> str:
    lines = ", ".join(f"{it.component} {it.billed} x {it.unit_price} = {it.amount}" for it in charge.lines)
    return f"{charge.amount} {charge.currency} ({lines or 'no lines'})"
