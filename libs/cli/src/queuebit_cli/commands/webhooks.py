"""`qb webhooks listen`: events as signed requests to a URL of one's own, without an endpoint at the gateway."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from queuebit_cli.connecting import client_of
from queuebit_cli.output import Output
from queuebit_kernel import SystemClock
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit.events import LoggedEvent

__all__ = ["listen"]

_WHOLE_S: Final = 10.0


def listen(args: Namespace, out: Output) -> Exit:
    """Send the events of the tenant's jobs to a URL until Ctrl-C: each once, without retries."""
    from queuebit_contracts.webhook import secret_of, secret_text

    target = _target(args.forward_to)

    async def forward() -> None:
        async with client_of(args) as client:
            secret = secret_of(client.credential.seed.encode(), "listen")
            out.aside(f"following events of {client.credential.tenant}; Ctrl-C ends it")
            out.document({"tenant": client.credential.tenant, "secret": secret_text(secret)})
            out.say(f"secret, the same each time: {secret_text(secret)}")
            async for logged in client.events():
                if not args.types or f"job.{logged.name}" in args.types:
                    _show(logged, await asyncio.to_thread(_send, target, logged, secret), out)

    with suppress(KeyboardInterrupt):  # the only way to end it
        asyncio.run(forward())
    return Exit.DONE


def _target(url: str) -> SplitResult:
    """The parts of a URL; raises `Stop` if it is none."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isascii():
            return parts
    raise Stop(Exit.USAGE, f"{url!r} is no URL: write it like http://127.0.0.1:8000/hook")


def _send(target: SplitResult, logged: LoggedEvent, secret: bytes) -> int | str:
    """Send an event; return the status of the answer, or why there is none."""
    from queuebit.events import UnknownEvent
    from queuebit_contracts.webhook import message_id, signed_headers

    body = logged.event.raw if isinstance(logged.event, UnknownEvent) else logged.event.to_bytes()
    headers = signed_headers(message_id(logged.sequence, body), int(SystemClock().now().timestamp()), body, [secret])
    try:
        return _post(target, headers, body)
    except (OSError, HTTPException) as error:
        return str(error) or repr(error)


def _post(target: SplitResult, headers: Mapping[str, str], body: bytes) -> int:
    kind = HTTPSConnection if target.scheme == "https" else HTTPConnection
    connection = kind(str(target.hostname), target.port, timeout=_WHOLE_S)
    try:
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        connection.request("POST", path, body, dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


def _show(logged: LoggedEvent, answer: int | str, out: Output) -> None:
    from queuebit_cli.render_jobs import event_line

    out.document({"sequence": logged.sequence, "job": logged.job, "type": f"job.{logged.name}", "answer": answer})
    out.say(f"{event_line(logged, out)}  -> {answer if isinstance(answer, int) else json.dumps(answer)}")
