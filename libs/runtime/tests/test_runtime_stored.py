"""Events of unknown types on their way into views, histories and consumers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from faststream import ContextRepo
from faststream.exceptions import AckMessage, NackMessage
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from queuebit_contracts.account import AccountFunded
from queuebit_contracts.topology import topology
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed
from queuebit_runtime.message_outcome import MessageOutcome
from queuebit_runtime.stored import Stored, known_events
from queuebit_runtime.tracing import Tracing
from queuebit_runtime.view import Raw, fold_events
from queuebit_testing.build import NOON, funded

LATER = b'{"type": "qb.account.praised.v1", "data": {"stars": 5}}'


async def test_a_view_folds_an_unknown_type_and_goes_on() -> None:
    seen: list[Stored] = []
    fold, subject = fold_events(seen.append), "qb.account.acme.main.praised"
    known = funded()
    await fold(Raw(subject, LATER, 1, NOON, Msg(Client())))
    await fold(Raw("qb.account.acme.main.funded", known.to_bytes(), 2, NOON, Msg(Client())))
    assert [(it.event, it.sequence) for it in seen] == [
        (UnknownEvent("qb.account.praised.v1", subject, LATER), 1),
        (known, 2),
    ]
    assert known_events(seen) == [known]


@pytest.mark.parametrize("body", [b"nonsense", b"{}", b'{"type": "qb.account.funded.v1"}'])
async def test_what_breaks_its_contract_is_not_folded(body: bytes) -> None:
    with pytest.raises(Malformed):
        await fold_events(lambda _: None)(Raw("qb.account.acme.main.funded", body, 1, NOON, Msg(Client())))


class DeadLetters:
    """A connection that keeps what is stored as a dead letter."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    def jetstream(self, **_: object) -> DeadLetters:
        return self

    async def publish(self, subject: str, *_: object, **__: object) -> None:
        self.subjects.append(subject)


async def outcome(body: bytes, letters: DeadLetters) -> BaseException:
    """What the middleware makes of a delivery whose route could not validate the body."""
    sequence = SimpleNamespace(stream=7, consumer=1)
    meta = SimpleNamespace(consumer="metering-ended", num_delivered=1, sequence=sequence)
    message: Any = SimpleNamespace(
        subject="qb.account.acme.main.funded", data=body, reply="$JS.ACK.x", headers=None, metadata=meta
    )
    with pytest.raises(ValidationError) as refused:
        AccountFunded.model_validate_json(body)
    owner = MessageOutcome("metering", Tracing("metering"), topology())
    owner.client = letters  # type: ignore[assignment]  # all that is used of a client
    with pytest.raises((AckMessage, NackMessage)) as decided:
        await owner(message, context=ContextRepo()).after_processed(ValidationError, refused.value)
    return decided.value


async def test_a_consumer_skips_an_unknown_type() -> None:
    letters = DeadLetters()
    assert isinstance(await outcome(LATER, letters), AckMessage)
    assert letters.subjects == []


async def test_a_consumer_stores_what_breaks_its_contract_as_a_dead_letter() -> None:
    letters = DeadLetters()
    assert isinstance(await outcome(b'{"type": "qb.account.funded.v1"}', letters), AckMessage)
    assert letters.subjects == ["qb.dead.metering-ended.7"]
