"""The ports on NATS and the file system."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from nats.errors import Error as NatsError
from pydantic import ValidationError

from queuebit_broker.state import World
from queuebit_contracts.catalog import decode
from queuebit_contracts.query import ProfileAnswer, ProfileRequest
from queuebit_contracts.tenants import BadTenants, Tenants, parse_tenants
from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Connection
from queuebit_runtime.intake import Undecided
from queuebit_runtime.view import Raw

__all__ = ["NatsExecutors", "TenantsFile", "folding"]

_log = logging.getLogger(__name__)


class NatsExecutors:
    """Executors asked over the bus; whoever of a stack is free answers."""

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s

    async def profile(self, stack: str, request: ProfileRequest) -> ProfileAnswer:
        body = request.model_dump_json(exclude_none=True).encode()
        try:
            reply = await self._connection.client.request(f"qb.profile.{stack}", body, timeout=self._timeout_s)
            return ProfileAnswer.model_validate_json(reply.data)
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"no executor of {stack} answered within {self._timeout_s:g} s") from error
        except ValidationError as error:
            _log.exception("the executors of %s answer what is no profile", stack)
            raise Unavailable(f"the executors of {stack} answer what is no profile: upgrade them") from error


class TenantsFile:
    """The tenants file on disk; read again when its modification time, size or identity changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def news(self) -> Tenants | None:
        try:
            status = self._path.stat()
        except OSError as error:
            self._seen = None
            raise BadTenants(f"{self._path} cannot be read: {error}") from error
        now = (status.st_mtime_ns, status.st_size, status.st_ino)
        if now == self._seen:
            return None
        text = self._text()
        self._seen = now  # what is wrong in the text stays wrong until it changes; not being able to read it may pass
        return parse_tenants(text)

    def read(self) -> Tenants:
        """The file as it is now.

        Raises:
            BadTenants: it cannot be used.
        """
        return parse_tenants(self._text())

    def _text(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadTenants(f"{self._path} cannot be read: {error}") from error


def folding(world: World, undecided: Undecided) -> Callable[[Raw], Awaitable[None]]:
    """Fold messages of the log into the broker's world. Of a job only the subject is read: it says all that counts."""

    async def fold(raw: Raw) -> None:
        match raw.subject.split("."):
            case ["qb", "job", tenant, job, name]:
                world.job_moved(tenant, job, name)
                undecided.leave(tenant, job)
            case _:
                world.take(decode(raw.body, raw.subject), raw.sequence)
        world.sequence = raw.sequence

    return fold
