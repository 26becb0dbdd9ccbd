"""Who may use a stack, as the facts say; and putting a tenants document in force, in the facts and on the bus.

At no moment does the bus grant what the facts deny. What a document takes away is closed on the bus first, then in the
facts; what it grants is open in the facts first, then on the bus. The next apply completes one that was interrupted.
"""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from queuebit.errors import Forbidden, Unanswered, Unreachable
from queuebit_contracts.config import Application
from queuebit_contracts.directory import narrowed
from queuebit_contracts.query import TenantsAnswer, TenantsRequest
from queuebit_contracts.subjects import TENANTS_REQUEST
from queuebit_contracts.tenants import BadTenants, Tenants, check_tenants
from queuebit_kernel import Stale
from queuebit_stack.bootstrap import is_in_force, keep_tenants, kept_tenants, logins, read_tenants
from queuebit_stack.bus_logins import grant_on_bus
from queuebit_stack.connection import operator_of
from queuebit_stack.containers import used
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.locks import alone
from queuebit_stack.stack import Stack

if TYPE_CHECKING:
    from queuebit.nats_transport import NatsTransport

__all__ = [
    "Operator",
    "Record",
    "apply_here",
    "apply_there",
    "ask",
    "author",
    "import_edited",
    "record_there",
    "runs",
]

Operator = Callable[[], "NatsTransport"]
"""Opens a connection with the operator's credential."""

_AWAY_S = 10.0
"""How long a broker that does not answer is awaited: it may be starting again."""

_ANSWER_S = 30.0
"""How long a broker may take to append what changes."""

_MOST_BYTES = 1_000_000
"""The longest request: what the bus carries, less its headers."""


def ask(operator: Operator, request: TenantsRequest, wait_s: float = _AWAY_S) -> TenantsAnswer:
    """Have a broker answer a request about the tenants.

    Raises:
        Unreachable: no broker answers within `wait_s`.
        Stop: the credential is not the operator's, or the document is too large.
    """
    body = request.model_dump_json(exclude_none=True).encode()
    if len(body) > _MOST_BYTES:
        text = (
            f"the tenants take {len(body):,} bytes, and a request at most {_MOST_BYTES:,}: remove some, or their keys"
        )
        raise Stop(Exit.USAGE, text)
    changes_nothing = request.document is None or request.dry_run
    return asyncio.run(_asked(operator(), body, wait_s, Unreachable if changes_nothing else Unanswered))


async def _asked(transport: NatsTransport, body: bytes, wait_s: float, repeatable: type[Unreachable]) -> TenantsAnswer:
    """Ask until there is an answer or the time is over; after an error that is not `repeatable`, only once."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    try:
        while True:
            try:
                reply = await transport.request(TENANTS_REQUEST, body, timeout=_ANSWER_S)
            except repeatable:
                if loop.time() >= deadline:
                    raise
                await asyncio.sleep(0.05)
            else:
                return TenantsAnswer.model_validate_json(reply.body)
    except Forbidden as error:
        raise Stop(Exit.REFUSED, "only the operator may ask for tenants: give the operator's seed") from error
    finally:
        await transport.close()


def apply_there(operator: Operator, desired: Tenants, by: str, *, dry_run: bool = False) -> TenantsAnswer:
    """Make the facts of a stack what a document says; what its bus grants stays.

    Returns:
        What was in force before, and what changed or would.

    Raises:
        Unreachable: no broker answers.
        Stop: the document may not come into force, or the facts changed at the same time; nothing was changed.
    """
    before = _require(ask(operator, _wanted(desired, by, dry_run=True)))
    if not dry_run:
        _require(ask(operator, _wanted(desired, by, after=before.sequence)))
    return before


@dataclass(frozen=True, slots=True)
class Record:
    """Recorded together with the facts: all documents that are applied, of which the tenants are one."""

    applied: Application
    after: int
    """The sequence of the last such record that its author has seen, 0 for none."""
    tenants_after: int
    """The sequence of the newest fact about tenants that its author has seen."""


def apply_here(
    home: Home, stack: Stack, desired: Tenants, by: str, *, overwrite: bool = False, record: Record | None = None
) -> Sequence[str] | None:
    """Make the facts of a home's stack, and what its bus grants, what the home's tenants file says.

    Args:
        home: whose stack.
        stack: the stack, which runs.
        desired: what the file says.
        by: who wants it.
        overwrite: whether facts that did not come from this home's file may be undone.
        record: what is recorded with the facts.

    Returns:
        Subjects of the facts that were appended; None if no broker answers. Then what the file revokes is closed on the
        bus, and what it grants waits for another apply.

    Raises:
        Stop: the document may not come into force; nothing was changed.
    """
    kept = kept_tenants(home)
    granted = logins(home) or kept or Tenants()
    grant, operator = partial(grant_on_bus, home, stack), partial(operator_of, home)
    preview = _wanted(desired, by, dry_run=True)
    try:
        try:
            answer = ask(operator, preview, 0)
        except Unreachable:
            grant(narrowed(granted, desired))  # what is revoked does not wait for a broker
            answer = ask(operator, preview)
        if not overwrite:
            _require_ours(answer, kept, desired)
        _require(answer)
        _require_seen(answer, record)
        grant(narrowed(_document(answer), desired))
        applied = _applied(operator, _wanted(desired, by, after=answer.sequence, record=record), preview, answer)
    except Unreachable:
        if not (stack.in_containers and not used(home)):
            return None
        applied = TenantsAnswer()  # the broker of containers that never ran begins with the file
    except Stop:
        grant(granted)
        raise
    try:
        grant(desired)
    except Stop:  # the facts stand; the bus keeps a configuration that it takes, also when it starts again
        grant(narrowed(granted, desired))
        raise
    keep_tenants(home)
    return applied.changes


def _applied(
    operator: Operator, request: TenantsRequest, preview: TenantsRequest, foreseen: TenantsAnswer
) -> TenantsAnswer:
    """Have a document come into force; if the reply is lost, look whether it did, and ask again if it did not."""
    try:
        return _require(ask(operator, request))
    except Unreachable:
        if not ask(operator, preview).changes and foreseen.changes:
            return foreseen
        return _require(ask(operator, request))


def record_there(operator: Operator, by: str, record: Record) -> None:
    """Record documents that change nothing of tenants.

    Raises:
        Unreachable: no broker answers.
        Stop: other documents were applied at the same time; nothing was recorded.
    """
    now = ask(operator, TenantsRequest())
    _require_seen(now, record)
    _require(ask(operator, _wanted(_document(now), by, after=now.sequence, record=record)))


def author() -> str:
    """Who gives a command, as the facts about tenants name it: the account on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry
        return f"user {os.getuid()}"


def import_edited(home: Home, stack: Stack) -> None:
    """Put a tenants file in force that was edited since it last was; otherwise take from the bus what the facts deny.

    Raises:
        Stop: it may not come into force, no broker answers, or the facts were changed from elsewhere.
    """
    with alone(home.tenants_lock):
        desired = read_tenants(home)
        try:
            if not is_in_force(home):
                applied = apply_here(home, stack, desired, author())
            else:
                now = ask(partial(operator_of, home), TenantsRequest())
                grant_on_bus(home, stack, narrowed(_document(now), desired))
                _require_ours(now, desired, desired)
                applied = ()
        except Unreachable:
            applied = None
        if applied is None:
            raise Stop(Exit.UNREACHABLE, f"no broker answers: run {home.command('tenant apply')} when one does")


def runs(stack: Stack) -> bool:
    """Whether there is a bus to put a document in force on; an engine's containers may be down all the same."""
    return stack.in_containers or "nats-server" in stack.left


def _wanted(
    desired: Tenants, by: str, *, dry_run: bool = False, after: int | None = None, record: Record | None = None
) -> TenantsRequest:
    return TenantsRequest(
        document=desired.model_dump(mode="json"),
        by=by,
        dry_run=dry_run,
        after=after,
        applied=record and record.applied,
        applied_after=record.after if record else 0,
    )


def _require_seen(answer: TenantsAnswer, record: Record | None) -> None:
    if record is not None and answer.sequence != record.tenants_after:
        raise Stop(Exit.REFUSED, "the tenants were changed at the same time; nothing was applied: plan again")


def _require(answer: TenantsAnswer) -> TenantsAnswer:
    if answer.errors:
        code = Exit.REFUSED if any(error.code == Stale.code for error in answer.errors) else Exit.USAGE
        raise Stop(code, "; ".join(error.text for error in answer.errors))
    return answer


def _document(answer: TenantsAnswer) -> Tenants:
    try:
        return check_tenants(answer.document)
    except BadTenants as error:
        raise Stop(Exit.REFUSED, f"this version cannot read the tenants in force, upgrade it: {error}") from error


def _require_ours(now: TenantsAnswer, kept: Tenants | None, desired: Tenants) -> None:
    """The facts are what this home's file made of them, or what it is to make of them."""
    if kept is None:
        return
    if now.document.get("tenant", {}) not in ({}, *(it.model_dump(mode="json")["tenant"] for it in (kept, desired))):
        raise Stop(
            Exit.REFUSED,
            "the tenants were changed from elsewhere since this tenants.toml was in force: `qb tenant apply --dry-run` "
            "shows how they differ; then `qb tenant apply` puts the file in force, or `qb tenant export --output FILE` "
            "writes what is in force into a file",
        )
