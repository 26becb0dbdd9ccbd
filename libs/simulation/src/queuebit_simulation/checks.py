"""What must hold at the end of a simulation, when every service had time to finish.

The invariants are those of `qb verify`, by its own code. Beside them: one end and one charge for each accepted job,
read from the log in the plainest way; nothing confirmed is lost; and every view equals one that is folded again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from queuebit_audit.contents import contents_are_kept, references, unreadable
from queuebit_audit.decisions import decisions_recompute
from queuebit_audit.inspection import judge
from queuebit_audit.isolations import isolation_holds
from queuebit_audit.lifecycle import Outstanding
from queuebit_audit.messages import read
from queuebit_audit.proofs import Proofs
from queuebit_audit.state import History
from queuebit_contracts.account import AccountCorrected, AccountFunded, AccountHeld, AccountReleased, AccountSettled
from queuebit_contracts.catalog import decode
from queuebit_contracts.job import TERMINAL, JobCorrected, JobMetered
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.subjects import parse
from queuebit_contracts.topology import LOG
from queuebit_pricing import load
from queuebit_runtime.connection import Connected
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_simulation.clients import Member
from queuebit_simulation.network import Network
from queuebit_simulation.server import MemoryServer
from queuebit_simulation.services import Process, Services
from queuebit_simulation.streams import StoredMessage
from queuebit_stack.bootstrap import default_price_book

__all__ = ["faults_of"]

_NANO: Final = 1_000_000_000
_LONGEST_START: Final = 240
"""Half seconds that a start may take: all names of the consumers of a view may be in use for 30 s."""
_SETTLED_S: Final = 12.0
"""After this time without events a view has read all: a consumer that was lost is noticed after 2.5 s, and a request of
the next one that was lost after 5 s."""


async def faults_of(server: MemoryServer, network: Network, services: Services, members: Iterable[Member]) -> list[str]:
    """Everything that is wrong."""
    log = [*server.streams[LOG].messages.values()]
    found = [*_lost(log, members), *_counted(log), *_dead(server)]
    found += await _verified(log, network, services)
    found += await _rebuilt(services)
    return found


async def _verified(log: Sequence[StoredMessage], network: Network, services: Services) -> list[str]:
    """What `qb verify` finds."""
    trust = services.trust()
    book = load(default_price_book())
    history, proofs = History(end=len(log)), Proofs(trust)
    messages = [(it.subject, it.body, it.sequence, datetime.fromtimestamp(it.stored_ns / _NANO, UTC)) for it in log]
    facts, _ = read((proofs, messages))
    for fact in facts:
        history.sequences.append(fact.sequence)
        history.evolve(fact)
    store = KeyValuePayloads(Connected(network.connect("_INBOX.verify")))  # type: ignore[arg-type]  # a client in memory
    verdicts = [*judge(history, Outstanding(since=len(log)), book), isolation_holds(history)]
    verdicts.append(await decisions_recompute(history, store))
    wanted = references(history)
    contents_are_kept(verdicts[0], wanted, await unreadable(store, wanted))
    found = [f"{it.invariant} {it.subject}: {it.text}" for verdict in verdicts for it in verdict.findings]
    return found + [f"a message of the log is unknown: {it}" for it in history.unknown]


def _lost(log: Sequence[StoredMessage], members: Iterable[Member]) -> Iterator[str]:
    """Confirmed submissions that the log does not have."""
    stored = {it.subject for it in log}
    for member in members:
        for tenant, job in sorted(member.confirmed):
            if job_aggregate(tenant, job).event("submitted") not in stored:
                yield f"the submission of {tenant}/{job} was confirmed and is not in the log"


def _counted(log: Sequence[StoredMessage]) -> Iterator[str]:
    """Jobs without exactly one end and one charge, and accounts whose movements do not add up."""
    events: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    bills: dict[tuple[str, str], Decimal] = {}
    accounts: defaultdict[tuple[str, str], _Account] = defaultdict(_Account)
    for it in log:
        address, event = parse(it.subject), decode(it.body, it.subject)
        if address.noun == "job" and not address.qualifiers:
            events[address.tenant, address.id][address.event] += 1
        if isinstance(event, JobMetered | JobCorrected):
            bills[event.data.tenant, event.data.job] = Decimal(event.data.charge.amount)
        if address.noun == "account":
            yield from accounts[address.tenant, address.id].take(event, it.sequence)
    charges: dict[tuple[str, str], Decimal] = {}
    for (tenant, name), account in accounts.items():
        yield from (f"the hold of {tenant}/{job} of {name} never ended" for job in account.held)
        charges |= {(tenant, job): amount for job, amount in account.charged.items()}
    for key, seen in events.items():
        yield from _course("/".join(key), seen)
        if seen["accepted"] and charges.get(key) != bills.get(key):
            yield f"{'/'.join(key)} was charged {charges.get(key)}, and its bill is {bills.get(key)}"


def _course(job: str, seen: Counter[str]) -> Iterator[str]:
    ends = sum(seen[it] for it in TERMINAL)
    if ends != 1:
        yield f"{job} has {ends} ends: {dict(seen)}"
    yield from (f"{job} was {name} {seen[name]} times" for name in ("metered", "sealed") if seen[name] != 1)


@dataclass(slots=True)
class _Account:
    """The account of a project, in the plainest way."""

    budget: Decimal = Decimal(0)
    held: dict[str, Decimal] = field(default_factory=dict)
    """By job."""
    charged: dict[str, Decimal] = field(default_factory=dict)
    """By job."""

    def take(self, event: object, sequence: int) -> Iterator[str]:
        """Fold an event; yields what is wrong with it."""
        match event:
            case AccountFunded(data=data):
                self.budget += data.amount.money.amount
            case AccountHeld(data=data):
                if data.job in self.held or data.job in self.charged:
                    yield f"{data.job} is held again at sequence {sequence}"
                self.held[data.job] = data.amount.money.amount
            case AccountReleased(data=data):
                yield from _ended(self.held.pop(data.job, None), data.amount.money.amount, data.job)
            case AccountSettled(data=data):
                yield from _ended(self.held.pop(data.job, None), data.held.money.amount, data.job)
                self.charged[data.job] = self.charged.get(data.job, Decimal(0)) + data.settled.money.amount
            case AccountCorrected(data=data):
                self.charged[data.job] = self.charged.get(data.job, Decimal(0)) + data.delta.money.amount
            case _:
                pass
        if sum(self.held.values()) + sum(self.charged.values()) > self.budget:
            yield f"the account is overdrawn at sequence {sequence}"


def _ended(held: Decimal | None, said: Decimal, job: str) -> Iterator[str]:
    if held is None:
        yield f"a hold of {job} ended that was not there"
    elif held != said:
        yield f"a hold of {job} was {held}, and ended as {said}"


def _dead(server: MemoryServer) -> Iterator[str]:
    """Messages that no handler could take."""
    for it in server.streams["DEAD"].messages.values():
        yield f"dead letter {it.subject}: {it.headers.get('Qb-Fault')}: {it.headers.get('Qb-Reason')}"


async def _rebuilt(services: Services) -> list[str]:
    """Views that differ from what the log gives when it is folded from the beginning."""
    viewers = [*services.of("broker"), *services.of("scheduler")]
    if late := await _late(viewers):
        return late
    before = {it.name: _frozen(it) for it in viewers}
    services.forget_snapshots()
    for it in viewers:
        it.kill()
    if late := await _late(viewers):
        return late
    found = []
    for it in viewers:
        for mine, again in zip(before[it.name], _frozen(it), strict=False):
            if mine != again:
                found.append(f"the view of {it.name} has {_difference(mine, again)} where the log gives the latter")
                break
    return found


async def _late(processes: Sequence[Process]) -> list[str]:
    """Wait until processes are ready and have nothing left to read; return those that are not."""
    for _ in range(_LONGEST_START):
        await asyncio.sleep(0.5)
        if all(it.ready for it in processes):
            await asyncio.sleep(_SETTLED_S)
            return []
    return [f"{it.name} does not start any more" for it in processes if not it.ready]


def _frozen(process: Process) -> list[bytes]:
    """The state of the view of a process, as its snapshot would have it."""
    if process.service is None:
        return []
    snapshots = [view._snapshot for view in process.service.views if view._snapshot is not None]
    return [record for it in snapshots for record in ((it._state.freeze() or tuple)())]


def _difference(mine: bytes, again: bytes) -> str:
    at = next((n for n, (a, b) in enumerate(zip(mine, again, strict=False)) if a != b), min(len(mine), len(again)))
    begin = max(0, at - 60)
    return f"{mine[begin : at + 60]!r}, {again[begin : at + 60]!r}"
