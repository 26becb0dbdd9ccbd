"""Sessions by their id: kept while used, locked while busy, forgotten after their time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from queuebit_kernel import Clock
from queuebit_warehouse.dialect import Ask
from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.handle import Handle
from queuebit_warehouse.logins import Login

__all__ = ["Sessions"]

_MOST = 2000
"""Sessions kept at once, about 0.1 MB each."""


@dataclass(slots=True)
class _Session:
    handle: Handle
    expires: float
    busy: bool = False


class Sessions:
    """Every session of the process. Belongs to the event loop's thread."""

    def __init__(self, connect: Callable[[Login], Handle], clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._by_id: OrderedDict[str, _Session] = OrderedDict()

    @contextmanager
    def lease(self, ask: Ask, login: Login) -> Iterator[Handle]:
        """Lend the handle a request runs on: its session's, or a fresh one that ends with it.

        A reader has nothing to keep in a session, and gets a new handle for each request.

        Raises:
            DatabaseError: the session is busy, unknown though `session_check` asked for it, or one too many.
        """
        if not (ask.session_id and login.writes):
            handle = self._connect(login)
            try:
                yield handle
            finally:
                handle.close()
            return
        session = self._find(ask, login)
        session.busy = True
        try:
            yield session.handle
        finally:
            session.busy = False
            session.expires = self._clock.monotonic() + ask.session_timeout
            if ask.close_session:
                self._by_id.pop(ask.session_id).handle.close()

    def close(self) -> None:
        for session in self._by_id.values():
            session.handle.close()
        self._by_id.clear()

    def _find(self, ask: Ask, login: Login) -> _Session:
        self._forget_expired()
        session = self._by_id.get(ask.session_id)
        if session is None:
            if ask.session_check:
                raise DatabaseError(372, "Session not found", "SESSION_NOT_FOUND")
            if len(self._by_id) >= _MOST:
                raise DatabaseError(202, f"Too many sessions. Maximum: {_MOST}", "TOO_MANY_SIMULTANEOUS_QUERIES")
            session = self._by_id[ask.session_id] = _Session(self._connect(login), 0.0)
        elif session.busy:
            raise DatabaseError(373, f"Session {ask.session_id} is locked by a concurrent client", "SESSION_IS_LOCKED")
        self._by_id.move_to_end(ask.session_id)
        return session

    def _forget_expired(self) -> None:
        now = self._clock.monotonic()
        for key in [key for key, session in self._by_id.items() if not session.busy and session.expires < now]:
            self._by_id.pop(key).handle.close()
