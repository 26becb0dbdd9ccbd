"""Gives statements of users, such as those of signed files, a leaf of the log."""

from __future__ import annotations

from queuebit_contracts.query import Answer, Question
from queuebit_contracts.transparency import LoggedStatement, StatementLogged
from queuebit_contracts.wire import Reason
from queuebit_kernel import Unavailable
from queuebit_proof import TrustRoot, verify_checkpoint, write_tlog_proof
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.ports import Sealing, Seals
from queuebit_provenance.state import UserStatement
from queuebit_runtime.log import EventLog
from queuebit_runtime.stored import Stored

__all__ = ["GiveLeaf"]


class GiveLeaf:
    """Appends the digest of a statement to the log, once, and answers with its proof.

    The log has the digest alone: it proves that the statement existed, and neither whose it is nor that it is true.
    What it says, and who signed it, its own signature proves.
    """

    def __init__(
        self, log: EventLog, seals: Seals, ledger: Ledger, sealing: Sealing, *, name: str, trust: TrustRoot
    ) -> None:
        self._log = log
        self._seals = seals
        self._ledger = ledger
        self._sealing = sealing
        self._name = name
        self._trust = trust

    async def __call__(self, question: Question) -> Answer:
        """Answer with one row: the leaf of a statement, which is made if there is none, and its proof.

        Raises:
            LogRefused: the log cannot be continued or read.
            Unavailable: the log does not answer.
        """
        if question.statement is None:
            return Answer(error=Reason(code="bad_question", text="a leaf is of a statement: give its digest"))
        leaf = UserStatement(self._name, bytes.fromhex(question.statement.removeprefix("sha256:")))
        found = await self._log.last(leaf.subject)
        if found is None:
            await self._sealing.seal(leaf)
            found = await self._log.last(leaf.subject)
        if found is None or not isinstance(found.event, StatementLogged):
            raise Unavailable(f"{leaf.subject} cannot be read yet")
        return await self._proven(found, found.event.data)

    async def _proven(self, found: Stored, data: LoggedStatement) -> Answer:
        checkpoint = await self._seals.head(found.sequence)
        if checkpoint is None:
            raise Unavailable(f"no head of the log has leaf {data.leaf_index} yet")
        head = verify_checkpoint(checkpoint, self._trust).head
        tree = await self._ledger.tree(head.size)
        proof = write_tlog_proof(data.leaf_index, tree.inclusion(data.leaf_index, head.size), checkpoint)
        return Answer(rows=({"leaf_index": data.leaf_index, "tree_size": head.size, "proof": proof},))
