"""`qb recover` on a real store: what the warehouse holds comes back in its place, what it lacks is written down."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import nats
import pytest

from queuebit_contracts.catalog import decode
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.topology import inbox_of
from queuebit_contracts.wire import Event
from queuebit_runtime.rows import Row, row_of
from queuebit_runtime.secrets import read_secret
from queuebit_stack.bootstrap import bootstrap, read_tenants, write_nats_config
from queuebit_stack.encryption import bus_store_key
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.ports import auto
from queuebit_stack.process_specs import NATS, WAREHOUSE, Spec, process_specs
from queuebit_stack.recovery import finding, repair
from queuebit_stack.recovery.block_cipher import BlockCipher
from queuebit_stack.recovery.finding import damage, require_whole_log
from queuebit_stack.recovery.reading import read_log
from queuebit_stack.recovery.record import Run, lost, recoveries, runs
from queuebit_stack.recovery.repair import Outcome, known_end, repair_log
from queuebit_stack.recovery.restoring import record_of
from queuebit_stack.recovery.running import running
from queuebit_stack.stack import Stack
from queuebit_stack.topology_setup import lay_out_again
from queuebit_testing.build import NOON, funded
from queuebit_testing.damage import flip_a_bit, tear

_SUBJECT = "qb.account.acme.main.funded"
_NOW = "2026-11-28T12:00:00.000000Z"
_GOLDEN = sorted((Path(__file__).parents[3] / "contracts" / "examples").glob("*/*.json"))


@pytest.mark.parametrize("path", _GOLDEN, ids=lambda it: it.parent.name)
def test_every_kind_of_event_is_made_again_from_its_row(path: Path) -> None:
    event = decode(path.read_bytes())
    assert isinstance(event, Event)
    row = row_of(subject_of(event), event.to_bytes(), 7, NOON)
    record = record_of(row, _NOW)
    assert record is not None
    assert decode(record.body) == event
    assert row_of(record.subject, record.body, record.sequence, NOON) == row
    assert record.stored_ns == int(NOON.timestamp()) * 10**9


@pytest.mark.parametrize("body", [b"poison", b"\xff\x00", b"{}", b'{"id": "x", "data": {}}'])
def test_what_never_was_an_event_is_made_again_byte_for_byte(body: bytes) -> None:
    record = record_of(row_of(_SUBJECT, body, 7, NOON), _NOW)
    assert record is not None
    assert record.body == body


def test_a_row_that_no_message_makes_is_not_believed() -> None:
    row = row_of(_SUBJECT, funded().to_bytes(), 7, NOON)
    assert record_of(row._replace(tenant="evil"), _NOW) is None


def test_rising_sequences_are_runs() -> None:
    assert runs([1, 2, 3, 7, 9, 9, 10]) == ((1, 3), (7, 7), (9, 10))


def cipher(home: Home) -> BlockCipher:
    return BlockCipher(bus_store_key(home))


class Archive:
    """Stands for the warehouse: holds rows by sequence."""

    held: dict[int, Row] = {}  # noqa: RUF012  # created again for each test

    def __init__(self, *_: object) -> None:
        self.rows_by_sequence = self.held

    def last(self) -> int:
        return max(self.held, default=0)

    def rows(self, wanted: Sequence[Run]) -> Iterator[Row]:
        for first, last in wanted:
            yield from (row for sequence, row in sorted(self.held.items()) if first <= sequence <= last)


@pytest.mark.server
class TestMending:
    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
        """A stopped home with ten events in its log, all of them in the warehouse."""
        home = Home(tmp_path)
        bootstrap(home)
        home.jetstream.mkdir()
        self.ports = auto({})
        write_nats_config(home, self.ports, read_tenants(home))
        bodies = [funded(str(number)).to_bytes() for number in range(1, 11)]
        with self.server(home):
            lay_out_again(home, self.ports[NATS])
            asyncio.run(self.publish(home, bodies))
            lay_out_again(home, self.ports[NATS])
        rows = {number: row_of(_SUBJECT, body, number, NOON) for number, body in enumerate(bodies, start=1)}
        monkeypatch.setattr(Archive, "held", rows)
        monkeypatch.setattr(repair, "Archive", Archive)
        monkeypatch.setattr(repair, "running", self.only_the_bus)
        return home

    async def publish(self, home: Home, bodies: Sequence[bytes]) -> None:
        client = await nats.connect(
            f"nats://127.0.0.1:{self.ports[NATS]}",
            nkeys_seed=str(home.seed_file("broker")),
            inbox_prefix=inbox_of("broker").encode(),
        )
        for body in bodies:
            await client.jetstream().publish(_SUBJECT, body, stream="LOG")
        await client.close()

    def server(self, home: Home) -> AbstractContextManager[None]:
        (spec,) = (it for it in process_specs(home, self.ports) if it.name == NATS)
        return running(home, spec)

    @staticmethod
    @contextmanager
    def only_the_bus(home: Home, spec: Spec) -> Iterator[None]:
        if spec.name == WAREHOUSE:
            yield
        else:
            with running(home, spec):
                yield

    def repair_log(self, home: Home, *, give_up: bool = False) -> Outcome:
        return repair_log(home, self.ports, _NOW, lambda _: None, give_up=give_up)

    def readable(self, home: Home) -> list[int]:
        with self.server(home):
            seed = read_secret(home.seed_file("operator"))
            reading = asyncio.run(read_log(f"nats://127.0.0.1:{self.ports[NATS]}", seed))
        return [it for it in range(1, reading.last + 1) if it not in reading.missing]

    def test_damaged_messages_come_back_in_their_places(self, home: Home) -> None:
        for sequence in (1, 4, 10):
            flip_a_bit(home.nats, sequence, cipher(home))
        outcome = self.repair_log(home)
        assert (outcome.restored, outcome.lost, outcome.end) == ([1, 4, 10], [], 10)
        assert self.readable(home) == [*range(1, 11)]
        assert self.repair_log(home).restored == []

    def test_damage_is_named_before_it_is_mended(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(finding, "Archive", Archive)
        del Archive.held[9]
        flip_a_bit(home.nats, 4, cipher(home))
        flip_a_bit(home.nats, 9, cipher(home))
        stack = Stack("up", self.ports, {NATS: f"nats://127.0.0.1:{self.ports[NATS]}"})
        with self.server(home):
            count, found = damage(home, stack)
            with pytest.raises(Stop, match="the warehouse may hold the only copy"):
                require_whole_log(home, stack)
        assert count == 2
        assert found == (
            "2 of 10 stored messages cannot be read: sequence 4 (qb.account.funded.v1, tenant acme), "
            "sequence 9 (not in the warehouse)"
        )

    def test_a_lost_tail_comes_back_but_for_what_only_the_log_held(self, home: Home) -> None:
        del Archive.held[10]
        tear(home.nats, 8, cipher(home))
        outcome = self.repair_log(home)
        assert (outcome.restored, outcome.lost) == ([8, 9], [10])
        assert lost(home) == {10}
        assert recoveries(home)[0].lost == ((10, 10),)
        assert known_end(home) == 10
        assert self.readable(home) == [*range(1, 10)]
        again = self.repair_log(home)
        assert (again.restored, again.lost, again.end) == ([], [], 10)

    def test_a_log_whose_folder_is_gone_comes_back(self, home: Home) -> None:
        (folder,) = home.jetstream.glob("**/streams/LOG")
        shutil.rmtree(folder)
        assert self.repair_log(home).restored == [*range(1, 11)]
        assert self.readable(home) == [*range(1, 11)]

    @pytest.mark.parametrize("stream", ["LOG", "KV_PAYLOADS"])
    def test_a_stream_whose_configuration_is_torn_keeps_its_messages(self, home: Home, stream: str) -> None:
        (configuration,) = home.jetstream.glob(f"**/streams/{stream}/meta.inf")
        configuration.write_bytes(configuration.read_bytes()[:30])
        outcome = self.repair_log(home)
        assert (outcome.restored, outcome.lost, outcome.end) == ([], [], 10)
        assert self.readable(home) == [*range(1, 11)]

    def test_without_a_warehouse_nothing_is_given_up_unasked(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        @contextmanager
        def broken(home: Home, spec: Spec) -> Iterator[None]:
            if spec.name == WAREHOUSE:
                raise Stop(Exit.UNREACHABLE, "the warehouse cannot be started")
            with running(home, spec):
                yield

        monkeypatch.setattr(repair, "running", broken)
        flip_a_bit(home.nats, 4, cipher(home))
        with pytest.raises(Stop, match="does not answer: nothing was changed") as refused:
            self.repair_log(home)
        assert f"`qb recover --give-up --home {home.root}`" in str(refused.value)
        assert not home.aside.exists()
        assert self.repair_log(home, give_up=True).lost == [4]
        assert self.readable(home) == [1, 2, 3, *range(5, 11)]

    def test_a_warehouse_of_another_history_mends_nothing(self, home: Home) -> None:
        flip_a_bit(home.nats, 4, cipher(home))
        Archive.held[10] = row_of(_SUBJECT, funded("99").to_bytes(), 10, NOON)
        with pytest.raises(Stop, match="they are of different histories") as refused:
            self.repair_log(home)
        assert f"`qb recover --begin-anew --home {home.root}`" in str(refused.value)
        assert not home.aside.exists()

    def test_a_store_that_the_server_does_not_read_is_put_back(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flip_a_bit(home.nats, 4, cipher(home))
        (block,) = home.jetstream.glob("**/streams/LOG/msgs/1.blk")
        before = block.read_bytes()
        monkeypatch.setattr("queuebit_stack.recovery.blocks._HAS_HEADERS", 0)  # as if the format had changed
        with pytest.raises(Stop, match="the store is unchanged"):
            self.repair_log(home)
        assert block.read_bytes() == before
        assert not recoveries(home)
        assert json.loads(home.log_mark.read_text())["last"] == 10

    @pytest.mark.parametrize("started", [False, True])
    def test_a_recovery_that_was_killed_between_two_folders_goes_on(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, started: bool
    ) -> None:
        flip_a_bit(home.nats, 4, cipher(home))
        rename = Path.rename

        def killed(path: Path, target: Path) -> Path:
            if path.name == "msgs.draft":
                raise KeyboardInterrupt
            return rename(path, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", killed)
            with pytest.raises(KeyboardInterrupt):
                self.repair_log(home)
        assert not [*home.jetstream.glob("**/streams/LOG/msgs")]
        if started:  # `qb up` was tried first
            with self.server(home):
                lay_out_again(home, self.ports[NATS])
        Archive.held.clear()  # whatever is there comes from the new folder
        assert self.repair_log(home).lost == []
        assert self.readable(home) == [*range(1, 11)]

    def test_a_store_that_was_not_read_again_is_put_back(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        flip_a_bit(home.nats, 4, cipher(home))
        (block,) = home.jetstream.glob("**/streams/LOG/msgs/1.blk")
        before, read = block.read_bytes(), repair._Servers.read

        def interrupted(bench: repair._Servers) -> object:
            if home.aside.exists():
                raise KeyboardInterrupt
            return read(bench)

        monkeypatch.setattr(repair._Servers, "read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            self.repair_log(home)
        assert block.read_bytes() == before
        assert not recoveries(home)
