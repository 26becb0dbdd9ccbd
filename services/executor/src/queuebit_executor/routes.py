"""The subscribers of an executor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from faststream.nats import NatsRouter
from faststream.nats.annotations import NatsMessage

from queuebit_contracts.backend import AliveAnswer, CalibrationAttempt, QueueState
from queuebit_contracts.job import JobCancelled, JobPlaced
from queuebit_contracts.query import CircuitError, ProfileAnswer, ProfileRequest, UsageAnswer, UsageRequest
from queuebit_contracts.subjects import USAGE_REQUEST, alive, profile
from queuebit_contracts.topology import Topology
from queuebit_contracts.wildcards import every
from queuebit_contracts.wire import Reason
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.profiling import AnswerProfile
from queuebit_executor.remote import RunWhereItIs
from queuebit_executor.stated_usage import StateUsage
from queuebit_executor.watch import JobWatch
from queuebit_kernel import Malformed
from queuebit_runtime.consumers import LogSequence, Redelivered, subscribes
from queuebit_runtime.replies import SIDE_BY_SIDE, Replies, Traceparent, request_of
from queuebit_runtime.tracing import Tracing, whose

__all__ = ["cancellations", "liveness", "placements", "profiles", "statements"]


def placements(run: RunPlacement | RunWhereItIs, durable: str, wanted: Topology) -> NatsRouter:
    """Run placements.

    There are as many handlers as the server has messages in flight, so that each message is handled, and its lease
    extended, at once.
    """
    router = NatsRouter()

    @subscribes(router, durable, workers=wanted.durable[durable].max_ack_pending, wanted=wanted)
    async def on_placed(event: JobPlaced, sequence: LogSequence, redelivered: Redelivered) -> None:
        """Run the job and append its end."""
        await run(event, sequence, redelivered=redelivered)

    return router


def cancellations(watch: JobWatch) -> NatsRouter:
    """Follow cancellations live."""
    router = NatsRouter()

    @router.subscriber(every(JobCancelled), title="cancelled", no_reply=True)
    async def on_cancelled(message: NatsMessage) -> None:
        """Check in the log whether a job that waits or runs here was cancelled."""
        watch.hint(message.raw_message.subject)

    return router


def liveness(
    backends: Iterable[str], calibrations: Mapping[str, CalibrationAttempt], queues: Callable[[str], QueueState | None]
) -> NatsRouter:
    """Answer whether the executor of a backend is alive, how its newest calibration went, and its vendor's queue."""
    router = NatsRouter()
    for backend in backends:
        router.subscriber(alive(backend), title=f"alive-{backend}")(_alive(backend, calibrations, queues))
    return router


def _alive(
    backend: str, calibrations: Mapping[str, CalibrationAttempt], queues: Callable[[str], QueueState | None]
) -> Callable[[], Awaitable[bytes]]:
    async def on_alive() -> bytes:
        """Confirm that the executor is alive."""
        answer = AliveAnswer(calibration=calibrations.get(backend), queue=queues(backend))
        return answer.model_dump_json(exclude_none=True).encode()

    return on_alive


def profiles(answer: AnswerProfile, stack: str, tracing: Tracing, begin_s: float) -> NatsRouter:
    """Answer requests for profiles; executors of a stack share them.

    No work starts for a request that is older than `begin_s` seconds. A request that cannot be answered now gets no
    reply: the requester times out and asks again.
    """
    router = NatsRouter(middlewares=[Replies(_refusal, exclude_none=True)])

    @router.subscriber(
        profile(stack),
        queue=stack,
        max_workers=SIDE_BY_SIDE,
        decoder=request_of(ProfileRequest),
        title=f"profile-{stack}",
    )
    async def on_request(request: ProfileRequest, traceparent: Traceparent) -> ProfileAnswer:
        """Return what a circuit needs, and the estimate for each backend."""
        if (known := answer.remembered(request)) is not None:
            return known
        begin_by = asyncio.get_running_loop().time() + begin_s
        with tracing.span("executor profile", traceparent, whose(request.tenant)):
            return await answer(request, begin_by)

    return router


def statements(state: StateUsage) -> NatsRouter:
    """Take usage that the operator states; executors share the requests, and no other user may send them."""
    router = NatsRouter(middlewares=[Replies(_not_stated)])

    @router.subscriber(USAGE_REQUEST, queue="executor", decoder=request_of(UsageRequest), title="usage")
    async def on_stated(request: UsageRequest) -> UsageAnswer:
        """Report the usage of a job whose backend never states it."""
        return await state(request)

    return router


def _not_stated(code: str, text: str) -> UsageAnswer:
    return UsageAnswer(errors=(Reason(code=code, text=text),))


def _refusal(code: str, text: str) -> ProfileAnswer | None:
    return ProfileAnswer(error=CircuitError(code=code, message=text)) if code == Malformed.code else None
