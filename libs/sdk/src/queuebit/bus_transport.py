"""The port to the bus over the connection of a service that relays what tenants' users sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress

from queuebit.errors import Unanswered, Unreachable
from queuebit.transport import Message, OnGap, OnMessage, Reply, Unsubscribe
from queuebit_contracts.intake import arrival_of
from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Connection, NatsError
from queuebit_runtime.harden import listen
from queuebit_runtime.received import Received
from queuebit_runtime.requests import NoService, Requests
from queuebit_runtime.requests import Unanswered as NoAnswer

__all__ = ["BusTransport"]


class BusTransport:
    """Requests and live messages of all tenants. What a tenant writes goes to the intake, as its own would."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._requests = Requests(connection, timeout_s=5)

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        to = arrival_of(subject) or subject
        try:
            reply = await self._requests.ask(to, body, headers, timeout)
        except NoService as error:
            raise Unanswered(f"no service answers {subject}") from error
        except (NoAnswer, Unavailable) as error:
            raise Unreachable(f"{subject} had no answer in {timeout:g} s") from error
        return Reply(reply.data, reply.headers or {})

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        """As the port says; gaps are not reported, so that a reader also looks from time to time."""
        del on_gap

        def forward(message: Received) -> None:
            on_message(Message(message.subject, message.data, message.headers or {}))

        async with AsyncExitStack() as opened:
            for subject in subjects:
                subscription = await listen(self._connection.client, subject, forward)

                async def end(it: object = subscription) -> None:
                    with suppress(NatsError):  # it ended with its connection
                        await it.unsubscribe()  # type: ignore[attr-defined]

                opened.push_async_callback(end)
            return opened.pop_all().aclose
        raise AssertionError

    async def close(self) -> None:
        """Do nothing: the service closes its connection."""
