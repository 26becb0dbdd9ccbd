"""`Session` and `Batch` as contexts: the platform has neither, so that they only name and close.

The jobs of a context have its id as a tag, so that the bill can be read by it. They have no priority, and a context
costs nothing while it is idle. `Batch` and `Session` differ in name only.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from secrets import token_hex
from types import TracebackType
from typing import ClassVar, Self

from queuebit import InvalidInput
from queuebit_qiskit.backend import QueuebitBackend

__all__ = ["Batch", "Session", "active"]

_active: ContextVar[Session | None] = ContextVar("queuebit_qiskit_session", default=None)


def active() -> Session | None:
    """The context that the caller is in, if any."""
    return _active.get()


class Session:
    """A context for jobs that belong together."""

    kind: ClassVar[str] = "session"

    def __init__(self, backend: QueuebitBackend) -> None:
        self.session_id = f"{self.kind}-{token_hex(6)}"
        """The tag of its jobs."""
        self._backend = backend
        self._open = True
        self._token: Token[Session | None] | None = None

    def __enter__(self) -> Self:
        self._token = _active.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _active.reset(self._token)
        self.close()

    def backend(self) -> QueuebitBackend:
        """Where its jobs run."""
        return self._backend

    def close(self) -> None:
        """Take no more jobs; jobs that are submitted continue."""
        self._open = False

    def require_open(self) -> None:
        """Raise `InvalidInput` if the context is closed."""
        if not self._open:
            raise InvalidInput(f"{self.session_id} is closed: open a new {type(self).__name__}")


class Batch(Session):
    """A context for independent jobs. Several pubs of one call are one job without it."""

    kind = "batch"
