"""Asks a process for its health."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass

__all__ = ["Look", "get_json", "look"]


@dataclass(frozen=True, slots=True)
class Look:
    """The observed health of a process."""

    answered: bool = False
    healthy: bool = False
    ready: bool = False
    behind: int = 0
    reason: str = "does not answer"
    leads: bool | None = None
    """Whether it leads among the processes of its service; None if it does not say so."""


def look(port: int, timeout: float = 1.0) -> Look:
    """Ask the process on a loopback port for its health; errors become part of the answer."""
    try:
        status, body = _get(port, "/readyz", timeout)
    except (OSError, ValueError) as error:
        return Look(reason="does not answer" if isinstance(error, ConnectionRefusedError) else f"no answer: {error}")
    try:
        reply = json.loads(body)
    except ValueError:
        reply = {}
    good = status == 200
    if not isinstance(reply, dict) or "ready" not in reply:
        why = reply.get("error") if isinstance(reply, dict) else None
        return Look(True, good, good, 0, "" if good else str(why or f"answers {status}"))
    leads = (reply.get("detail") or {}).get("leads")
    led = None if leads is None else bool(leads)
    return Look(True, bool(reply["alive"]), good, int(reply["behind"]), str(reply.get("reason") or ""), led)


def get_json(port: int, path: str, timeout: float = 2.0) -> object:
    """The JSON document at a path.

    Raises:
        OSError, ValueError: there is none.
    """
    return json.loads(_get(port, path, timeout)[1])


def _get(port: int, path: str, timeout: float) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)
    if len(status) < 2:
        raise ValueError("the answer is incomplete")
    return int(status[1]), body
