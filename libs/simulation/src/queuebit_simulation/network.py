"""Connections between nodes and the server: they delay, lose and cut what they carry, by the seed.

A connection keeps the order of its messages, as TCP does; those of two connections overtake each other. What a
`Client` does is what the runtime asks of nats-py's client, so that the runtime's own code runs over it unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from random import Random
from typing import Any

from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, NoRespondersError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.client import JetStreamContext

from queuebit_runtime.received import Received
from queuebit_simulation.loop import Node, VirtualLoop, here
from queuebit_simulation.server import MemoryServer
from queuebit_simulation.streams import Headers

__all__ = ["Client", "Network", "Weather"]


@dataclass(slots=True)
class Weather:
    """How bad the network is now."""

    slowest_s: float = 0.001
    """The longest delay of a message."""
    loss: float = 0.0
    """The part of messages, in either direction, that is lost: acknowledgements, confirmations, deliveries."""


class _Link:
    """One direction of a connection."""

    def __init__(self, network: Network, target: Context) -> None:
        self._network = network
        self._target = target
        self._newest = 0.0
        self._cut_at: float | None = None

    def send(self, call: Callable[..., None], *args: object) -> None:
        """Call a function at the other end, after all that was sent before."""
        network, loop = self._network, self._network.loop
        if self._cut_at is not None or (network.weather.loss and network.random.random() < network.weather.loss):
            return
        self._newest = max(self._newest, loop.time() + network.random.random() * network.weather.slowest_s)
        loop.call_at(self._newest, self._arrive, self._newest, call, *args, context=self._target)

    def cut(self) -> None:
        """Carry nothing any more, and lose some of what is on its way: the last of it."""
        now = self._network.loop.time()
        self._cut_at = now + self._network.random.random() * max(0.0, self._newest - now)

    def mend(self) -> None:
        """Carry messages again."""
        self._cut_at = None

    def _arrive(self, at: float, call: Callable[..., None], *args: object) -> None:
        if self._cut_at is None or at <= self._cut_at:
            call(*args)


class Network:
    """The connections to one server."""

    def __init__(self, loop: VirtualLoop, server: MemoryServer, node: Node, random: Random) -> None:
        """Connect nodes to a server, which runs as a node of its own."""
        self.loop = loop
        self.random = random
        self.weather = Weather()
        self.server = server
        self.node = node
        self.clients: list[Client] = []

    def connect(self, inbox: str) -> Client:
        """A connection of the node that runs."""
        client = Client(self, here(), f"{inbox}.c{len(self.clients)}")
        self.clients.append(client)
        return client

    def kill(self, node: Node) -> None:
        """The connections of a node end with it."""
        for client in self.clients:
            if client.node is node:
                client.end()


class _Subscription:
    """What a client subscribed to."""

    def __init__(self, client: Client, number: int, call: Callable[[Msg], Awaitable[None]] | None) -> None:
        self._client = client
        self._number = number
        self._call = call
        self._pending_queue: Any = None  # where the runtime puts the function that takes each message

    async def unsubscribe(self, limit: int = 0) -> None:
        del limit
        self._client.unsubscribe(self._number)

    async def drain(self) -> None:
        self._client.unsubscribe(self._number)

    def take(self, message: Received) -> None:
        if self._pending_queue is not None:
            self._pending_queue.on_message(message)
        elif self._call is not None:
            asyncio.get_running_loop().create_task(_called(self._call, message))


async def _called(call: Callable[[Msg], Awaitable[None]], message: Msg) -> None:
    await call(message)


class Client:
    """One connection, as the runtime and FastStream use it."""

    def __init__(self, network: Network, node: Node, inbox: str) -> None:
        self.node = node
        self._network = network
        self._up = _Link(network, network.node.context)
        self._down = _Link(network, node.context)
        self._inbox = inbox
        self._inboxes = 0
        self._subscriptions: dict[int, _Subscription] = {}
        self._subscribed = 0
        self.is_closed = False
        self.is_connected = True

    async def publish(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: Headers | None = None
    ) -> None:
        if self.is_closed:
            raise ConnectionClosedError
        self._up.send(self._network.server.receive, subject, reply, dict(headers) if headers else None, payload)

    async def subscribe(
        self, subject: str, queue: str = "", cb: Callable[[Msg], Awaitable[None]] | None = None, **_: object
    ) -> _Subscription:
        self._subscribed += 1
        made = self._subscriptions[self._subscribed] = _Subscription(self, self._subscribed, cb)
        self._network.server.subscribe(self, self._subscribed, subject, queue)  # what the client sends next is after it
        return made

    def unsubscribe(self, number: int) -> None:
        """End one subscription."""
        self._subscriptions.pop(number, None)
        self._network.server.unsubscribe(self, number)

    def new_inbox(self) -> str:
        self._inboxes += 1
        return f"{self._inbox}.{self._inboxes}"

    async def request(
        self, subject: str, payload: bytes = b"", timeout: float = 0.5, headers: Headers | None = None
    ) -> Msg:
        inbox, answered = self.new_inbox(), asyncio.get_running_loop().create_future()

        async def take(message: Msg) -> None:
            if not answered.done():
                answered.set_result(message)

        subscription = await self.subscribe(inbox, cb=take)
        try:
            await self.publish(subject, payload, inbox, headers)
            async with asyncio.timeout(timeout):
                found: Msg = await answered
        except TimeoutError as error:
            raise NatsTimeout from error
        finally:
            await subscription.unsubscribe()
        if (found.headers or {}).get("Status") == "503":
            raise NoRespondersError
        return found

    def jetstream(self, **options: Any) -> JetStreamContext:  # as nats-py declares it
        return JetStreamContext(self, **options)  # type: ignore[arg-type]  # it needs requests and inboxes only

    async def drain(self) -> None:
        self.end()

    close = drain

    def end(self) -> None:
        """End the connection; some of what was just sent is lost."""
        self.is_closed, self.is_connected = True, False
        self._up.cut()
        self._down.cut()
        self._network.server.leave(self)

    def cut(self) -> None:
        """Lose the network for a while."""
        self.is_connected = False
        self._up.cut()
        self._down.cut()

    def mend(self) -> None:
        """Have it again."""
        if not self.is_closed:
            self.is_connected = True
            self._up.mend()
            self._down.mend()

    def deliver(self, number: int, subject: str, reply: str, headers: Headers | None, body: bytes) -> None:
        """Take a message from the server."""
        self._down.send(self._take, number, subject, reply, headers, body)

    def _take(self, number: int, subject: str, reply: str, headers: Headers | None, body: bytes) -> None:
        if (subscription := self._subscriptions.get(number)) is not None:
            block = _block(headers) if headers else None
            subscription.take(Received(self, number, subject, reply, body, block))  # type: ignore[arg-type]  # its client


def _block(headers: Headers) -> bytes:
    """Headers as they are on the wire."""
    status, description = headers.get("Status"), headers.get("Description", "")
    first = "NATS/1.0" if status is None else f"NATS/1.0 {status} {description}"
    lines = [f"{name}: {value}" for name, value in headers.items() if status is None or name not in _IN_FIRST]
    return "\r\n".join([first, *lines, "", ""]).encode()


_IN_FIRST = ("Status", "Description")
