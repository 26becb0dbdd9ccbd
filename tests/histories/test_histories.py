"""The current code computes the same state from an old log as the old version: no past decision changes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from queuebit.log_client import Entry
from queuebit.status import status_of
from queuebit_audit.lifecycle import Outstanding, nothing_lost
from queuebit_audit.messages import fact_of
from queuebit_audit.money import money_adds_up
from queuebit_audit.overdrafts import AccountFold
from queuebit_audit.proofs import Proofs, proven, walls_hold
from queuebit_audit.records import AccountEntry
from queuebit_audit.state import History
from queuebit_broker.adapters import folding
from queuebit_broker.state import World
from queuebit_contracts.catalog import CATALOG
from queuebit_contracts.job import Ended, JobMetered, JobSealed, JobSealedV1, JobSubmitted
from queuebit_contracts.lifecycle import TERMINAL
from queuebit_contracts.subjects import covers
from queuebit_contracts.topology import topology
from queuebit_contracts.wire import UnknownEvent
from queuebit_ledger import BOOKS, Book, Ledger
from queuebit_metering.policy import bill
from queuebit_metering.state import job_of
from queuebit_pricing import PriceBook
from queuebit_pricing.book import parse as parse_book
from queuebit_proof import TrustRoot, build_statement
from queuebit_proof.envelope import payload_of
from queuebit_provenance.policy import record_of
from queuebit_runtime.intake import Undecided
from queuebit_runtime.stored import Stored, known_events
from queuebit_runtime.view import Raw
from queuebit_scheduler.state import State

from .conftest import Recorded


def newest(history: list[Stored]) -> list[Stored]:
    """The newest known event of each subject, as a history is read from the log."""
    found = {it.subject: it for it in history if not isinstance(it.event, UnknownEvent)}
    return sorted(found.values(), key=lambda it: it.sequence)


def book_of(recorded: Recorded) -> PriceBook:
    return parse_book(recorded.in_home("pricebook.toml").decode())


def test_each_message_of_the_recording_is_an_event_of_the_catalogue(recorded: Recorded) -> None:
    known = [it for it in recorded.stored if not isinstance(it.event, UnknownEvent)]
    assert {it.event.type for it in known} <= {*CATALOG}
    assert len(known) in (len(recorded.messages), len(recorded.messages) / 2)


def test_each_job_has_the_same_state(recorded: Recorded) -> None:
    def status(history: list[Stored]) -> dict[str, object]:
        entries = [Entry(it.event, it.sequence) for it in newest(history)]
        it = status_of(next(it.event.data for it in entries if isinstance(it.event, JobSubmitted)), entries)
        return {
            **{name: getattr(it, name) for name in ("state", "project", "backend", "shots", "label", "sealed")},
            "charge": None if it.charge is None else it.charge.text(),
            "reasons": [reason.code for reason in it.reasons],
            "steps": [step.event for step in it.steps],
        }

    now = {"/".join(key): status(history) for key, history in recorded.histories.items()}
    assert now == recorded.view("log")["jobs"]


def test_the_old_warehouse_had_the_same_ended_jobs(recorded: Recorded) -> None:
    then = recorded.view("log")["jobs"]
    rows = {
        f"{path.stem.removeprefix('jobs-')}/{row['job']}": row
        for path in (recorded.folder / "views").glob("jobs-*.json")
        for row in json.loads(path.read_text())
        if row["state"] in TERMINAL
    }
    assert rows
    for name, row in rows.items():
        for column in ("state", "project", "backend", "shots", "label"):
            assert row[column] == then[name][column], (name, column)
        assert Decimal(row["charge"]) == Decimal(then[name]["charge"].split()[0]), name


def test_balances_and_holds_are_the_same(recorded: Recorded) -> None:
    world, view = World(), topology().service["broker"].view
    fold = folding(world, Undecided())

    for it in recorded.messages:
        if any(covers(pattern, it.subject) for pattern in view):
            fold(Raw(it.subject, it.body, it.sequence, it.stored_at, Msg(Client())))
    then = recorded.view("log")["balances"]
    now = {
        f"{tenant}/{name}": {
            "available": {currency: money.text() for currency, money in account.free.items()},
            "held": {job: hold.amount.text() for job, hold in account.holds.items()},
        }
        for tenant in {key.partition("/")[0] for key in then}
        for name, account in world.accounts.of(tenant).items()
    }
    assert now == then


def test_the_scheduler_has_the_same_placements(recorded: Recorded) -> None:
    state = State(2)
    for it in recorded.stored:
        state.evolve(it.event, it.sequence, it.stored_at)
    then = recorded.view("log")["scheduler"]
    backends = state.backends()
    assert {
        name: {"slots": it.slots, "taken": it.taken, "backlog_us": it.backlog_us} for name, it in backends.items()
    } == then["backends"]
    assert {tenant: [it.job.job for it in state.waiting_of(tenant)] for tenant in then["waiting"]} == then["waiting"]
    assert {tenant: [*_placed(state, tenant)] for tenant in then["placed"]} == then["placed"]


def _placed(state: State, tenant: str) -> Iterator[dict[str, Any]]:
    for it, ahead in state.placed_of(tenant):
        started = it.started_at is not None
        yield {"job": it.accepted.job.job, "backend": it.backend, "started": started, "ahead": ahead}


def test_each_charge_is_what_metering_computes_today(recorded: Recorded) -> None:
    book, billed = book_of(recorded), 0
    for history in recorded.histories.values():
        events = known_events(newest(history))
        metered = next((it.data for it in events if isinstance(it, JobMetered)), None)
        if metered is None:
            continue
        ended = next(it for it in events if isinstance(it, Ended))
        today = bill(job_of(it for it in events if not isinstance(it, JobMetered)), ended, book)
        for field in ("project", "state", "backend", "charge", "price_book", "hold", "submitted_at", "ended_at"):
            assert getattr(today, field) == getattr(metered, field), (metered.job, field)
        billed += 1
    assert billed == sum(it["charge"] is not None for it in recorded.view("log")["jobs"].values())


def test_each_statement_is_what_provenance_builds_today(recorded: Recorded) -> None:
    sealed = 0
    for history in recorded.histories.values():
        events = known_events(newest(history))
        seal = next((it for it in events if isinstance(it, JobSealed | JobSealedV1)), None)
        if seal is None:
            continue
        if isinstance(seal, JobSealedV1):
            payload = payload_of(base64.b64decode(seal.data.envelope))
        else:
            payload = seal.data.text.encode()
        predicate = json.loads(payload)["predicate"]
        today = record_of([it for it in events if it is not seal], software=predicate["software"])
        built = json.loads(build_statement(today, salt=bytes.fromhex(predicate["salt"])))
        assert stated_then(json.loads(payload), built) == json.loads(payload), seal.data.job
        sealed += 1
    assert sealed == sum(it["sealed"] for it in recorded.view("log")["jobs"].values())


def stated_then(old: Any, today: Any) -> Any:
    """What today's statement has of the fields of an old one; later versions state more."""
    if not isinstance(old, dict) or not isinstance(today, dict):
        return today
    return {name: stated_then(value, today[name]) for name, value in old.items() if name in today}


def test_the_invariants_hold(recorded: Recorded) -> None:
    proofs, history = Proofs(TrustRoot.parse(recorded.in_home("trust.json"))), History()
    for it, stored in zip(recorded.messages, recorded.stored, strict=True):
        if not isinstance(stored.event, UnknownEvent):
            history.sequences.append(it.sequence)
        history.evolve(fact_of(stored, proofs))
    history.end = recorded.messages[-1].sequence
    busy = Outstanding(pending=dict.fromkeys(topology().durable, 1))
    verdicts = [
        nothing_lost(history, busy),
        money_adds_up(history, book_of(recorded), busy),
        walls_hold(history),
        proven(history, busy),
    ]
    assert [it for verdict in verdicts for it in verdict.findings] == []
    assert (len(history.jobs), len(history.leaves)) == (
        len(recorded.view("log")["jobs"]),
        sum(it["sealed"] for it in recorded.view("log")["jobs"].values()),
    )


def test_the_ledger_has_the_same_balances_as_the_broker_and_the_audit(recorded: Recorded) -> None:
    proofs, ledger, world = Proofs(TrustRoot.parse(recorded.in_home("trust.json"))), Ledger(), World()
    folds: dict[tuple[str, str], AccountFold] = {}
    for stored in recorded.stored:
        fact = fact_of(stored, proofs)
        if isinstance(fact.content, AccountEntry):
            folds.setdefault((fact.tenant, fact.id), AccountFold()).take(fact.content)
        if not isinstance(stored.event, UnknownEvent):
            ledger.take(stored.event, stored.sequence)
            world.take(stored.event, stored.sequence)
    assert folds
    for place, fold in folds.items():
        balances = {it: ledger.balance(Book(*place, it), "USD") for it in BOOKS}
        account = world.account(*place)
        assert balances["available"] == account.available("USD")
        assert balances["available"].amount == fold.free
        assert balances["held"] + balances["reserved"] == account.held("USD")
        assert balances["charged"] == account.spent("USD")
        assert sum(it.amount for it in balances.values()) == 0
