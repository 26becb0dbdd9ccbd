"""Issues receipts on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pydantic import JsonValue

from queuebit_contracts.job import JobSealed, JobSealedV1, Seal, SealV1
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.wire import Reason
from queuebit_kernel import Unavailable
from queuebit_proof import (
    KeyRing,
    SignedCheckpoint,
    TrustRoot,
    entry_of,
    issue,
    job_of,
    leaf_hash,
    read_statement,
    seal,
    unb64,
    verify_checkpoint,
    verify_inclusion,
)
from queuebit_provenance.errors import LogRefused
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.ports import Seals
from queuebit_runtime.log import EventLog

__all__ = ["IssueReceipt"]


class IssueReceipt:
    """Signs the statement of a sealed job, and answers with the receipt.

    It signs only statements that are leaves under a signed head of the log, so that a request can make it sign nothing
    new. It stores nothing: asking again gives another signature of the same statement.
    """

    def __init__(
        self,
        log: EventLog,
        seals: Seals,
        ledger: Ledger,
        *,
        keys: KeyRing,
        trust: TrustRoot,
        witnessed: Callable[[], tuple[str, SignedCheckpoint] | None] = lambda: None,
    ) -> None:
        """Create it; `witnessed` gives the newest head that witnesses cosigned."""
        self._log = log
        self._seals = seals
        self._ledger = ledger
        self._keys = keys
        self._trust = trust
        self._witnessed = witnessed

    async def __call__(self, tenant: str, question: Question) -> Answer:
        """Answer with one row: the receipt of a job of this tenant, its first one or that of a correction of its bill.

        Raises:
            LogRefused: the log does not have this statement, or cannot be read.
            Unavailable: the log does not answer.
            SignerAway: the device of a key does not sign.
        """
        if question.job is None:
            return _no("bad_question", "a receipt is of one job: give its id")
        revision = None if question.revision is None else str(question.revision)
        found = await self._log.last(job_aggregate(tenant, question.job).event("sealed", revision))
        if found is None:
            return _no("not_sealed", f"{question.job} has no such receipt: `qb job show {question.job}` says more")
        match found.event:
            case JobSealed(data=data):
                receipt = await self._issue(tenant, question.job, data, found.sequence)
            case JobSealedV1(data=data):
                receipt = _complete(data)
            case _:
                return _no("unknown_seal", f"{question.job} has a {found.event.type}: upgrade provenance to read it")
        row: dict[str, JsonValue] = {"job": data.job, "statement": data.statement, "receipt": receipt.decode()}
        return Answer(rows=(row,))

    async def _issue(self, tenant: str, job: str, data: Seal, sequence: int) -> bytes:
        statement = data.text.encode()
        about = job_of(read_statement(statement))
        checkpoint, signed = await self._head(sequence, data.leaf_index)
        head, tree = signed.head, await self._ledger.tree(signed.head.size)
        inclusion = tree.inclusion(data.leaf_index, head.size) if data.leaf_index < head.size else []
        leaf = leaf_hash(entry_of(statement))
        if (about.get("tenant"), about.get("id")) != (tenant, job) or not verify_inclusion(
            leaf, data.leaf_index, head.size, inclusion, head.root
        ):
            raise LogRefused(f"the statement about {job} is not leaf {data.leaf_index} of the log: see `qb verify`")
        envelope = await asyncio.to_thread(seal, statement, self._keys)
        return issue(envelope, leaf_index=data.leaf_index, inclusion=inclusion, checkpoint=checkpoint)

    async def _head(self, sequence: int, leaf: int) -> tuple[str, SignedCheckpoint]:
        """The newest head that witnesses cosigned, if it has this leaf; else the one that was stored with the seal.

        The newest one of the log if the keys in use began later.

        No signature is valid from before the start of its key, and the time of a head is the only one that is proven.
        """
        cosigned = self._witnessed()
        if cosigned is not None and cosigned[1].head.size > leaf and cosigned[1].signed_at >= self._keys.begin:
            return cosigned
        checkpoint = await self._seals.head(sequence)
        signed = verify_checkpoint(checkpoint, self._trust) if checkpoint else None
        if signed is None or signed.signed_at < self._keys.begin:
            checkpoint, _ = await self._ledger.newest_head()
            signed = verify_checkpoint(checkpoint, self._trust) if checkpoint else None
        if checkpoint is None or signed is None or signed.signed_at < self._keys.begin:
            raise Unavailable("no head of the log is newer than the keys in use: the next job that is sealed makes one")
        return checkpoint, signed


def _complete(data: SealV1) -> bytes:
    """The receipt in a seal of version 0.1, which contains all of it."""
    return issue(
        unb64(data.envelope),
        leaf_index=data.leaf_index,
        inclusion=[unb64(node) for node in data.inclusion],
        checkpoint=data.checkpoint,
        version=1,
    )


def _no(code: str, text: str) -> Answer:
    return Answer(error=Reason(code=code, text=text))
