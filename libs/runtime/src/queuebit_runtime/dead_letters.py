"""Dead letters: messages that could not be handled, stored with the reason."""

from __future__ import annotations

import logging

from queuebit_contracts.subjects import dead
from queuebit_runtime.connection import APIError, Client, JetStreamError, Msg, NatsError
from queuebit_runtime.server_errors import WRONG_LAST_SEQUENCE
from queuebit_runtime.trace_context import traceparent_in

__all__ = ["HEADERS", "store_dead_letter"]

_log = logging.getLogger(__name__)

HEADERS = {
    "code": "Qb-Fault",
    "text": "Qb-Reason",
    "subject": "Qb-Subject",
    "sequence": "Qb-Sequence",
    "deliveries": "Qb-Deliveries",
}
"""Headers of a dead letter, by meaning."""

_MAX_BODY = 131_072
"""The most bytes of the message that are stored; `LOG` accepts no larger one."""


async def store_dead_letter(client: Client, owner: str, message: Msg, code: str, text: str) -> bool:
    """Store a copy under `qb.dead.<owner>.<sequence>`; return whether it is stored.

    The same message of the same owner is stored once: a view reads it again at every start.
    """
    meta = message.metadata
    body = message.data if len(message.data) <= _MAX_BODY else b""
    headers = {
        **_trace(message),
        "Nats-Expected-Last-Subject-Sequence": "0",
        HEADERS["code"]: code,
        HEADERS["text"]: " ".join(text.split())[:1000]
        + ("" if body else f" ({len(message.data):,} bytes, not stored)"),
        HEADERS["subject"]: message.subject,
        HEADERS["sequence"]: str(meta.sequence.stream),
        HEADERS["deliveries"]: str(meta.num_delivered),
    }
    headers = {name: value.encode(errors="backslashreplace").decode() for name, value in headers.items()}
    try:
        subject = dead(owner, meta.sequence.stream)
        await client.jetstream(timeout=5).publish(subject, body, headers=headers, stream="DEAD")
    except (NatsError, JetStreamError) as error:
        if isinstance(error, APIError) and error.err_code == WRONG_LAST_SEQUENCE:  # it is stored already
            return True
        _log.error("the dead letter of %s could not be stored: %r", message.subject, error)
        return False
    return True


def _trace(message: Msg) -> dict[str, str]:
    """The only sender's header that is stored: nats-py might refuse to publish others again."""
    traceparent = traceparent_in(message.headers)
    return {} if traceparent is None else {"traceparent": traceparent}
