"""Statements of users become leaves, once, beside the seals of jobs, with proofs that anyone can verify."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from queuebit_contracts.job import JobSealed
from queuebit_contracts.query import Question
from queuebit_contracts.transparency import LogCheckpointed, StatementLogged
from queuebit_kernel import SystemClock, digest
from queuebit_proof import KeyRing, LeafInvalid, entry_of, verify_leaf
from queuebit_provenance.handlers import AttestJob
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.sealer import Sealer
from queuebit_provenance.user_statements import GiveLeaf
from queuebit_runtime.paced import Paced
from queuebit_testing.memory import MemoryLog

from .attesting import WriteLives
from .conftest import LedgerOf, MemorySeals

STATEMENT = b'{"subject":"a file"}'
OTHER = b'{"subject":"another file"}'


@pytest.fixture
async def sealer(ledger_of: LedgerOf) -> AsyncIterator[Sealer]:
    ledger = ledger_of()
    made = Sealer(ledger, Paced(SystemClock(), most=200, linger_s=0))
    async with asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(made.run())
        yield made
        loop.cancel()


def giving(log: MemoryLog, ledger: Ledger, sealer: Sealer, keys: KeyRing) -> GiveLeaf:
    return GiveLeaf(log, MemorySeals(log), ledger, sealer, name="main", trust=keys.trust)


def asked(statement: bytes) -> Question:
    return Question(statement=digest(statement))


async def test_a_statement_is_one_leaf_beside_those_of_jobs(
    log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf, sealer: Sealer, metered: WriteLives
) -> None:
    (bill,) = await metered("j1")
    attest = AttestJob(log, sealer, salt=lambda: bytes(16), software="queuebit 0.1.0")
    give = giving(log, ledger_of("reading"), sealer, keys)
    sequence = next(it.sequence for it in log.stored if it.event == bill)
    first, again, other, _ = await asyncio.gather(
        give(asked(STATEMENT)), give(asked(STATEMENT)), give(asked(OTHER)), attest(bill, sequence)
    )
    assert len(log.events(StatementLogged)) == 2
    leaves = [it.data.leaf_index for it in log.events(StatementLogged)]
    leaves += [it.data.leaf_index for it in log.events(JobSealed)]
    assert sorted(leaves) == [0, 1, 2]
    assert first.rows == again.rows
    for statement, answer in ((STATEMENT, first), (OTHER, other)):
        proven = verify_leaf(str(answer.rows[0]["proof"]), entry_of(statement), keys.trust)
        assert (proven.origin, proven.index) == (keys.origin, answer.rows[0]["leaf_index"])
    with pytest.raises(LeafInvalid, match="is not leaf"):
        verify_leaf(str(first.rows[0]["proof"]), entry_of(OTHER), keys.trust)


async def test_the_log_is_rebuilt_with_leaves_of_users(
    log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf, sealer: Sealer
) -> None:
    give = giving(log, ledger_of("reading"), sealer, keys)
    await give(asked(STATEMENT))
    await give(asked(OTHER))
    fresh = ledger_of("elsewhere")
    await fresh.load()
    assert fresh.size == 2
    assert log.events(LogCheckpointed)[-1].data.tree_size == 2


async def test_a_question_without_a_digest_is_refused(
    log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf, sealer: Sealer
) -> None:
    answer = await giving(log, ledger_of("reading"), sealer, keys)(Question())
    assert answer.error is not None
    assert answer.error.code == "bad_question"
    assert log.events(StatementLogged) == []
