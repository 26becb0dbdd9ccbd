"""A log with keys, its ledgers, and the processes that attest jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from queuebit_contracts.job import JobMetered, JobSealed, JobSealedV1, Seal, SealV1
from queuebit_contracts.query import Question
from queuebit_contracts.transparency import KeysRotated, LogCheckpointed, LoggedStatement, Rotation, StatementLogged
from queuebit_kernel import FixedClock, SystemClock
from queuebit_proof import KeyRing, TrustRoot
from queuebit_provenance.handlers import AttestJob
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.receipts import IssueReceipt
from queuebit_provenance.sealer import Sealer
from queuebit_runtime.paced import Paced
from queuebit_testing.memory import MemoryLog

from .attesting import Attest, Attesting, ReceiptOf, WriteLives
from .job_lives import BEGIN, Life, life

JUST_BEGUN = FixedClock(BEGIN + timedelta(seconds=1))


class LedgerOf(Protocol):
    """Makes one process's ledger of the log; each has its own tiles by default."""

    def __call__(
        self,
        folder: str = "log",
        keys: KeyRing | None = None,
        name: str = "main",
        clock: FixedClock = JUST_BEGUN,
        losses_known: bool = False,
        trust: TrustRoot | None = None,
    ) -> Ledger: ...


class MemorySeals:
    """Seals and heads of a log in memory."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def read(self, leaf: int, *, until: int) -> AsyncIterator[Seal | SealV1 | Rotation | LoggedStatement]:
        for it in self._log.stored:
            if isinstance(it.event, JobSealed | JobSealedV1 | KeysRotated | StatementLogged) and it.sequence <= until:
                seal: Seal | SealV1 | Rotation | LoggedStatement = it.event.data
                if seal.leaf_index >= leaf:
                    yield seal

    async def head(self, after: int) -> str | None:
        later = (it.event for it in self._log.stored if it.sequence > after)
        return next((it.data.checkpoint for it in later if isinstance(it, LogCheckpointed)), None)


@pytest.fixture(name="life")
def _life() -> Life:
    return life


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing.open(tmp_path_factory.mktemp("provenance") / "keys", "queuebit.local/main", BEGIN)


@pytest.fixture
def ledger_of(log: MemoryLog, keys: KeyRing, tmp_path: Path) -> LedgerOf:
    default = keys

    def make(
        folder: str = "log",
        keys: KeyRing | None = None,
        name: str = "main",
        clock: FixedClock = JUST_BEGUN,
        losses_known: bool = False,
        trust: TrustRoot | None = None,
    ) -> Ledger:
        ring = keys or default
        return Ledger(
            log,
            MemorySeals(log),
            keys=ring,
            trust=trust or ring.trust,
            folder=tmp_path / folder,
            name=name,
            clock=clock,
            losses_known=losses_known,
        )

    return make


@pytest.fixture
def attesting(log: MemoryLog) -> Attesting:
    @asynccontextmanager
    async def run(ledger: Ledger, *, max_batch: int = 200) -> AsyncIterator[Attest]:
        sealer = Sealer(ledger, Paced(SystemClock(), most=max_batch, linger_s=0))
        async with asyncio.TaskGroup() as tasks:
            loop = tasks.create_task(sealer.run())
            attest = AttestJob(log, sealer, salt=lambda: bytes(16), software="queuebit 0.1.0")

            async def deliver(bill: JobMetered) -> None:
                await attest(bill, next((it.sequence for it in log.stored if it.event == bill), 0))

            yield deliver
            loop.cancel()
        await ledger.publish()

    return run


@pytest.fixture
def receipt_of(log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf) -> ReceiptOf:
    """A process that has just started issues each receipt."""

    async def ask(seal: Seal) -> bytes:
        issue = IssueReceipt(log, MemorySeals(log), ledger_of("reading"), keys=keys, trust=keys.trust)
        answer = await issue(seal.tenant, Question(job=seal.job, revision=seal.revision))
        assert answer.error is None, answer.error
        return str(answer.rows[0]["receipt"]).encode()

    return ask


@pytest.fixture
def metered(log: MemoryLog, life: Life) -> WriteLives:
    async def write(*jobs: str, end: str = "completed") -> list[JobMetered]:
        for name in jobs:
            for event in life(name, end):
                await log.append(event)
        return [it for it in log.events(JobMetered) if it.data.job in jobs]

    return write
