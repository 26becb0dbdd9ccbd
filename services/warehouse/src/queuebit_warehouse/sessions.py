"""Sessions by id: locked while a query runs, removed after their timeout."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from queuebit_kernel import Clock
from queuebit_warehouse.dialect import QueryRequest
from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.handle import Handle
from queuebit_warehouse.logins import Login

__all__ = ["Sessions"]

_MAX_SESSIONS = 2000
"""The most sessions, about 0.1 MB each."""


@dataclass(slots=True)
class _Session:
    handle: Handle
    expires: float
    busy: bool = False


class Sessions:
    """All sessions of the process. Use it only on the thread of the event loop."""

    def __init__(self, connect: Callable[[Login], Handle], clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._by_id: OrderedDict[str, _Session] = OrderedDict()

    @contextmanager
    def lease(self, request: QueryRequest, login: Login) -> Iterator[Handle]:
        """Lend the handle for a request: that of its session, or a new one that is closed after the request.

        A reader has nothing to keep in a session, and gets a new handle for each request.

        Raises:
            DatabaseError: the session is busy, unknown although `session_check` is set, or there are too many sessions.
        """
        if not (request.session_id and login.writes):
            handle = self._connect(login)
            try:
                yield handle
            finally:
                handle.close()
            return
        session = self._find(request, login)
        session.busy = True
        try:
            yield session.handle
        finally:
            session.busy = False
            session.expires = self._clock.monotonic() + request.session_timeout
            if request.close_session:
                self._by_id.pop(request.session_id).handle.close()

    def close(self) -> None:
        for session in self._by_id.values():
            session.handle.close()
        self._by_id.clear()

    def _find(self, request: QueryRequest, login: Login) -> _Session:
        self._remove_expired()
        session = self._by_id.get(request.session_id)
        if session is None:
            if request.session_check:
                raise DatabaseError(372, "Session not found", "SESSION_NOT_FOUND")
            if len(self._by_id) >= _MAX_SESSIONS:
                raise DatabaseError(
                    202, f"Too many sessions. Maximum: {_MAX_SESSIONS}", "TOO_MANY_SIMULTANEOUS_QUERIES"
                )
            session = self._by_id[request.session_id] = _Session(self._connect(login), 0.0)
        elif session.busy:
            raise DatabaseError(
                373, f"Session {request.session_id} is locked by a concurrent client", "SESSION_IS_LOCKED"
            )
        self._by_id.move_to_end(request.session_id)
        return session

    def _remove_expired(self) -> None:
        now = self._clock.monotonic()
        for key in [key for key, session in self._by_id.items() if not session.busy and session.expires < now]:
            self._by_id.pop(key).handle.close()
