"""I2: every hold ends, every charge follows from price and usage, and no account, cap or budget is overdrawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from queuebit_audit.bills import billed
from queuebit_audit.hybrids import time_adds_up
from queuebit_audit.job_state import Job
from queuebit_audit.lifecycle import Outstanding
from queuebit_audit.overdrafts import overdrawn
from queuebit_audit.records import AccountEntry
from queuebit_audit.report import Verdict
from queuebit_audit.reservations import reservation_adds_up
from queuebit_audit.sessions import session_adds_up
from queuebit_audit.state import History
from queuebit_contracts.session import idle_hold_of
from queuebit_pricing import PriceBook

__all__ = ["money_adds_up"]


def money_adds_up(history: History, book: PriceBook, outstanding: Outstanding) -> Verdict:
    """Fold every account in order, and rate every bill again."""
    verdict = Verdict("I2", len(history.jobs), "jobs")
    by_job: dict[tuple[str, str], list[AccountEntry]] = defaultdict(list)
    for subject, fault in _overdrawn(history):
        verdict.add(subject, fault)
    for (tenant, _), entries in history.accounts.items():
        for entry in entries:
            if entry.job:
                by_job[tenant, entry.job].append(entry)
    for key, job in history.jobs.items():
        for fault in (*_held_is_settled(job, by_job.pop(key, []), outstanding), *billed(job, book)):
            verdict.add("/".join(key), fault)
    for (tenant, session), facts in history.sessions.items():
        cap = by_job.pop((tenant, session), [])
        idle = by_job.pop((tenant, idle_hold_of(session)), [])
        for fault in session_adds_up(facts, cap, idle, book, outstanding):
            verdict.add(f"{tenant}/{session}", fault)
    for subject, fault in history.sharing.faults_of_shares():
        verdict.add(subject, fault)
    for subject, fault in _times(history, by_job, book, outstanding):
        verdict.add(subject, fault)
    for key, entries in by_job.items():
        verdict.add("/".join(key), f"its account was {entries[0].name}, but no such job was ever submitted")
    if waiting := sum(job.provisional for job in history.jobs.values()):
        verdict.notes.append(f"{waiting} jobs keep their hold until their usage is final")
    return verdict


def _times(
    history: History, by_job: dict[tuple[str, str], list[AccountEntry]], book: PriceBook, outstanding: Outstanding
) -> Iterator[tuple[str, str]]:
    """What has a price by its time: hybrid jobs and reservations."""
    for key, hybrid in history.hybrids.items():
        yield from (("/".join(key), fault) for fault in time_adds_up(hybrid, by_job.pop(key, []), book, outstanding))
    for key, facts in history.reservations.items():
        faults = reservation_adds_up(facts, by_job.pop(key, []), book, outstanding)
        yield from (("/".join(key), fault) for fault in faults)


def _overdrawn(history: History) -> Iterator[tuple[str, str]]:
    for (tenant, account), entries in history.accounts.items():
        yield from ((f"{tenant}/{account}", fault) for fault in overdrawn(entries))
    if not history.given_up:  # where facts are lost, it is not known what counts against a budget
        yield from history.overdrafts


def _held_is_settled(job: Job, entries: Sequence[AccountEntry], outstanding: Outstanding) -> Iterator[str]:
    for name in ("held", "settled", "released"):
        if (times := sum(entry.name == name for entry in entries)) > 1:
            yield f"its budget was {name} {times} times"
    by_name = {entry.name: entry for entry in entries}
    held = by_name["held"].amount if "held" in by_name else Decimal(0)
    if job.authorised is None:
        yield from _given_back(job, by_name, held)
        return
    if "held" in by_name and by_name["held"].session != (job.authorised.session or ""):
        of, counts = job.authorised.session or "no session", by_name["held"].session or "none"
        yield f"it is a job of {of}, but its hold counts in {counts}"
    if held != Decimal(job.authorised.hold.amount):
        yield f"it was accepted with a hold of {job.authorised.hold.amount}, but {held} was held"
    if "released" in by_name:
        yield "its whole hold was released, although it was accepted"
    if (end := by_name.get("settled")) is None:
        consumer = "metering-reported" if job.corrections else "metering-ended"
        if job.bills and not job.provisional and not outstanding.owes(consumer, job.last):
            yield f"it was metered, but its hold of {held} was never settled"
        return
    if end.amount != held or end.settled + end.released != held:
        yield f"{held} was held, but of {end.amount} {end.settled} was settled and {end.released} released"
    if job.charge(end.revision) != end.settled:
        yield f"{end.settled} was settled, but {job.charge(end.revision) or 'nothing'} charged"
    yield from _adjusted(job, end, [it for it in entries if it.name == "corrected"], outstanding)


def _adjusted(job: Job, end: AccountEntry, entries: Sequence[AccountEntry], outstanding: Outstanding) -> Iterator[str]:
    """What was corrected after the settlement must be corrected on the account, once each."""
    late = (it for it in job.corrections if it.revision > end.revision)
    due = {it.revision: Decimal(it.delta.amount) for it in late if Decimal(it.delta.amount)}
    for entry in entries:
        if due.pop(entry.revision, None) != entry.amount:
            yield f"its account was corrected by {entry.amount} for correction {entry.revision}, which is not due"
    for revision, amount in due.items():
        if not outstanding.owes("metering-reported", job.last):
            yield f"correction {revision} of its bill by {amount} never reached its account"


def _given_back(job: Job, by_name: Mapping[str, AccountEntry], held: Decimal) -> Iterator[str]:
    released = by_name["released"].released if "released" in by_name else Decimal(0)
    if "settled" in by_name:
        yield "its hold was settled, although it was never accepted"
    if job.finished and released != held:
        yield f"it was never accepted, but of {held} held {released} was released"
