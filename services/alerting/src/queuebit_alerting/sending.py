"""Sends notifications. Each receiver has a task of its own: one that hangs or fails delays no other.

A notification is decided before it is sent, and its id follows from the decision: a repeat after a crash has the same
id, so that a receiver that honours it is never notified twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets as tokens
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from queuebit_alerting.handlers import SOURCE
from queuebit_alerting.payloads import Request, items_of, request_of, test_request
from queuebit_alerting.ports import Follows
from queuebit_alerting.state import Book
from queuebit_contracts.alert_documents import Alerts, Receiver
from queuebit_contracts.alert_requests import TestOutcome
from queuebit_contracts.alerts import AlertDelivered, Delivery, Notification
from queuebit_kernel import Clock, Stale, Unavailable, event_id
from queuebit_runtime.addresses import BadTarget
from queuebit_runtime.log import EventLog
from queuebit_runtime.outbound import Response
from queuebit_runtime.retries import next_try_s, retry_after_s

__all__ = ["PAUSES_S", "Post", "Secrets", "SendNotifications"]

PAUSES_S: Final = (0, 1, 2, 5, 10, 20, 30, *([60.0] * 60), *([300.0] * 276))
"""The pause before each try, in seconds: for a day."""

_FINAL_TRIES: Final = 3
"""Tries of a request that the receiver calls wrong: another try would not make it right."""
_WORTH_A_TRY: Final = frozenset({408, 425, 429})
_LOOK_S: Final = 0.25

_logger = logging.getLogger(__name__)

Post = Callable[[Request], Awaitable[Response]]
"""Send a request; raises `BadTarget` or `OSError`."""


class Secrets(Protocol):
    """The files that documents name."""

    def of(self, receiver: Receiver) -> bytes | None:
        """The secret of a receiver; None if it needs none.

        Raises:
            ValueError: the file is missing or is no such secret; the text says what to do.
        """
        ...


class SendNotifications:
    """Sends what was decided and is not delivered, oldest first for each receiver."""

    def __init__(
        self,
        log: EventLog,
        book: Book,
        follows: Follows,
        documents: Alerts,
        post: Post,
        secrets: Secrets,
        clock: Clock,
        *,
        leads: Callable[[], bool],
        pauses: Sequence[float] = PAUSES_S,
    ) -> None:
        self._log = log
        self._book = book
        self._follows = follows
        self._receivers: Mapping[str, Receiver] = documents.receiver
        self._post = post
        self._secrets = secrets
        self._clock = clock
        self._leads = leads
        self._pauses = pauses
        self.failing: dict[str, str] = {}
        """Why the last try of a receiver failed; without those whose last try succeeded."""

    async def run(self) -> None:
        """Work until cancelled."""
        busy: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for name in self._waiting() if self._leads() else ():
                    if name not in busy or busy[name].done():
                        if name in busy:
                            busy[name].result()
                        busy[name] = asyncio.ensure_future(self._drain(name))
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in busy.values():
                task.cancel()
            await asyncio.gather(*busy.values(), return_exceptions=True)

    async def test(self, name: str) -> TestOutcome:
        """Send a test message, once."""
        receiver = self._receivers[name]
        try:
            secret = self._secrets.of(receiver)
            request = test_request(receiver, name, secret, self._clock.now(), tokens.token_hex(6))
            status = (await self._post(request)).status
        except (BadTarget, OSError, ValueError) as error:
            return TestOutcome(receiver=name, delivered=False, error=str(error))
        error_text = None if 200 <= status < 300 else f"it answered with {status}"
        return TestOutcome(receiver=name, delivered=error_text is None, status=status, error=error_text)

    def _waiting(self) -> list[str]:
        return list(dict.fromkeys(it.receiver for it in self._book.undelivered.values()))

    async def _drain(self, name: str) -> None:
        """Deliver what waits for one receiver, in the order of the log."""
        while self._leads():
            mine = [it for it in self._book.undelivered.values() if it.receiver == name]
            if not mine:
                return
            delivery = await self._deliver(mine[0])
            if delivery is None:
                return
            await self._record(delivery)

    async def _deliver(self, it: Notification) -> Delivery | None:
        """Try until the receiver accepts, or the tries end; None if this process leads no longer."""
        known = {"group": it.group, "number": it.number, "receiver": it.receiver}
        tries, status, error, asked = 0, None, "", None
        while True:
            tries += 1
            try:
                status, error, asked = await self._try(it)
            except _Unknown as unknown:
                return Delivery(**known, outcome="given_up", tries=tries, error=str(unknown))
            if not error:
                self.failing.pop(it.receiver, None)
                return Delivery(**known, outcome="delivered", tries=tries, status=status)
            if it.receiver not in self.failing:
                _logger.warning("%s was not notified of %s, and is tried again: %s", it.receiver, it.identifier, error)
            self.failing[it.receiver] = error
            is_wrong = status is not None and 400 <= status < 500 and status not in _WORTH_A_TRY
            pause = next_try_s(tries, random.random(), asked, self._pauses)
            if pause is None or (is_wrong and tries >= _FINAL_TRIES):
                return Delivery(**known, outcome="given_up", tries=tries, status=status, error=error)
            await asyncio.sleep(pause)
            if not self._leads():
                return None

    async def _try(self, it: Notification) -> tuple[int | None, str, float | None]:
        """The status, why it failed or '', and how long the receiver asks to wait."""
        receiver = self._receivers.get(it.receiver)
        if receiver is None:
            raise _Unknown(f"there is no receiver {it.receiver} any more")
        now = self._clock.now()
        try:
            secret = self._secrets.of(receiver)
            request = request_of(receiver, it, items_of(it, self._book.alerts), secret, now)
            if request is None:
                return None, "", None
            answer = await self._post(request)
        except (BadTarget, OSError, ValueError) as error:
            return None, str(error) or repr(error), None
        if 200 <= answer.status < 300:
            return answer.status, "", None
        asked = retry_after_s(answer.headers.get("retry-after"), now)
        return answer.status, f"it answered with {answer.status}", asked

    async def _record(self, delivery: Delivery) -> None:
        """Append that it was delivered, however long that takes: meanwhile nothing is sent again."""
        name = event_id("notification", delivery.group, str(delivery.number), "delivered")
        event = AlertDelivered(id=name, source=SOURCE, data=delivery)
        while True:
            try:
                await self._follows.reached(await self._log.append(event, after=0))
                return
            except Stale:  # another process delivered it
                self._book.undelivered.pop((delivery.group, delivery.number), None)
                return
            except Unavailable as error:
                _logger.warning("the delivery of %s_%d is not stored yet: %s", delivery.group, delivery.number, error)
                await asyncio.sleep(1)


class _Unknown(Exception):
    """The documents have no such receiver any more."""
