"""Sessions: groups of jobs with priority, and with a cap that is a hold.

The cap of a session is held on its project's account when it opens. Its jobs take their holds out of it: each names
the budget `budget_of(session)`, and what no job has used yet stays reserved on the account while the session is open.
So an account has on hold, beside its jobs, `reserved(cap, used)` of each open session; the same applies to the budgets
that the session's hold names. `used` is all that counts against the session's budget: what is held, and what was
charged.

Requests are sent to `subjects.sessions("open", tenant)` and `subjects.sessions("close", tenant)`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.admission import Signature
from queuebit_contracts.billing import Charge
from queuebit_contracts.wire import Amount, Digest, Event, Moment, Name, Reason, Wire, open_text
from queuebit_kernel import Money, canonical

__all__ = [
    "CLOSING_REASONS",
    "DEFAULT_AGE_S",
    "DEFAULT_IDLE_S",
    "MAX_AGE_S",
    "CloseSession",
    "OpenSession",
    "Session",
    "SessionAnswer",
    "SessionBill",
    "SessionClosed",
    "SessionEnd",
    "SessionMetered",
    "SessionOpened",
    "budget_of",
    "idle_hold_of",
    "request_of",
    "reserved",
    "session_id",
    "session_in",
    "signed_part",
]

CLOSING_REASONS: Final = ("asked", "idle", "age", "spent")
"""Why a session closed: a request, no job for `max_idle_s`, `expires_at`, or nothing of its cap is left."""

MAX_AGE_S: Final = 86_400
"""The longest life of a session: one day."""

DEFAULT_AGE_S: Final = 28_800
"""The life of a session that asks for no other: eight hours."""

DEFAULT_IDLE_S: Final = 300
"""How long a session that asks for no other may be without a job before it closes."""

_BUDGET: Final = "session:"
_IDLE: Final = "-idle"


class OpenSession(Wire):
    """Open a session. The same request again has the same answer, also after the session closed.

    Signed like a submission, over `signed_part`.
    """

    tenant: Name
    project: Name
    """Whose account pays; the jobs of the session are of this project."""
    session: Name
    """Derived from tenant and key by `session_id`."""
    key: str = Field(min_length=1, max_length=128)
    """Idempotency key: the same key with the same content is the same session."""
    label: str = Field(default="", max_length=200)
    """A name for people."""
    backend: Name | None = None
    """The only backend that its jobs run on, and where they have priority; absent: any, without priority."""
    cap: Amount | None = None
    """The most that its jobs and its idle time may cost together; held while it is open. Absent: no own limit."""
    max_idle_s: int = Field(default=DEFAULT_IDLE_S, ge=1, le=MAX_AGE_S)
    """The session closes after this time without a waiting or running job."""
    max_age_s: int = Field(default=DEFAULT_AGE_S, ge=1, le=MAX_AGE_S)
    """The session closes at this age."""
    dry_run: bool = False
    """Answer with the session as it would open, its price included, and open nothing."""
    proof: Signature


class CloseSession(Wire):
    """Close a session: its user and admins of the tenant may. Closing it again changes nothing.

    Signed over `signed_part`.
    """

    tenant: Name
    session: Name
    proof: Signature


class Session(Wire):
    """A session that is open: the request, and what the broker added."""

    tenant: Name
    project: Name
    """The project of its jobs, and of the account with its hold."""
    session: Name
    user: Name
    delegation: Name | None = None
    """The delegation under which it was opened; absent if the user signed."""
    key: str = Field(min_length=1, max_length=128)
    label: str = Field(default="", max_length=200)
    backend: Name | None = None
    """The only backend of its jobs, where they run before others; absent: any, without priority."""
    cap: Amount | None = None
    """The amount of its hold; absent if it has none."""
    max_idle_s: int = Field(ge=1)
    max_age_s: int = Field(ge=1)
    opened_at: Moment
    expires_at: Moment
    """It closes then at the latest."""
    idle_price: Amount | None = None
    """The price of a second without a job; absent if it is free."""
    wall_clock: bool | None = None
    """True: `idle_price` is charged for each second from the opening to the end, with or without a job."""
    price: str | None = None
    """Immutable id of the price that `idle_price` comes from."""
    proof: Signature
    """The signature of its user over the request, `request_of`."""


class SessionEnd(Wire):
    """A session takes no more jobs. Those that were accepted continue, on their own holds."""

    tenant: Name
    session: Name
    project: Name
    reason: Annotated[str, open_text(*CLOSING_REASONS)]
    by: Name | None = None
    """The user that asked."""
    idle_s: int = Field(ge=0)
    """Whole seconds in which the session was open and no job of it waited or ran."""
    wall_s: int | None = Field(default=None, ge=0)
    """Whole seconds from its opening to its end, if these are charged instead of `idle_s`; else absent."""
    idle_hold: Amount | None = None
    """Held for its idle time in the same batch, under the name `idle_hold_of`; absent if nothing is charged."""
    price: str | None = None
    """Immutable id of the price of its idle time."""
    closed_at: Moment


class SessionBill(Wire):
    """The idle time of a session was rated; it is charged to its hold `idle_hold_of`."""

    tenant: Name
    session: Name
    project: Name
    idle_s: int = Field(ge=0)
    charge: Charge
    price_book: Digest
    hold: Amount
    closed_at: Moment


class SessionOpened(Event[Session]):
    """A session opened. Appended in one batch with the hold of its cap, if it has one."""

    type: Literal["qb.session.opened.v1"] = "qb.session.opened.v1"


class SessionClosed(Event[SessionEnd]):
    """A session closed, once. Appended in one batch with the release of its hold and the hold of its idle time."""

    type: Literal["qb.session.closed.v1"] = "qb.session.closed.v1"


class SessionMetered(Event[SessionBill]):
    """The bill for the idle time of a session that had to pay for it."""

    type: Literal["qb.session.metered.v1"] = "qb.session.metered.v1"


class SessionAnswer(Wire):
    """The session as it stands, or all reasons of a refusal."""

    session: Session | None = None
    closed: SessionEnd | None = None
    """Its end, if it has closed."""
    errors: tuple[Reason, ...] = ()


def session_id(tenant: str, key: str) -> str:
    """The id of a session: `s` and 20 digits of base 32 over SHA-256 of `session`, tenant and key, in lines."""
    image = hashlib.sha256(f"session\n{tenant}\n{key}".encode()).digest()
    return "s" + base64.b32encode(image[:15]).decode()[:20].lower()


def budget_of(session: str) -> str:
    """The name of the budget that all holds of a session count against."""
    return _BUDGET + session


def session_in(budget: str) -> str | None:
    """The session whose budget has this name; None for any other budget."""
    return budget.removeprefix(_BUDGET) if budget.startswith(_BUDGET) else None


def idle_hold_of(session: str) -> str:
    """The name under which the account holds and settles the charge for a session's idle time."""
    return session + _IDLE


def reserved(cap: Money, used: Money) -> Money:
    """What an open session keeps on hold beside its jobs.

    Args:
        cap: the amount of the session's hold.
        used: what is held and what was charged against `budget_of` the session.
    """
    return max(cap - used, Money.zero(cap.currency))


def request_of(session: Session) -> OpenSession:
    """The request that opened a session, as it was signed."""
    return OpenSession.model_validate(session.model_dump())


def signed_part(request: OpenSession | CloseSession) -> bytes:
    """What is signed: the canonical JSON of all fields but `proof`, with defaults and without absent ones."""
    return canonical(request.model_dump(mode="json", exclude={"proof"}, exclude_none=True))
