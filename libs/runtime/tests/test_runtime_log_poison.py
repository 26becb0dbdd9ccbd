"""A malformed message after a fact changes nothing: the fact stays readable, and guards include the message."""

from __future__ import annotations

import pytest

from queuebit_contracts import subjects
from queuebit_kernel import Malformed, Stale
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.build import accepted, submitted
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server


@pytest.mark.parametrize("times", [1, 3, 20])
async def test_a_fact_under_nonsense_is_still_read(nats_server: NatsServer, nats_log: JetStreamLog, times: int) -> None:
    writer = await nats_server.connect("broker")
    asked = submitted(f"poison-{times}")
    job = subjects.job("acme", asked.data.job)
    await writer.jetstream().publish(job.event("submitted"), asked.to_bytes(), stream="LOG")
    for _ in range(times):
        nonsense = await writer.jetstream().publish(job.event("submitted"), b"\xff nonsense", stream="LOG")
    newest = await nats_log.last(job.event("submitted"))
    assert newest is not None
    assert (newest.event, newest.sequence) == (asked, nonsense.seq)
    assert await nats_log.history(job) == [newest]
    decision = accepted(asked.data.job)
    with pytest.raises(Stale):
        await nats_log.append(decision, after=nonsense.seq - 1, guard=job.everything)
    assert await nats_log.append(decision, after=nonsense.seq, guard=job.everything) > nonsense.seq
    await writer.close()


async def test_a_subject_without_any_fact_is_malformed(nats_server: NatsServer, nats_log: JetStreamLog) -> None:
    writer = await nats_server.connect("broker")
    job = subjects.job("acme", "jnonsense")
    for _ in range(2):
        await writer.jetstream().publish(job.event("submitted"), b"nonsense", stream="LOG")
    for reading in (nats_log.last(job.event("submitted")), nats_log.history(job)):
        with pytest.raises(Malformed, match="sequence"):
            await reading
    await writer.close()
