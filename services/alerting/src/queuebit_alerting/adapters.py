"""Requests to receivers, and the files with their secrets."""

from __future__ import annotations

import base64
import binascii
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
from queuebit_kernel import Unavailable
from queuebit_runtime.addresses import Rules
from queuebit_runtime.outbound import Outbound, Response
from queuebit_runtime.secrets import read_secret

__all__ = ["Scheduler", "SecretFiles", "posts_to"]

_WHOLE_S: Final = 10.0
"""How long a request may take."""


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
