"""Events of unknown types on their way into views, histories and consumers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from faststream.nats import NatsRouter
from nats.aio.client import Client
from nats.aio.msg import Msg

from queuebit_contracts.account import AccountFunded
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed
from queuebit_runtime.consumers import subscribes
from queuebit_runtime.message_metrics import MessageMetrics
from queuebit_runtime.message_outcome import MessageOutcome
from queuebit_runtime.metrics import Metrics
from queuebit_runtime.rounds import InRounds
from queuebit_runtime.stored import Stored, known_events
from queuebit_runtime.tracing import Tracing
from queuebit_runtime.view import Raw, fold_events
from queuebit_testing.build import NOON, funded, submitted

LATER = b'{"type": "qb.account.praised.v1", "data": {"stars": 5}}'


def test_a_view_folds_an_unknown_type_and_goes_on() -> None:
    seen: list[Stored] = []
    fold, subject = fold_events(seen.append), "qb.account.acme.main.praised"
    known = funded()
    fold(Raw(subject, LATER, 1, NOON, Msg(Client())))
    fold(Raw("qb.account.acme.main.funded", known.to_bytes(), 2, NOON, Msg(Client())))
    assert [(it.event, it.sequence) for it in seen] == [
        (UnknownEvent("qb.account.praised.v1", subject, LATER), 1),
        (known, 2),
    ]
    assert known_events(seen) == [known]


@pytest.mark.parametrize("body", [b"nonsense", b"{}", b'{"type": "qb.account.funded.v1"}'])
def test_what_breaks_its_contract_is_not_folded(body: bytes) -> None:
    with pytest.raises(Malformed):
        fold_events(lambda _: None)(Raw("qb.account.acme.main.funded", body, 1, NOON, Msg(Client())))


class DeadLetters:
    """A connection that keeps what is stored as a dead letter."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    def jetstream(self, **_: object) -> DeadLetters:
        return self

    async def publish(self, subject: str, *_: object, **__: object) -> None:
        self.subjects.append(subject)


class Delivery(SimpleNamespace):
    """A delivery that remembers how it was settled."""

    def __init__(self, body: bytes) -> None:
        reply = f"$JS.ACK.LOG.metering-ended.1.7.1.{int(NOON.timestamp())}000000000.0"
        meta = SimpleNamespace(num_delivered=1, sequence=SimpleNamespace(stream=7))
        super().__init__(subject="qb.account.acme.main.funded", reply=reply, data=body, headers=None, metadata=meta)
        self.settled: list[str] = []

    async def ack(self) -> None:
        self.settled.append("ack")

    async def nak(self, delay: float | None = None) -> None:
        self.settled.append(f"nak {delay}")


async def settle(body: bytes) -> tuple[list[str], list[str]]:
    """How a delivery is settled that no handler may get, and the dead letters."""
    router, message, letters = NatsRouter(), Delivery(body), DeadLetters()

    @subscribes(router, "metering-ended", workers=1)
    async def on_funded(event: AccountFunded) -> None:
        raise AssertionError(f"{event} was handled")

    owner = MessageOutcome(Tracing("metering"), MessageMetrics(Metrics("metering")))
    owner.client = letters  # type: ignore[assignment]  # all that is used of a client
    how = next(it for it in (getattr(sub, "pull_sub", None) for sub in router.subscribers) if isinstance(it, InRounds))
    await owner.handle(how.call, cast("Msg", message))
    return message.settled, letters.subjects


async def test_a_consumer_skips_an_unknown_type() -> None:
    assert await settle(LATER) == (["ack"], [])


@pytest.mark.parametrize("body", [b'{"type": "qb.account.funded.v1"}', submitted().to_bytes(), b"nonsense"])
async def test_a_consumer_stores_what_breaks_its_contract_as_a_dead_letter(body: bytes) -> None:
    assert await settle(body) == (["ack"], ["qb.dead.metering-ended.7"])
