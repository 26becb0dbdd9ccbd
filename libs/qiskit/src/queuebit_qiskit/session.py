"""`Session` and `Batch` as contexts over a session of the platform, which the first job opens.

The jobs of a `Session` run before others on its backend; those of a `Batch` have no priority. Both may have a cap: it
is held while they are open. The jobs have the session's id as a tag.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from queuebit import InvalidInput
from queuebit_qiskit.backend import QueuebitBackend
from queuebit_qiskit.errors import as_qiskit_errors

if TYPE_CHECKING:
    import queuebit
    from queuebit.amounts import Amount

__all__ = ["Batch", "Session", "active"]

_active: ContextVar[Session | None] = ContextVar("queuebit_qiskit_session", default=None)


def active() -> Session | None:
    """The context that the caller is in, if any."""
    return _active.get()


class Session:
    """A context for jobs that belong together, with priority on a backend."""

    _priority: ClassVar[bool] = True

    def __init__(
        self,
        backend: QueuebitBackend,
        *,
        max_cost: Amount | None = None,
        max_idle: int | None = None,
        max_time: int | None = None,
        project: str | None = None,
    ) -> None:
        """Prepare; sends no request.

        Args:
            backend: where its jobs run.
            max_cost: the most that its jobs and its idle time may cost together; held while it is open.
            max_idle: it closes after so many seconds without a job; default: 300.
            max_time: it closes after so many seconds; default: eight hours.
            project: the project that pays; default: the credential's.
        """
        self._session = backend.service.client.session(
            backend=backend.name if self._priority else None,
            max_cost=max_cost,
            max_idle=max_idle,
            max_age=max_time,
            project=project,
        )
        self.session_id = self._session.id
        """Its id, and the tag of its jobs."""
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
        self._open = False
        with as_qiskit_errors():
            self._session.__exit__(kind, error, trace)

    @property
    def session(self) -> queuebit.Session:
        """The session of the platform: `cost()`, `quote()` and `terms`."""
        return self._session

    def backend(self) -> QueuebitBackend:
        """Where its jobs run."""
        return self._backend

    def close(self) -> None:
        """Take no more jobs; jobs that are submitted continue, and what of the cap no job uses goes back."""
        self._open = False
        with as_qiskit_errors():
            self._session.close()

    def require_open(self) -> None:
        """Raise `InvalidInput` if the context is closed."""
        if not self._open:
            raise InvalidInput(f"{self.session_id} is closed: open a new {type(self).__name__}")


class Batch(Session):
    """A context for independent jobs, without priority. Several pubs of one call are one job without it."""

    _priority = False
