"""Makes the document of a receipt from a seal in the log."""

from __future__ import annotations

import asyncio
import base64

from queuebit.errors import Refused, Unreachable
from queuebit.queries import ask
from queuebit.transport import Transport
from queuebit.wait_budget import WaitBudget
from queuebit_contracts.job import Seal, SealV1

__all__ = ["document_of"]

_PAUSE_S = 0.2
_PASSING = frozenset({"unavailable", "busy"})
"""Codes of refusals that a repeated request may not meet."""


async def document_of(seal: Seal | SealV1, transport: Transport, budget: WaitBudget) -> bytes:
    """The receipt of a sealed job.

    Seals of version 0.1 contain it. For all others provenance signs the statement in the seal; while it does not
    answer, for example because it is restarted, the request is repeated.

    Raises:
        Refused: it is not signed; the reason says why.
        Unreachable: no service answered within the budget.
    """
    if isinstance(seal, SealV1):
        return _complete(seal)
    while True:
        try:
            (row,) = await ask(transport, seal.tenant, "receipt", job=seal.job, revision=seal.revision)
            return str(row["receipt"]).encode()
        except Unreachable:
            if budget.lost():
                raise
        except Refused as error:
            if error.reasons[0].code not in _PASSING:
                raise
            if budget.lost():
                raise Unreachable(str(error)) from error
        await asyncio.sleep(max(0.0, budget.next(_PAUSE_S)))


def _complete(seal: SealV1) -> bytes:
    from queuebit_proof import Receipt  # cryptography is only needed here

    return Receipt(
        tenant=seal.tenant,
        job=seal.job,
        envelope=base64.b64decode(seal.envelope),
        leaf_index=seal.leaf_index,
        tree_size=seal.tree_size,
        inclusion=tuple(base64.b64decode(node) for node in seal.inclusion),
        checkpoint=seal.checkpoint,
        version=1,
    ).to_bytes()
