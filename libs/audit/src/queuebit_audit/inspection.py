"""One verification: read everything, wait until nothing is in flight, then judge."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from typing import TypeVar

from nats.errors import Error as NatsError

from queuebit_audit.contents import contents_are_kept, references, unreadable
from queuebit_audit.decisions import Sample, decisions_recompute
from queuebit_audit.helper import Helper, second_process
from queuebit_audit.invoices import invoices_recompute
from queuebit_audit.isolations import isolation_holds
from queuebit_audit.lifecycle import Outstanding, nothing_lost
from queuebit_audit.money import money_adds_up
from queuebit_audit.proofs import Proofs, proven, walls_hold
from queuebit_audit.readings import Readings
from queuebit_audit.records import Root
from queuebit_audit.report import Verdict
from queuebit_audit.rows import Rows, one_truth
from queuebit_audit.sources import Bus, follow
from queuebit_audit.state import History
from queuebit_audit.target import Target
from queuebit_audit.walls import intruders, is_admitted, logins, trespasses
from queuebit_contracts.invoice import InvoiceIssued
from queuebit_contracts.topology import inbox_of
from queuebit_kernel import Unavailable
from queuebit_pricing import PriceBook
from queuebit_runtime.collector import without_collection
from queuebit_runtime.harden import connect
from queuebit_runtime.keys import public_key
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_runtime.view import View

__all__ = ["as_operator", "following", "inspect", "judge", "operator_bus"]

_T = TypeVar("_T")

_LONG = 20_000
"""Messages from which on a log is verified by two processes."""
_PAUSE_S = 0.2
_LOOK_S = 1.0
_STANDSTILL_S = 20.0
"""How long reading may make no progress before it fails: a long log takes time, but it moves."""


async def inspect(target: Target, wait_s: float, sample: Sample | None = None) -> list[Verdict]:
    """Verify a stack.

    Args:
        target: the stack.
        wait_s: how long to wait for unfinished work.
        sample: which scheduling decisions to make again; all by default.

    Raises:
        Unavailable: a part of it does not answer.
    """
    with without_collection():  # it would walk a growing history again and again: half of the time
        return await _inspected(target, wait_s, sample)


async def _inspected(target: Target, wait_s: float, sample: Sample | None) -> list[Verdict]:
    history = History(given_up=target.given_up)
    async with as_operator(target) as bus:
        with _helper(await bus.last_sequence()) as helper:
            readings = Readings(history, Proofs(target.trust), helper)
            view = follow(bus, readings)
            deadline = time.monotonic() + wait_s
            outstanding = await following(view, _quiet(bus, view, readings, history, target, deadline))
            wanted = references(history)
            store = KeyValuePayloads(bus)
            judged, rows, failures, decided, invoiced = await asyncio.gather(
                asyncio.to_thread(judge, history, outstanding, target.book, _published(target)),
                _rows(target, history, deadline),
                unreadable(store, wanted),
                decisions_recompute(history, store, sample, helper=helper),
                invoices_recompute(bus, history.invoices, store, target.book),
            )
    verdicts = [*judged, one_truth(history, rows)]
    by_name = {verdict.invariant: verdict for verdict in verdicts}
    contents_are_kept(by_name["I1"], wanted, failures)
    for number, text in invoiced.faults:
        by_name["I2"].add(number, text)
    if recomputed := sum(isinstance(it, InvoiceIssued) for it in history.invoices):
        by_name["I2"].notes.append(f"{recomputed} invoices were computed again")
    if invoiced.other_terms:
        text = "were only checked to balance: the price book has changed since, and gives others"
        by_name["I2"].notes.append(f"lines of agreements on {len(invoiced.other_terms)} invoices {text}")
    walls = by_name["I3"]
    for intruder in intruders(target.credentials):
        for trespass in await trespasses(target.bus_url, intruder):
            walls.add(f"{intruder.tenant}/{intruder.user}", f"the server let it {trespass}")
    if history.knows_tenants:
        for login in logins(target.credentials):
            known = history.directory.user(login.tenant, public_key(login.seed))
            if known is None and await is_admitted(target.bus_url, login):
                walls.add(f"{login.tenant}/{login.user}", "the server admits a key that no fact grants")
    return [*verdicts, decided, isolation_holds(history)]


def _published(target: Target) -> Root | None:
    """What the public files sign; None if it does not verify, because the service writes damaged files again."""
    found = Proofs(target.trust).head(target.published) if target.published else None
    return found if isinstance(found, Root) else None


def judge(history: History, outstanding: Outstanding, book: PriceBook, published: Root | None = None) -> list[Verdict]:
    """Judge the log, one verdict for each invariant that needs nothing else but what was published of it."""
    return [
        nothing_lost(history, outstanding),
        money_adds_up(history, book, outstanding),
        walls_hold(history),
        proven(history, outstanding, published),
    ]


def _helper(messages: int) -> AbstractContextManager[Helper]:
    """What computes with this process: a second one, if the log is long enough for its start to pay."""
    return nullcontext(Helper()) if messages < _LONG else second_process()


async def _quiet(
    bus: Bus, view: View, readings: Readings, history: History, target: Target, deadline: float
) -> Outstanding:
    """Wait until no work is left, or until the deadline; then read to the end of `LOG`."""
    await _moving(view, view.caught_up.wait())
    await readings.finish()
    while True:
        overdue = time.monotonic() > deadline
        try:
            outstanding = await bus.outstanding(history.undecided(), history.unplaced())
            history.end = last = await bus.last_sequence()
            await _moving(view, view.reached(last))
            await readings.finish()
            idle = not history.unfinished() and not any(outstanding.pending.values())
            if overdue or (idle and await target.warehouse.last_sequence() >= last):
                return outstanding
        except Unavailable:
            if overdue:
                raise
        await asyncio.sleep(_PAUSE_S)


async def _rows(target: Target, history: History, deadline: float) -> Rows:
    """Read the warehouse; until the deadline, wait for damaged or missing rows: telemetry fills them again."""
    while True:
        overdue = time.monotonic() > deadline
        try:
            rows = await target.warehouse.rows()
            if overdue or len(rows.sequences) >= len(history.sequences):
                return rows
        except Unavailable as error:
            if overdue:
                raise Unavailable(
                    f"{error}; damaged parts are set aside and filled again from LOG: try again in a minute, or run "
                    "`qb warehouse rebuild`"
                ) from error
        await asyncio.sleep(_LOOK_S)


async def _moving(view: View, work: Coroutine[None, None, object]) -> None:
    """Wait for `work` while the view makes progress."""
    waiting = asyncio.get_running_loop().create_task(work)
    try:
        while not waiting.done():
            before = view.position
            await asyncio.wait({waiting}, timeout=_STANDSTILL_S)
            if not waiting.done() and view.position == before:
                why = f": {view.trouble}" if view.trouble else ""
                raise Unavailable(f"LOG cannot be read beyond sequence {before}{why}; see `qb doctor`")
    finally:
        waiting.cancel()
    await waiting


async def following(view: View, work: Coroutine[None, None, _T]) -> _T:
    """Do `work` while the view follows the log; an error of the view ends it."""
    loop = asyncio.get_running_loop()
    reading, working = loop.create_task(view.run()), loop.create_task(work)
    try:
        await asyncio.wait({reading, working}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await reading
        return await working
    finally:
        reading.cancel()
        working.cancel()
        await asyncio.gather(reading, working, return_exceptions=True)


def as_operator(target: Target) -> AbstractAsyncContextManager[Bus]:
    """A connection as the operator to the bus of a stack."""
    return operator_bus(target.bus_url, target.operator_seed)


@asynccontextmanager
async def operator_bus(url: str, seed: str) -> AsyncIterator[Bus]:
    """A connection as the operator, which reconnects after a restart of the server.

    Raises:
        Unavailable: the server does not answer.
    """
    try:
        client = await connect(
            url,
            nkeys_seed_str=seed,
            inbox_prefix=inbox_of("operator").encode(),
            connect_timeout=5,
            allow_reconnect=True,
            max_reconnect_attempts=50,
            reconnect_time_wait=0.2,
            error_cb=_quietly,
        )
    except (NatsError, OSError, TimeoutError) as error:
        raise Unavailable(f"nats-server at {url} does not answer: {error!r}") from error
    try:
        yield Bus(client)
    finally:
        await client.close()


async def _quietly(error: Exception) -> None:
    """Ignore errors here: each request raises its own."""
    del error
