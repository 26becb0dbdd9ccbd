"""The data of a job's events after its end: charge, later usage, corrections, receipt."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from queuebit_contracts.fallback import Fallback
from queuebit_contracts.lifecycle import TERMINAL
from queuebit_contracts.usage import Usage
from queuebit_contracts.wire import Amount, DecimalText, Digest, Moment, Name, Sentence, Wire, open_text

__all__ = [
    "Charge",
    "ChargeLine",
    "Correction",
    "Credits",
    "Metering",
    "Seal",
    "SealV1",
    "UsageReport",
]


class Credits(Wire):
    """An amount in a virtual currency of the vendor, such as 13 HQC."""

    unit: str = Field(min_length=1, max_length=16)
    amount: DecimalText


class ChargeLine(Wire):
    """One price component."""

    price: str
    component: str
    unit: str
    consumed: DecimalText
    billed: DecimalText
    unit_price: DecimalText
    amount: DecimalText
    credits: Credits | None = None
    """The amount in the virtual currency of the price; absent if it has none."""


class Charge(Wire):
    """The cost of a job; the amount is the sum of its lines."""

    amount: DecimalText
    currency: str
    jbu: DecimalText
    lines: tuple[ChargeLine, ...] = ()


class Metering(Wire):
    """The charge of one job after any end."""

    tenant: Name
    project: str
    job: Name
    state: Annotated[str, open_text(*TERMINAL)]
    """The end of the job: the name of its terminal event."""
    backend: Name | None = None
    usage: Usage
    charge: Charge
    price_book: Digest
    hold: Amount | None = None
    """The held amount; absent if the job was never accepted."""
    final: bool | None = None
    """False: the usage may still change, so that nothing is charged and the hold stays. Absent: this is the bill."""
    submitted_at: Moment
    ended_at: Moment
    workload_class: Name | None = None
    """The class of the submission; absent where it named none."""
    fallback: Fallback | None = None
    """The backends that this one stood in for; absent if the job asked for it."""


class UsageReport(Wire):
    """The whole usage of a job that ended, as its backend states it later; it replaces what was stated before.

    Of several reports the final one of the highest revision counts; if none is final, the one of the highest revision.
    """

    tenant: Name
    job: Name
    backend: Name
    attempt: int = Field(ge=1)
    revision: int = Field(ge=1)
    """Counts the reports of the job from 1; the usage in the job's end is revision 0."""
    usage: Usage
    reason: Sentence = ""
    """The reason of the correction, for people."""


class Correction(Wire):
    """The bill of a job changed. The first bill, the deltas of all corrections added, is the last charge."""

    tenant: Name
    project: Name
    job: Name
    backend: Name | None = None
    revision: int = Field(ge=1)
    """Counts the corrections of the job from 1."""
    report: int = Field(ge=1)
    """Revision of the usage report that this answers."""
    usage: Usage
    """The whole usage, not a difference."""
    charge: Charge
    """The whole charge from now on."""
    delta: Charge
    """The change, without lines; an amount below 0 is refunded."""
    reason: Sentence
    final: bool
    """Whether this is the bill, until a further correction. If not, nothing is charged and the hold stays."""
    price_book: Digest
    workload_class: Name | None = None
    """The class of the submission; absent where it named none."""
    fallback: Fallback | None = None
    """The backends that this one stood in for; absent if the job asked for it."""


class _Leaf(Wire):
    """One leaf of the transparency log, and the bill that its statement includes."""

    tenant: Name
    job: Name
    statement: Digest
    """The digest that is the leaf of the log."""
    leaf_index: int = Field(ge=0)
    tree_size: int = Field(ge=1)
    """Leaves of the log after the batch; the next `qb.proof.checkpointed.v1` signs this size."""
    revision: int | None = Field(default=None, ge=1)
    """The correction that the statement includes; absent in the first receipt of a job."""
    supersedes: Digest | None = None
    """The statement of the receipt before, which stays valid as what was known then; absent in the first."""


class Seal(_Leaf):
    """A statement about one job and its place in the transparency log.

    `statement` is the digest of the bytes of `text`. `qb.query.<tenant>.receipt` answers with the signed receipt.
    """

    text: str
    """The statement itself, canonical JSON."""
    workload_class: Name | None = None
    """The class of the submission; absent where it named none."""


class SealV1(_Leaf):
    """The receipt of one job: a signed statement, its place in the transparency log, and the log's checkpoint.

    `statement` is the digest of the bytes of the envelope.
    """

    envelope: str
    """The signed DSSE envelope, base64 of its exact bytes."""
    inclusion: tuple[str, ...]
    checkpoint: str
