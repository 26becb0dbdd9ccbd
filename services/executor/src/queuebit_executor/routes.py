"""What an executor listens to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from faststream.nats import NatsRouter
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from queuebit_contracts.job import JobCancelled, JobPlaced
from queuebit_contracts.query import CircuitError, ProfileAnswer, ProfileRequest
from queuebit_contracts.subjects import alive, every, profile
from queuebit_contracts.topology import topology
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.profiling import AnswerProfile
from queuebit_executor.watch import JobWatch
from queuebit_kernel import Unavailable
from queuebit_runtime.bus import Bus
from queuebit_runtime.consumers import Redelivered, Sequence, subscribes
from queuebit_runtime.tasks import Tasks
from queuebit_runtime.tracing import whose

__all__ = ["answer_alive", "answer_profiles", "hear_cancellations", "placements"]

_log = logging.getLogger(__name__)


def placements(run: RunPlacement, durable: str) -> NatsRouter:
    """The work items.

    There are as many handlers as the server hands out messages, so that none waits where no beat keeps its lease.
    """
    router = NatsRouter()

    @subscribes(router, durable, workers=topology().durable[durable].max_ack_pending)
    async def on_placed(event: JobPlaced, sequence: Sequence, redelivered: Redelivered) -> None:
        """Run the job and state its end."""
        await run(event, sequence, redelivered=redelivered)

    return router


async def hear_cancellations(client: Client, watch: JobWatch) -> None:
    """Tell the watch about every job that is cancelled from now on."""

    async def on_cancelled(message: Msg) -> None:
        watch.hint(message.subject)

    await client.subscribe(every(JobCancelled), cb=on_cancelled)


async def answer_alive(client: Client, backends: Iterable[str]) -> None:
    """Answer the question whether these backends are there, for as long as the connection lives."""

    async def on_question(message: Msg) -> None:
        await _send(message, b"{}")

    for backend in backends:
        await client.subscribe(alive(backend), cb=on_question)


async def answer_profiles(bus: Bus, tasks: Tasks, stack: str, answer: AnswerProfile, begin_s: float) -> None:
    """Answer requests for profiles; what is remembered at once, the rest side by side.

    Nothing is begun for a request that is older than `begin_s`. One that cannot be answered now is left to its asker's
    timeout: it will ask again.
    """

    async def look_up(message: Msg, request: ProfileRequest, begin_by: float) -> None:
        parent = (message.headers or {}).get("traceparent")
        with bus.tracing.span("executor profile", parent, whose(request.tenant)):
            try:
                await _reply(message, await answer(request, begin_by))
            except Unavailable as fault:
                _log.warning("a profile was not answered: %s: %s", fault.code, fault)

    async def on_request(message: Msg) -> None:
        try:
            request = ProfileRequest.model_validate_json(message.data)
        except ValidationError as error:
            await _reply(message, ProfileAnswer(error=CircuitError(code="malformed", message=f"{error!s:.500}")))
            return
        if (known := answer.remembered(request)) is not None:
            await _reply(message, known)
        else:
            begin_by = asyncio.get_running_loop().time() + begin_s
            tasks.spawn(look_up(message, request, begin_by), "profile")

    await bus.client.subscribe(profile(stack), queue=stack, cb=on_request)


async def _reply(message: Msg, answer: ProfileAnswer) -> None:
    await _send(message, answer.model_dump_json(exclude_none=True).encode())


async def _send(message: Msg, body: bytes) -> None:
    try:
        await message.respond(body)
    except NatsError as error:  # one answer that cannot be sent is no reason to end
        _log.error("an answer to %s could not be sent: %r", message.subject, error)
