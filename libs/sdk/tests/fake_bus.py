"""The bus as the client sees it, in memory; `test_sdk_transport` holds it to the laws of the real one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from queuebit import Reply
from queuebit.errors import Unanswered, Unreachable
from queuebit.transport import OnMessage
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.subjects import covers, parse, subject_of
from queuebit_contracts.wire import UnknownEvent


class FakeBus:
    """A log in a dictionary. `react` says what the platform does about each event it stores."""

    def __init__(self, react: Callable[[AnyEvent], list[AnyEvent]] = lambda _: []) -> None:
        self.stored: dict[str, tuple[int, bytes]] = {}
        self.chunks: dict[str, bytes] = {}
        self.asked: list[tuple[str, bytes]] = []
        self.answers: dict[str, dict[str, object]] = {}
        self.lost = 0
        self._react = react
        self._signals: list[OnMessage] = []

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        self.asked.append((subject, body))
        if subject.startswith("$KV."):
            self.chunks[subject] = body
            return Reply(b'{"seq":1}')
        if subject.startswith("$JS.API.DIRECT.GET.KV_PAYLOADS."):
            return Reply(self.chunks[subject.removeprefix("$JS.API.DIRECT.GET.KV_PAYLOADS.")])
        if subject.startswith("$JS.API.DIRECT.GET.LOG."):
            found = self.stored.get(subject.removeprefix("$JS.API.DIRECT.GET.LOG."))
            return Reply(found[1], {"Nats-Sequence": str(found[0])}) if found else Reply(b"", {"Status": "404"})
        if (asked := parse(subject)).noun == "query":
            if asked.event not in self.answers:
                raise Unanswered(f"no service answers {subject}")
            return Reply(json.dumps(self.answers[asked.event]).encode())
        guard = (headers or {}).get("Nats-Expected-Last-Subject-Sequence-Subject", "-").removesuffix(">")
        if any(known.startswith(guard) for known in self.stored):
            return Reply(b'{"error":{"err_code":10071,"description":"wrong last sequence"}}')
        event = decode(body)
        if isinstance(event, UnknownEvent):
            raise TypeError(f"the client wrote a {event.type}")
        self.keep(event)
        if self.lost:
            self.lost -= 1
            raise Unreachable("the confirmation was lost")
        return Reply(json.dumps({"seq": len(self.stored)}).encode())

    def keep(self, event: AnyEvent) -> None:
        self.stored[subject_of(event)] = (len(self.stored) + 1, event.to_bytes())
        self.say(subject_of(event), event.to_bytes())
        for answer in self._react(event):
            self.keep(answer)

    def say(self, subject: str, body: bytes) -> None:
        for signal in self._signals:
            signal(subject, body)

    async def follow(self, subject: str, on_message: OnMessage) -> Callable[[], Awaitable[None]]:
        def matching(published: str, body: bytes) -> None:
            if covers(subject, published):
                on_message(published, body)

        self._signals.append(matching)

        async def stop() -> None:
            self._signals.remove(matching)

        return stop

    async def close(self) -> None:
        self._signals.clear()
