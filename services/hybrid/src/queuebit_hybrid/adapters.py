"""The ports on the bus and on this machine."""

from __future__ import annotations

import json

from queuebit_contracts.hybrid import HybridAcceptance, HybridSubmission, cap_key
from queuebit_contracts.session import session_id
from queuebit_contracts.subjects import identity, output, sessions
from queuebit_hybrid.output import Publish
from queuebit_hybrid.running import Attempt, Runner
from queuebit_hybrid.usage_file import Progress
from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Connection
from queuebit_runtime.guards import expecting
from queuebit_runtime.requests import Requests
from queuebit_runtime.server_errors import WRONG_LAST_SEQUENCE

__all__ = ["ChildRuns", "publisher"]

_TIMEOUT_S = 5.0


class ChildRuns:
    """Attempts in children of this process."""

    def __init__(self, connection: Connection, runner: Runner) -> None:
        self._requests = Requests(connection, _TIMEOUT_S)
        self._runner = runner

    def attempt(self, job: HybridAcceptance, before: Progress) -> Attempt:
        """Prepare an attempt."""
        return Attempt(self._runner, job, before, lambda kind: publisher(self._requests, job.tenant, job.hybrid, kind))

    async def finish(self, job: HybridAcceptance | HybridSubmission) -> None:
        """Close the session that has the cap of a job, so that the rest goes back, and end the key of the job.

        A session that the job only belongs to stays open, and a delegation of another key acts on: the broker ends
        none that this request is not signed with.
        """
        if job.session == session_id(job.tenant, cap_key(job.hybrid)):
            closing = self._runner.keys.closing(job.tenant, job.hybrid, job.delegation, job.session)
            await self._requests.ask(sessions("close", job.tenant), closing.model_dump_json(exclude_none=True).encode())
        asked = self._runner.keys.revocation(job.tenant, job.hybrid, job.delegation)
        body = asked.model_dump_json(exclude_none=True).encode()
        await self._requests.ask(identity("revoke", job.tenant), body)


def publisher(requests: Requests, tenant: str, hybrid: str, kind: str) -> Publish:
    """Stores the chunks of one kind of output of one job."""

    async def publish(number: int, content: bytes) -> int:
        while True:
            reply = await requests.ask(output(tenant, hybrid, kind, number), content, expecting(0))
            error = json.loads(reply.data).get("error")
            if error is None:
                return number
            if error.get("err_code") != WRONG_LAST_SEQUENCE:
                raise Unavailable(f"a chunk of {kind} was not stored: {error.get('description')}")
            number += 1  # an attempt that was lost stored it, or this one did and had no answer

    return publish
