"""Events of unknown types on their way into views and histories."""

from __future__ import annotations

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed
from queuebit_runtime.stored import Stored, known_events
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
