"""Reading seals: from memory as from a real log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from queuebit_contracts.job import JobSealed, JobSealedV1, Seal, SealV1
from queuebit_contracts.transparency import Checkpoint, KeysRotated, LogCheckpointed, Rotation
from queuebit_kernel import digest
from queuebit_provenance.adapters import JetStreamSeals
from queuebit_provenance.ports import Seals
from queuebit_runtime.bus import Bus
from queuebit_testing.memory import MemoryLog
from queuebit_testing.server import NatsServer

from .conftest import MemorySeals

Publish = Callable[[str, bytes], Awaitable[int]]


def sealed(leaf: int) -> JobSealed | JobSealedV1:
    """A seal; every third is of version 0.1."""
    place = {
        "tenant": "acme",
        "job": f"j{leaf}",
        "statement": digest(b"%d" % leaf),
        "leaf_index": leaf,
        "tree_size": leaf + 1,
    }
    if leaf % 3 == 0:
        old = SealV1.model_validate({**place, "envelope": "", "inclusion": (), "checkpoint": "head"})
        return JobSealedV1(source="qb/provenance", data=old)
    return JobSealed(source="qb/provenance", data=Seal.model_validate({**place, "text": str(leaf)}))


def headed(size: int) -> LogCheckpointed:
    return LogCheckpointed(source="qb/provenance", data=Checkpoint(log="main", tree_size=size, checkpoint=f"{size}"))


def rotated(leaf: int) -> KeysRotated:
    place = {"log": "main", "trust_version": 2, "profile": "default", "leaf_index": leaf, "tree_size": leaf + 1}
    data = Rotation.model_validate({**place, "statement": digest(b"%d" % leaf), "envelope": "{}"})
    return KeysRotated(source="qb/provenance", data=data)


class SealsLaws:
    """Asks for the fixtures `seals` and `publish`, over an empty log."""

    async def leaves(self, seals: Seals, leaf: int, until: int) -> list[int]:
        return [it.leaf_index async for it in seals.read(leaf, until=until)]

    async def test_seals_are_read_in_order_from_a_leaf_up_to_a_sequence(self, seals: Seals, publish: Publish) -> None:
        places = [await publish(f"qb.job.acme.j{leaf}.sealed", sealed(leaf).to_bytes()) for leaf in range(7)]
        assert await self.leaves(seals, 0, places[-1]) == [0, 1, 2, 3, 4, 5, 6]
        assert await self.leaves(seals, 5, places[-1]) == [5, 6]
        assert await self.leaves(seals, 2, places[4]) == [2, 3, 4]
        assert await self.leaves(seals, 7, places[-1]) == []

    async def test_a_change_of_keys_has_a_leaf_among_them(self, seals: Seals, publish: Publish) -> None:
        await publish("qb.job.acme.j0.sealed", sealed(0).to_bytes())
        await publish("qb.proof.main.keys_rotated.2", rotated(1).to_bytes())
        last = await publish("qb.job.acme.j2.sealed", sealed(2).to_bytes())
        assert await self.leaves(seals, 0, last) == [0, 1, 2]
        assert await self.leaves(seals, 1, last) == [1, 2]

    async def test_what_is_no_seal_is_no_leaf(self, seals: Seals, publish: Publish) -> None:
        await publish("qb.job.acme.j0.sealed", b"nonsense")
        await publish("qb.job.acme.j0.sealed", sealed(0).to_bytes())
        await publish("qb.job.acme.j1.sealed", b'{"type": "qb.job.sealed.v9", "data": {"leaf_index": 1}}')
        last = await publish("qb.job.acme.j2.sealed", sealed(1).to_bytes())
        assert await self.leaves(seals, 0, last) == [0, 1]

    async def test_an_empty_log_has_none(self, seals: Seals) -> None:
        assert await self.leaves(seals, 0, 0) == []
        assert await seals.head(0) is None

    async def test_the_head_of_a_seal_is_the_first_one_after_it(self, seals: Seals, publish: Publish) -> None:
        places = []
        for size in (1, 2):
            places.append(await publish(f"qb.job.acme.j{size}.sealed", sealed(size - 1).to_bytes()))
            await publish("qb.proof.main.checkpointed", headed(size).to_bytes())
        last = await publish("qb.job.acme.j3.sealed", sealed(2).to_bytes())
        assert [await seals.head(it) for it in (0, *places, last)] == ["1", "1", "2", None]


class TestMemorySeals(SealsLaws):
    @pytest.fixture
    def seals(self, log: MemoryLog) -> Seals:
        return MemorySeals(log)

    @pytest.fixture
    def publish(self, log: MemoryLog) -> Publish:
        async def publish(subject: str, body: bytes) -> int:
            return log.publish(subject, body)

        return publish


@pytest.mark.server
class TestJetStreamSeals(SealsLaws):
    @pytest.fixture
    async def bus(self, fresh_server: NatsServer) -> AsyncIterator[Bus]:
        bus = Bus("provenance", fresh_server.url, fresh_server.seeds["provenance"])
        await bus.connect()
        yield bus
        await bus.close()

    @pytest.fixture
    def seals(self, bus: Bus) -> Seals:
        return JetStreamSeals(bus, batch=2)

    @pytest.fixture
    def publish(self, bus: Bus) -> Publish:
        async def publish(subject: str, body: bytes) -> int:
            return (await bus.client.jetstream().publish(subject, body, stream="LOG")).seq

        return publish
