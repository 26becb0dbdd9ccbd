"""What a hybrid job uses inside: its parameters, metrics, and the result that it saves.

    from queuebit import Client, hybrid

    steps = hybrid.parameters(steps=30)["steps"]
    with Client() as client:
        ...
    hybrid.log_metric("energy", -1.137, step=1)
    hybrid.save_result({"energy": -1.137})

The same file runs outside of the platform: parameters have their defaults then, metrics and the result are printed.
"""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
from typing import Any, Final

from queuebit.errors import InvalidInput, Reason, Refused

__all__ = ["log_metric", "parameters", "save_result"]

_PARAMETERS: Final = "QUEUEBIT_HYBRID_PARAMETERS"
_SOCKET: Final = "QUEUEBIT_HYBRID_SOCKET"
_LONGEST_NAME: Final = 64
_LARGEST_RESULT: Final = 1 << 20
_ANSWER_S: Final = 30.0

_lock = threading.Lock()
_connections: dict[int, socket.socket] = {}
"""By process: a fork opens its own."""


def parameters(**defaults: Any) -> dict[str, Any]:  # JSON
    """The parameters of this hybrid job; `defaults` stand where it was given none.

    Raises:
        InvalidInput: it was given one without a default, if there are any defaults: probably a misspelled name.
    """
    given: dict[str, Any] = json.loads(os.environ.get(_PARAMETERS, "{}"))
    if defaults and (unknown := given.keys() - defaults.keys()):
        raise InvalidInput(f"no parameter is named {', '.join(sorted(unknown))}: there are {', '.join(defaults)}")
    return {**defaults, **given}


def log_metric(name: str, value: float, step: int | None = None) -> None:
    """Record a number under a name, such as the energy after each step; `metrics()` of the job shows it live.

    Raises:
        InvalidInput: the name is empty or longer than 64 characters, or the value is no finite number.
    """
    if not name or len(name) > _LONGEST_NAME or not math.isfinite(value):
        raise InvalidInput("a metric has a name of 1 to 64 characters, and a value that is a finite number")
    point = {"name": name, "value": float(value), "step": step, "at": round(time.time(), 3)}  # noqa: TID251  # no core here
    if _SOCKET in os.environ:
        _send({"do": "metric", "point": point})
    else:
        print(f"metric {name} = {value}" + ("" if step is None else f" at step {step}"))


def save_result(value: object) -> None:
    """Save the result of this hybrid job: anything that is JSON, up to 1 MiB. The last one counts.

    Raises:
        InvalidInput: it is not JSON.
        Refused: it is too large.
    """
    try:
        content = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the result is not JSON: {error}; convert it, such as arrays with `.tolist()`") from error
    if len(content) > _LARGEST_RESULT:
        text = f"the result has {len(content):,} characters as JSON and may have {_LARGEST_RESULT:,}: save less"
        raise Refused([Reason("result_too_large", text)])
    if _SOCKET in os.environ:
        _send({"do": "result"}, content.encode())
    else:
        print(f"result {content}")


def _send(head: dict[str, Any], body: bytes = b"") -> None:  # JSON
    """Send one message to the service and wait until it has it."""
    from queuebit_runtime.frames import pack, receive

    with _lock:
        connection = _connections.get(os.getpid())
        if connection is None:
            connection = _connections[os.getpid()] = socket.socket(socket.AF_UNIX)
            connection.settimeout(_ANSWER_S)
            connection.connect(os.environ[_SOCKET])
        connection.sendall(pack({"id": 1, **head}, body))
        answer, _ = receive(connection)
    if "error" in answer:
        raise Refused([Reason(str(answer.get("code")), str(answer.get("text")))])
