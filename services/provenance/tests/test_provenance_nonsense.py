"""A malformed message instead of the first checkpoint is ignored: the log starts after it."""

from __future__ import annotations

import pytest

from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog, Unreadable
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

SUBJECT = "qb.proof.main.checkpointed"


async def test_a_subject_of_nonsense_tells_where_the_first_event_belongs(fresh_server: NatsServer) -> None:
    bus = Bus("provenance", fresh_server.url, fresh_server.seeds["provenance"])
    await bus.connect()
    for _ in range(2):
        newest = (await bus.client.jetstream().publish(SUBJECT, b"nonsense", stream="LOG")).seq
    with pytest.raises(Unreadable) as output:
        await JetStreamLog(bus).last(SUBJECT)
    assert output.value.sequence == newest
    await bus.close()
