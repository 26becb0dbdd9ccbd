"""Relays what users sign to the intake, and says in the words of HTTP what the log answers."""

from __future__ import annotations

import json

from queuebit.errors import QueuebitError, Refused
from queuebit.payloads import Payloads
from queuebit.programs import asks_for_results
from queuebit.transport import Transport
from queuebit_contracts.intake import ERR_INSIDE_EVENT, ERR_MALFORMED, ERR_OTHER_CONTENT, ERR_PROTECTED, ERR_TOO_FAST
from queuebit_contracts.program import PROGRAM, Item, Program
from queuebit_contracts.wire import INLINE_LIMIT, Payload
from queuebit_gateway.problems import Problem
from queuebit_kernel import digest
from queuebit_planning.languages import media_type_of
from queuebit_planning.limits import MAX_SOURCE_BYTES
from queuebit_runtime.payloads import describe
from queuebit_runtime.server_errors import WRONG_LAST_SEQUENCE

__all__ = ["Relay", "reference_of", "require_size"]


class Relay:
    """Writes for tenants' users. The intake guards every write, and the broker checks every signature."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def event(self, subject: str, body: bytes) -> int | None:
        """Relay an event and return its sequence; None if its history has begun already.

        Raises:
            Problem: it breaks its contract, its tenant is too fast, or nothing confirmed it.
        """
        answer = json.loads((await self._transport.request(subject, body)).body)
        if (error := answer.get("error")) is None:
            return int(answer["seq"])
        if error.get("err_code") == WRONG_LAST_SEQUENCE:
            return None
        raise _refused(error)

    async def payload(self, tenant: str, payload: Payload, content: bytes) -> None:
        """Store the content of a reference that does not include it.

        Raises:
            Problem: it is not the content of the reference.
        """
        require_size(content)
        if digest(content) != payload.digest or len(content) != payload.size:
            raise Problem(422, "other_content", f"the content is {digest(content)}, not {payload.digest}")
        try:
            await Payloads(self._transport, tenant).keep(payload, content)
        except Refused as error:
            (reason,) = error.reasons
            raise Problem(422, reason.code, reason.text) from error
        except QueuebitError as error:
            raise Problem(503, "unavailable", "the payload was not stored: send it again", retry_after_s=1) from error


def reference_of(circuit: str | Payload) -> tuple[Payload, bytes | None]:
    """The reference of a circuit, and its content if that has to be stored: the reference does not include it.

    A source that asks for results by pragmas is a program of one item.

    Raises:
        Problem: it is too large.
    """
    if isinstance(circuit, Payload):
        return circuit, None
    content = circuit.encode()
    require_size(content)
    payload = describe(content, media_type_of(content))
    if asks_for_results(content):
        if payload.inline is None:
            text = f"a circuit of {len(content):,} bytes asks for results by pragmas: it may have {INLINE_LIMIT:,}"
            raise Problem(413, "payload_too_large", text, "store it, and send a program that refers to it")
        content = Program(circuits=(payload,), items=(Item(),)).content()
        payload = describe(content, PROGRAM)
    return payload, content if payload.inline is None else None


def require_size(content: bytes) -> None:
    """Raise a problem if content is larger than any payload may be."""
    if len(content) > MAX_SOURCE_BYTES:
        raise Problem(
            413, "payload_too_large", f"a payload of {len(content):,} bytes: at most {MAX_SOURCE_BYTES:,} are allowed"
        )


def _refused(error: dict[str, object]) -> Problem:
    text = str(error.get("description", ""))
    match error.get("err_code"):
        case code if code == ERR_TOO_FAST:
            return Problem(429, "too_fast", text, "wait a second, then send the same again", retry_after_s=1)
        case code if code == ERR_MALFORMED:
            return Problem(422, "malformed", text)
        case code if code == ERR_OTHER_CONTENT:
            return Problem(409, "other_content", text)
        case code if code == ERR_PROTECTED:
            return Problem(422, "protected_data", text)
        case code if code == ERR_INSIDE_EVENT:
            return Problem(422, "inside_event", text)
    return Problem(503, "not_stored", "the log did not store it", "send the same again", retry_after_s=1)
