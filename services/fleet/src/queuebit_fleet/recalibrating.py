"""Asks the operator's own system to calibrate backends: by a signed webhook, once for each cause, with pauses.

The request is repeated until it is accepted, until it is given up, or until a calibration came. What became of it is a
fact. While the log does not take the fact, the fact is tried again, and not the request. A process that ends before it
appended the fact asks again, under the same `webhook-id`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from queuebit_contracts.fleet import BackendRecalibrationAsked, Recalibration
from queuebit_contracts.subjects import backend as backend_history
from queuebit_contracts.webhook import signed_headers
from queuebit_contracts.wire import Event, Reason
from queuebit_fleet.policy import calibration_wanted
from queuebit_fleet.state import Fleet, KnownBackend
from queuebit_isolation import RecalibrationHook
from queuebit_kernel import Clock, Stale, Unavailable, event_id, rfc3339
from queuebit_runtime.log import EventLog
from queuebit_runtime.retries import next_try_s

__all__ = ["PAUSES_S", "AskForCalibration", "Post"]

_log = logging.getLogger(__name__)

PAUSES_S: Final = (0, 5, 30, 120, 600, 1_800, 3_600)
"""The pause before each try, in seconds: seven tries in an hour and three quarters."""

_LOOK_S: Final = 1.0

_STORE_S: Final = (0.5, 1, 2, 5, 10, 30)
"""The pause after each time that the log did not take a fact; the last one repeats."""

Post = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""Posts a body with headers to a URL, and returns the status; raises `OSError` or `ValueError`."""


class _Answer(NamedTuple):
    status: int | None
    error: str
    """For the log of this process; empty if the request was accepted."""
    shown: str
    """For the fact, which tenants can read: without addresses and paths of the operator."""


class AskForCalibration:
    """Looks every second; each backend has a task of its own, so that one that waits delays no other."""

    def __init__(
        self,
        fleet: Fleet,
        hook: RecalibrationHook,
        log: EventLog,
        post: Post,
        secret: Callable[[], bytes | None],
        clock: Clock,
        pauses: Sequence[float] = PAUSES_S,
        store_pauses: Sequence[float] = _STORE_S,
    ) -> None:
        """Prepare; `secret` reads what signs, or raises `OSError` or `ValueError`."""
        self._fleet = fleet
        self._hook = hook
        self._log = log
        self._post = post
        self._secret = secret
        self._clock = clock
        self._pauses = pauses
        self._store_pauses = store_pauses
        self._done: set[tuple[str, str, datetime]] = set()
        """The causes, by backend, whose fact was appended; the view may not have shown it yet."""

    async def run(self) -> None:
        """Work until cancelled."""
        busy: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for known in [*self._fleet.backends.values()]:
                    task = busy.get(known.backend)
                    if self._wanted(known) is not None and (task is None or task.done()):
                        if task is not None:
                            task.result()
                        busy[known.backend] = asyncio.ensure_future(self.ask(known))
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in busy.values():
                task.cancel()
            await asyncio.gather(*busy.values(), return_exceptions=True)

    async def ask(self, known: KnownBackend) -> None:
        """Ask for the calibration of one backend, if it should have one, and append what became of it."""
        if (wanted := self._wanted(known)) is None:
            return
        tries = 0
        while True:
            tries += 1
            answer = await self._try(known.backend, *wanted)
            pause = next_try_s(tries, random.random(), None, self._pauses) if answer.error else None
            if pause is None:
                await self._record(known.backend, *wanted, tries, answer)
                return
            _log.warning("the calibration of %s is asked for again in %.0f s: %s", known.backend, pause, answer.error)
            await asyncio.sleep(pause)
            again = self._wanted(known)
            if again is None or _cause(*again) != _cause(*wanted):
                if wanted[0].code == "window" and not known.calibrated_since(wanted[1]):
                    await self._record(known.backend, *wanted, tries, answer)
                return  # a calibration came, or the window is over

    def _wanted(self, known: KnownBackend) -> tuple[Reason, datetime] | None:
        if not self._hook.calibrates(known.backend):
            return None
        wanted = calibration_wanted(known, self._clock.now())
        return None if wanted is None or (known.backend, *_cause(*wanted)) in self._done else wanted

    async def _try(self, backend: str, reason: Reason, since: datetime) -> _Answer:
        now, identifier = self._clock.now(), event_id("recalibration", backend, reason.code, rfc3339(since))
        data = {"backend": backend, "reason": {"code": reason.code, "text": reason.text}, "since": rfc3339(since)}
        document = {"type": "backend.recalibration_asked", "timestamp": rfc3339(now), "data": data}
        body = json.dumps(document, separators=(",", ":")).encode()
        try:
            secret = self._secret()
        except (OSError, ValueError) as error:
            return _Answer(None, str(error) or repr(error), "its secret cannot be read: the log of fleet says why")
        try:
            signed = signed_headers(identifier, int(now.timestamp()), body, [] if secret is None else [secret])
            headers = {name: value for name, value in signed.items() if value}
            status = await self._post(self._hook.url, {**headers, "content-type": "application/json"}, body)
        except (OSError, ValueError) as error:
            return _Answer(None, str(error) or repr(error), "it cannot be reached: the log of fleet says why")
        text = "" if 200 <= status < 300 else f"it answered with {status}"
        return _Answer(status, text, text)

    async def _record(self, backend: str, reason: Reason, since: datetime, tries: int, answer: _Answer) -> None:
        data = Recalibration(
            backend=backend,
            reason=reason,
            since=since,
            at=self._clock.now(),
            outcome="given_up" if answer.error else "accepted",
            tries=tries,
            status=answer.status,
            error=answer.shown or None,
        )
        name = event_id("recalibration", backend, reason.code, rfc3339(since), "asked")
        fact = BackendRecalibrationAsked(id=name, source="qb/fleet", data=data)
        for number in itertools.count():
            try:
                newest = await self._log.last(backend_history(backend).event("recalibration_asked"))
                if newest is not None and isinstance(newest.event, Event) and newest.event.id == fact.id:
                    break  # another process, or a try whose answer was lost
                await self._log.append(fact, after=newest.sequence if newest else 0)
                break
            except (Stale, Unavailable) as fault:
                _log.warning("that the calibration of %s was asked for is not stored yet: %s", backend, fault)
                await asyncio.sleep(self._store_pauses[min(number, len(self._store_pauses) - 1)])
        self._done.add((backend, *_cause(reason, since)))
        why = answer.error or reason.text
        _log.warning("the calibration of %s was asked for: %s, %s", backend, data.outcome, why)


def _cause(reason: Reason, since: datetime) -> tuple[str, datetime]:
    """What a request is for; the text of a reason may change meanwhile."""
    return reason.code, since
