"""What is kept of accounts, receipts, decisions and messages that belong nowhere."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple, Protocol

from queuebit_audit.job_state import Job
from queuebit_contracts.job import Seal, SealV1
from queuebit_contracts.transparency import Rotation
from queuebit_contracts.wire import Payload

__all__ = [
    "AccountEntry",
    "CheckProofs",
    "Content",
    "Decision",
    "Head",
    "Leaf",
    "Placed",
    "Root",
    "SharedRan",
    "Stray",
]


class AccountEntry(NamedTuple):
    """One entry of an account: a movement between budget, hold and charge."""

    sequence: int
    name: str
    job: str
    """Empty when the budget itself changed."""
    currencies: tuple[str, ...]
    amount: Decimal
    """The amount funded or held, or the hold that ended."""
    settled: Decimal = Decimal(0)
    released: Decimal = Decimal(0)
    revision: int = 0
    """The correction of the bill that it follows from; 0 for the first bill."""
    session: str = ""
    """The session that it counts in; empty for none, and where the entry of the hold says it."""
    budgets: tuple[str, ...] = ()
    """The budgets of the tenant that it counts against; empty where the entry of the hold says them."""
    day: int = 0
    """The day of UTC, as an ordinal of the calendar."""


class Leaf(NamedTuple):
    """A job's place in the transparency log."""

    leaf_index: int
    entry: bytes
    revision: int
    """The correction of the job's bill that its receipt includes; 0 for the first receipt."""
    supersedes: str | None
    """The statement of the receipt before."""
    tree_size: int
    """The size that the signed head after it must have."""
    trouble: str | None
    """The reason why its seal does not verify."""

    @property
    def statement(self) -> str:
        """The digest of its statement."""
        return f"sha256:{self.entry.hex()}"


class Root(NamedTuple):
    """Size and root of the tree that a head signs."""

    size: int
    root: bytes


class Head(NamedTuple):
    """A signed head of the transparency log, and the number of leaves in `LOG` before it."""

    tree_size: int
    leaves: int
    signed: Root | str
    """What it signs, or the reason why it does not verify."""


class CheckProofs(Protocol):
    """Verifies what the transparency log signs."""

    def seal(self, tenant: str, job: str, seal: Seal | SealV1) -> str | None:
        """Verify the seal of a tenant's job; return the fault, if there is one."""
        ...

    def rotation(self, rotation: Rotation) -> str | None:
        """Verify the statement about a change of keys; return the fault, if there is one."""
        ...

    def head(self, checkpoint: str) -> Root | str:
        """Verify a signed head; return what it signs, or the fault."""
        ...


class Content(NamedTuple):
    """What a decision was made from: the payload that a placement cites."""

    digest: str
    size: int
    media_type: str
    inline: str | None

    @classmethod
    def of(cls, payload: Payload) -> Content:
        """The content of a payload."""
        return cls(payload.digest, payload.size, payload.media_type, payload.inline)

    @property
    def payload(self) -> Payload:
        """The payload, for the store."""
        return Payload.model_construct(**self._asdict())


class Placed(NamedTuple):
    """A placement, as far as its decision determines it."""

    backend: str
    policy: str
    snapshot: str
    scores: tuple[tuple[str, int], ...]
    """By backend: expected completion in milliseconds."""
    content: Content | None
    """What it was decided from, if that was kept."""
    session: str | None = None
    """The session that its run counts for."""
    fallback: str | None = None
    """The label of a run on a fallback, as JSON."""
    reservation: str | None = None
    """The reservation in whose slot it runs."""
    start_by_us: int | None = None
    """The last moment at which it may start."""
    preempted: tuple[str | None, str, int] | None = None
    """The job that it gave way to, the rule, and the milliseconds that this one gained."""
    shared_device: str | None = None
    """With whose circuits its executor may run it at once."""
    moved: tuple[str, int] | None = None
    """The backend that it left because this one became better for it, and the milliseconds that it gained."""


class SharedRan(NamedTuple):
    """A job that was on a device with others, and its share of the time."""

    run: str
    circuits: int
    region: tuple[int, ...]
    backend: str
    qpu_us: int


class Decision(NamedTuple):
    """One scheduling decision: what it was made from, and the placements that cite it."""

    content: Content
    placed: list[tuple[Job, Placed]]


class Stray(NamedTuple):
    """An event under the wrong subject, or one that cannot be read."""

    sequence: int
    subject: str
    text: str
    by_client: bool
    """A client wrote it under its own subjects: harmless, because services ignore it."""
