"""Dead letters: what could not be handled, kept whole with its reason."""

from __future__ import annotations

import logging

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import APIError
from nats.js.errors import Error as JetStreamError

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
"""Headers of a dead letter, by what they say."""

_MAX_BODY = 131_072
"""Bytes of a message that are kept with it; `LOG` takes no larger one."""


async def store_dead_letter(client: Client, owner: str, message: Msg, code: str, text: str) -> bool:
    """Keep a copy under `qb.dead.<owner>.<sequence>`; say whether it is kept.

    The same message of the same owner is kept once, however often it is delivered: a view meets it at every start.
    """
    meta = message.metadata
    body = message.data if len(message.data) <= _MAX_BODY else b""
    headers = {
        **_trace(message),
        "Nats-Expected-Last-Subject-Sequence": "0",
        HEADERS["code"]: code,
        HEADERS["text"]: " ".join(text.split())[:1000] + ("" if body else f" ({len(message.data):,} bytes, not kept)"),
        HEADERS["subject"]: message.subject,
        HEADERS["sequence"]: str(meta.sequence.stream),
        HEADERS["deliveries"]: str(meta.num_delivered),
    }
    headers = {name: value.encode(errors="backslashreplace").decode() for name, value in headers.items()}
    try:
        subject = f"qb.dead.{owner}.{meta.sequence.stream}"
        await client.jetstream(timeout=5).publish(subject, body, headers=headers, stream="DEAD")
    except (NatsError, JetStreamError) as error:
        if isinstance(error, APIError) and error.err_code == WRONG_LAST_SEQUENCE:  # it is kept already
            return True
        _log.error("%s could not be buried: %r", message.subject, error)
        return False
    return True


def _trace(message: Msg) -> dict[str, str]:
    """The one header of the sender's that is kept: any other could be one that no client publishes again."""
    traceparent = traceparent_in(message.headers)
    return {} if traceparent is None else {"traceparent": traceparent}
