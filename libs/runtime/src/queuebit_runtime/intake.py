"""The intake: validates and forwards tenants' messages to the streams, with a rate limit for each tenant.

nats-server limits neither the publishing rate of an account nor the headers it sends. Therefore tenants do not publish
to streams: the intake does, after reading the message, and returns the stream's answer. It stores nothing: a client
repeats a message that is not confirmed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import orjson

from queuebit_contracts import subjects
from queuebit_contracts.catalog import decode
from queuebit_contracts.command import CancelJob
from queuebit_contracts.hybrid import HybridSubmitted
from queuebit_contracts.intake import (
    ARRIVALS,
    ERR_INSIDE_EVENT,
    ERR_MALFORMED,
    ERR_OTHER_CONTENT,
    ERR_PROTECTED,
    ERR_TOO_FAST,
    author_of,
    destination_of,
)
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.subjects import Address, parse
from queuebit_contracts.topology import LOG
from queuebit_kernel import InvalidId, Malformed, Unavailable, digest, event_id
from queuebit_planning.limits import MAX_SOURCE_BYTES
from queuebit_runtime.connection import Client, Connected, Msg, NatsError
from queuebit_runtime.guards import expecting
from queuebit_runtime.harden import listen
from queuebit_runtime.payloads import CHUNK
from queuebit_runtime.received import Received
from queuebit_runtime.requests import Requests
from queuebit_runtime.server_errors import WRONG_LAST_SEQUENCE
from queuebit_runtime.tasks import Tasks
from queuebit_runtime.trace_context import traceparent_in

__all__ = ["Erasable", "Intake", "Pace", "Refused", "Screen", "Undecided", "Write", "read_write"]

_log = logging.getLogger(__name__)

_STREAM_S = 5.0
"""The time limit for a stream's confirmation."""

_MAX_WAIT_S = 2.0
"""The longest delay by the rate limit: shorter than the client's timeout."""

_UNDECIDED = 1000
"""The most undecided submissions of a tenant; further ones are refused, so that they delay no other tenant."""

_FORGOTTEN_S = 60.0
"""After this time an undecided submission no longer counts: it waits for a backend, or is a dead letter."""

_REFUSALS_PER_S = 50
"""The most concurrent refusals sent to a tenant; further messages are dropped, which costs far less."""

_PIECE = 4096
"""The size that counts as one message."""

_OTHER_CONTENT = "other content is stored under this digest: change a comment of the circuit and submit it again"

_INSIDE_EVENT = (
    "tenant {} has no contents inside events, so that all can be erased: store the content, and send its reference "
    "without the text; a newer client does this by itself"
)

_MAX_WHOLE = 2**53 - 1
"""Larger whole numbers have no canonical form, so they cannot be signed, and some readers take them for floats."""

_PAYLOADS = "$KV.PAYLOADS."
_CHUNK_NAME = re.compile(r"\$KV\.PAYLOADS\.[^.]+\.([0-9a-f]{64})\.(0|[1-9][0-9]?)")
_Sent = TypeVar("_Sent", JobSubmitted, HybridSubmitted, CancelJob)
_CHUNKS = -(-MAX_SOURCE_BYTES // CHUNK)


class Pace:
    """The rate limit of each tenant: a number of messages per second, with a burst of twice as many."""

    def __init__(self, per_s: int) -> None:
        self._cost_s = 1 / per_s
        self._until: dict[str, float] = {}
        """By tenant: the time at which its messages so far are worked off at its rate."""

    def wait(self, tenant: str, size: int, now: float) -> float | None:
        """The delay in seconds of a message of `size` bytes; None if it is too long, so the message is refused."""
        until = max(self._until.get(tenant, now), now)
        wait = max(until - now - 2.0, 0.0)
        if wait > _MAX_WAIT_S:
            return None
        self._until[tenant] = until + (1 + size // _PIECE) * self._cost_s
        return wait


class Undecided:
    """Undecided submissions by tenant.

    The log delivers submissions in order: without a limit, those of one tenant would delay those of all others.
    """

    def __init__(self, most: int = _UNDECIDED) -> None:
        self._most = most
        self._waiting: dict[str, dict[str, tuple[float, int]]] = {}
        """By tenant and job: the time of admission, and the number of messages that may still be stored."""

    def enter(self, tenant: str, job: str, now: float) -> bool:
        """Admit a submission, unless too many others of its tenant wait."""
        waiting = self._waiting.setdefault(tenant, {})
        while waiting and len(waiting) >= self._most and next(iter(waiting.values()))[0] < now - _FORGOTTEN_S:
            del waiting[next(iter(waiting))]
        if len(waiting) >= self._most and job not in waiting:
            return False
        since, messages = waiting.get(job, (now, 0))
        waiting[job] = since, messages + 1
        return True

    def withdraw(self, tenant: str, job: str) -> None:
        """A message of a job was not stored; the job counts while another message may still be stored."""
        since, messages = self._waiting.get(tenant, {}).get(job, (0.0, 0))
        if messages > 1:
            self._waiting[tenant][job] = since, messages - 1
        else:
            self.leave(tenant, job)

    def leave(self, tenant: str, job: str) -> None:
        """Remove a decided job."""
        if waiting := self._waiting.get(tenant):
            waiting.pop(job, None)
            if not waiting:
                del self._waiting[tenant]


@dataclass(frozen=True, slots=True)
class Write:
    """A message for a stream."""

    subject: str
    body: bytes
    headers: dict[str, str]
    event: JobSubmitted | HybridSubmitted | CancelJob | None = None
    """What it says; None: it is a chunk of a payload."""


Screen = Callable[[str, Write], Awaitable[str | None]]
"""Says why data protection refuses a message of a tenant, without what it found; None: it does not."""


Erasable = Callable[[str], bool]
"""Says whether contents of a tenant are never inside events, so that all can be erased."""


Refused = Callable[[Msg, str], None]
"""Takes a message that is refused, and the code of the reason."""


def _not_counted(message: Msg, code: str) -> None:
    del message, code


async def _no_screen(tenant: str, write: Write) -> str | None:
    del tenant, write
    return None


def _never(tenant: str) -> bool:
    del tenant
    return False


def read_write(arrived: str, body: bytes, traceparent: str | None = None) -> Write:
    """The message to write for an incoming message.

    A submission needs a job without history, a chunk of a payload needs an empty subject: no user can submit a
    started job again, or overwrite a payload. Of the sender's headers only the trace is kept.

    Raises:
        Malformed: the message breaks its contract.
    """
    try:
        subject = destination_of(arrived)
    except ValueError as error:
        raise Malformed(str(error)) from error
    headers = {} if traceparent is None else {"traceparent": traceparent}
    event: JobSubmitted | HybridSubmitted | CancelJob
    match parse(subject):
        case Address("job", tenant, job, "submitted", ()):
            _require_sizes(event := _require(body, JobSubmitted))
            headers |= expecting(0, _history(subjects.job, tenant, job).everything)
        case Address("hybrid", tenant, hybrid, "submitted", ()):
            _require_whole(event := _require(body, HybridSubmitted))
            headers |= expecting(0, _history(subjects.hybrid, tenant, hybrid).everything)
        case Address("command", tenant, job, "cancel", ()):
            _history(subjects.command, tenant, job)
            event = _require(body, CancelJob)
            headers["Nats-Msg-Id"] = event_id(tenant, event.id)
        case Address("") if subject.startswith(_PAYLOADS):
            _require_chunk(subject, body)
            return Write(subject, body, {**headers, **expecting(0), "Nats-Expected-Stream": "KV_PAYLOADS"})
        case _:
            raise Malformed(f"tenants may not write to {subject}")
    return Write(subject, body, {**headers, "Nats-Expected-Stream": LOG}, event)


def _require(body: bytes, kind: type[_Sent]) -> _Sent:
    event = decode(body)
    if not isinstance(event, kind):
        raise Malformed(f"an event {event.type} was sent where {kind.__name__} belongs")
    return event


def _require_sizes(submission: JobSubmitted) -> None:
    asked = submission.data
    if max(abs(asked.shots), asked.circuit.size) > _MAX_WHOLE:
        raise Malformed(f"data.shots and data.circuit.size may be at most {_MAX_WHOLE:,}: no larger number is signed")


def _require_whole(submission: HybridSubmitted) -> None:
    asked = submission.data
    if max(abs(asked.max_time_s), abs(asked.retries or 0), asked.file.size) > _MAX_WHOLE:
        raise Malformed(f"numbers of data may be at most {_MAX_WHOLE:,}: no larger number is signed")


def _history(of: Callable[[str, str], subjects.Aggregate], tenant: str, id_: str) -> subjects.Aggregate:
    try:
        return of(tenant, id_)
    except InvalidId as error:
        raise Malformed(str(error)) from error


def _require_chunk(subject: str, chunk: bytes) -> None:
    named = _CHUNK_NAME.fullmatch(subject)
    if named is None or int(named[2]) >= _CHUNKS or len(chunk) > CHUNK:
        raise Malformed(
            f"a payload is stored in chunks of {CHUNK:,} bytes under its SHA-256 and a number from 0 to {_CHUNKS - 1}"
        )
    if named[2] == "0" and len(chunk) < CHUNK and digest(chunk) != f"sha256:{named[1]}":
        raise Malformed("the content does not match its name, the SHA-256")


class Intake:
    """Forwards tenants' messages. Processes of one service share the messages; each has its own rate limit."""

    def __init__(
        self,
        service: str,
        tasks: Tasks,
        pace: Pace,
        undecided: Undecided,
        screen: Screen = _no_screen,
        refused: Refused = _not_counted,
        erasable: Erasable = _never,
    ) -> None:
        self._service = service
        self._tasks = tasks
        self._pace = pace
        self._undecided = undecided
        self._screen = screen
        self._refused = refused
        self._erasable = erasable
        self._refusals = Pace(_REFUSALS_PER_S)

    async def listen(self, client: Client) -> None:
        """Start to forward."""

        requests = Requests(Connected(client), _STREAM_S)

        def on_message(message: Received) -> None:
            tenant, now = author_of(message.subject), asyncio.get_running_loop().time()
            wait, job = self._pace.wait(tenant, len(message.data), now), _submitted(message.subject)
            if wait is not None and (not job or self._undecided.enter(tenant, job, now)):
                self._tasks.spawn(self._forward(requests, message, wait), "intake")
            elif message.reply and self._refusals.wait(tenant, 0, now) == 0.0:
                self._refused(message, "too_fast")
                refusal = _refusal(429, ERR_TOO_FAST, f"tenant {tenant} exceeds its rate: wait a second")
                self._tasks.spawn(_answer(message, refusal), "intake")

        await listen(client, ARRIVALS, on_message, queue=self._service)

    async def _forward(self, requests: Requests, message: Received, wait_s: float) -> None:
        try:
            write = read_write(message.subject, message.data, traceparent_in(message.headers))
            if wait_s:
                await asyncio.sleep(wait_s)
            tenant = author_of(message.subject)
            if _has_content(write) and self._erasable(tenant):
                self._refused(message, "inside_event")
                answer = _refusal(400, ERR_INSIDE_EVENT, _INSIDE_EVENT.format(tenant))
            elif (why := await self._screen(tenant, write)) is not None:
                self._refused(message, "protected_data")
                answer = _refusal(403, ERR_PROTECTED, why)
            else:
                answer = await _written(requests, write)
        except Malformed as error:
            self._refused(message, "malformed")
            answer = _refusal(400, ERR_MALFORMED, str(error))
        except Unavailable as error:
            _log.warning("%s was not confirmed: %r", message.subject, error)
            return  # without an answer the client sends it again
        if (job := _submitted(message.subject)) and _error_code(answer):
            self._undecided.withdraw(author_of(message.subject), job)
        await _answer(message, answer)


async def _written(requests: Requests, write: Write) -> bytes:
    """The answer of the stream."""
    answer = (await requests.ask(write.subject, write.body, write.headers)).data
    if write.subject.startswith("$KV.") and _error_code(answer) == WRONG_LAST_SEQUENCE:
        return await _compared(requests, write)
    return answer


async def _compared(requests: Requests, write: Write) -> bytes:
    """The answer for a chunk that is stored already: the same content counts as written."""
    stored = await requests.ask(f"$JS.API.DIRECT.GET.KV_PAYLOADS.{write.subject}")
    if stored.status is not None:
        raise Unavailable("a replica of the payload store lags")
    sequence = int((stored.headers or {})["Nats-Sequence"])
    if not stored.data:  # it was erased, and is submitted again
        return (await requests.ask(write.subject, write.body, {**write.headers, **expecting(sequence)})).data
    if stored.data == write.body:
        return json.dumps({"stream": "KV_PAYLOADS", "seq": sequence, "duplicate": True}).encode()
    return _refusal(400, ERR_OTHER_CONTENT, _OTHER_CONTENT)


def _has_content(write: Write) -> bool:
    """Whether a circuit or a file is inside the event."""
    match write.event:
        case JobSubmitted(data=asked):
            return asked.circuit.inline is not None
        case HybridSubmitted(data=asked):
            return asked.file.inline is not None
        case _:
            return False


def _submitted(arrived: str) -> str:
    """The job of a submission; empty for any other message."""
    try:
        it = parse(destination_of(arrived))
    except ValueError:
        return ""
    return it.id if (it.noun, it.event, it.qualifiers) == ("job", "submitted", ()) else ""


def _error_code(answer: bytes) -> int:
    """The `err_code` of a refusal; 0 for a confirmation."""
    return int(orjson.loads(answer).get("error", {}).get("err_code", 0))


async def _answer(message: Msg, body: bytes) -> None:
    if message.reply:
        with suppress(NatsError):  # the client sends it again
            await message.respond(body)


def _refusal(code: int, err_code: int, text: str) -> bytes:
    """An error in the form of a stream's answer."""
    return json.dumps(
        {"error": {"code": code, "err_code": err_code, "description": " ".join(text.split())[:500]}}
    ).encode()
