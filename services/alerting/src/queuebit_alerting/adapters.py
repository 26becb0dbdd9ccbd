"""The lease in the bucket `ALERTING`, requests to receivers, and the files with their secrets."""

from __future__ import annotations

import base64
import binascii
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from queuebit_alerting.payloads import Request
from queuebit_alerting.ports import BackendState
from queuebit_alerting.sending import Post
from queuebit_contracts.alert_documents import Alerts, Receiver
from queuebit_contracts.query import Answer
from queuebit_contracts.subjects import query
from queuebit_contracts.topology import PLATFORM
from queuebit_contracts.wire import Wire
from queuebit_kernel import Clock, Stale, Unavailable
from queuebit_runtime.addresses import Rules
from queuebit_runtime.bucket import Bucket
from queuebit_runtime.outbound import Outbound, Response
from queuebit_runtime.secrets import read_secret

__all__ = ["Lease", "Scheduler", "SecretFiles", "posts_to"]

_KEY: Final = "leader"
_SAFE: Final = 0.8
"""The part of the lease for which a process relies on its last heartbeat; others wait for all of it."""

_WHOLE_S: Final = 10.0
"""How long a request may take."""

_logger = logging.getLogger(__name__)


class _Heartbeat(Wire):
    owner: str = ""
    """The process; empty if it ended in order."""
    name: str = ""
    beats: int = 0


class Lease:
    """Whether this process leads. Times are measured by the own clock alone, from when a heartbeat was seen.

    So a jump of a clock neither ends nor lengthens a lease (ADR 0054 has the same for webhooks).
    """

    def __init__(self, bucket: Bucket, name: str, lease_s: float, clock: Clock) -> None:
        self._bucket = bucket
        self._name = name
        self._lease_s = lease_s
        self._clock = clock
        self._owner = secrets.token_hex(8)
        self._beats = 0
        self._valid_until = float("-inf")
        self._seen: tuple[int, float] = (-1, 0.0)
        """The revision of another's heartbeat, and until when it counts."""
        self._is_first = True
        self.every_s = lease_s / 5
        """How often `renew` is due."""

    @property
    def leads(self) -> bool:
        """Whether this process may evaluate and notify now."""
        return self._clock.monotonic() < self._valid_until

    async def renew(self) -> None:
        """Write a heartbeat if this process leads, or if no other does; without the bucket the lease ends in time."""
        try:
            await self._renew()
        except Unavailable as error:
            _logger.warning("the lease of alerting cannot be renewed: %s", error)
        except Stale:  # another process was first; the next look shows its heartbeat
            self._valid_until = float("-inf")

    async def leave(self) -> None:
        """End the lease, so that another process leads at once."""
        if self.leads:
            self._valid_until = float("-inf")
            try:
                entry = await self._bucket.newest(_KEY)
                if _read(entry.body).owner == self._owner:
                    await self._bucket.write(_KEY, b"", entry.revision)
            except (Unavailable, Stale):  # it ends by itself
                return

    async def _renew(self) -> None:
        begun = self._clock.monotonic()
        entry = await self._bucket.newest(_KEY)
        other = _read(entry.body)
        is_former, self._is_first = self._is_first and other.name == self._name, False
        if other.owner not in ("", self._owner) and not is_former:
            self._valid_until = float("-inf")
            if self._seen[0] != entry.revision:
                self._seen = (entry.revision, begun + self._lease_s)
            if begun < self._seen[1]:
                return
        self._beats += 1
        mine = _Heartbeat(owner=self._owner, name=self._name, beats=self._beats)
        await self._bucket.write(_KEY, mine.model_dump_json().encode(), entry.revision)
        self._valid_until = begun + _SAFE * self._lease_s


def _read(body: bytes) -> _Heartbeat:
    try:
        return _Heartbeat.model_validate_json(body) if body else _Heartbeat()
    except ValidationError:
        return _Heartbeat()


def posts_to(documents: Alerts) -> Post:
    """Sends requests to the receivers of a document, and to no other host.

    The operator names them, so that they may have private addresses and plain `http`.
    """
    hosts = {urlsplit(it.address).hostname or "" for it in documents.receiver.values()}
    outbound = Outbound(Rules("the document `alerts`", hosts, hosts), _WHOLE_S)

    async def post(request: Request) -> Response:
        return await outbound.send("POST", request.url, request.headers, request.body)

    return post


class SecretFiles:
    """Secrets in a folder of the home; read for each try, so that a replaced file is in force at once."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def of(self, receiver: Receiver) -> bytes | None:
        """The secret of a receiver; None if it names none. Raises `ValueError` as its port says."""
        if receiver.secret is None:
            return None
        if self._folder is None:
            raise ValueError("there is no folder for secrets: set QUEUEBIT_ALERTING_SECRETS")
        path = self._folder / receiver.secret
        try:
            text = read_secret(path)
        except OSError as error:
            raise ValueError(f"the secret {path} cannot be read: {error.strerror}") from error
        if receiver.kind == "pagerduty":
            return text.encode()
        try:
            return base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except binascii.Error as error:
            raise ValueError(f"{path} is no secret of Standard Webhooks: write whsec_ and base64") from error


class Scheduler:
    """Asks the scheduler over the bus which backends answer."""

    def __init__(self, request: Callable[[str, bytes, float], Awaitable[bytes]]) -> None:
        self._request = request

    async def backends(self) -> Sequence[BackendState]:
        """All backends that promised to answer.

        Raises:
            Unavailable: it does not answer, or with something else.
        """
        reply = await self._request(query("liveness", PLATFORM), b"{}", _LIVENESS_S)
        try:
            answer = Answer.model_validate_json(reply)
            states = _STATES.validate_python(answer.rows)
        except ValidationError as error:
            raise Unavailable(f"the scheduler answers with something else: {error}") from error
        if answer.error is not None:
            raise Unavailable(f"the scheduler does not say which backends answer: {answer.error.text}")
        return states


_LIVENESS_S: Final = 3.0
_STATES: Final = TypeAdapter(tuple[BackendState, ...])
