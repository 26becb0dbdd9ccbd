"""A home knows its log: one that is gone, exchanged or shorter than it was is never written to."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from queuebit_stack.home import Home
from queuebit_stack.log_mark import LogLost, Mark, known, require_whole
from queuebit_stack.topology_setup import lay_out
from queuebit_testing.build import funded
from queuebit_testing.damage import tear
from queuebit_testing.server import NatsServer


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


def test_a_new_home_knows_of_no_log(home: Home) -> None:
    require_whole(home, None)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "the log is missing"),
        (Mark("tuesday", 66), "was created tuesday, the one of this home monday"),
        (Mark("monday", 65), "ends at sequence 65, and it reached 66"),
    ],
)
def test_a_log_that_lost_events_is_refused_with_the_ways_out(home: Home, found: Mark | None, words: str) -> None:
    Mark("monday", 66).save(home)
    with pytest.raises(LogLost, match=words) as refused:
        require_whole(home, found)
    assert "backup" in str(refused.value)
    assert "qb recover --begin-anew" in str(refused.value)


def test_a_log_that_went_on_is_taken(home: Home) -> None:
    Mark("monday", 66).save(home)
    require_whole(home, Mark("monday", 67))


def test_published_receipts_tell_of_a_log_that_was_never_written_down(home: Home) -> None:
    (home.provenance / "log").mkdir()
    (home.provenance / "log" / "checkpoint").write_text("queuebit.local/main\n3\nAAAA\n\n— x y\n")
    assert known(home) == Mark("", 3)
    with pytest.raises(LogLost, match="the log is missing"):
        require_whole(home, None)


@pytest.mark.server
class TestWithServer:
    @pytest.fixture
    async def server(self, home: Home) -> AsyncIterator[NatsServer]:
        """A server with ten events in its log, and a home that knows of them."""
        server = NatsServer(home.nats)
        async with server.running():
            shutil.copy(server.seed_file("provisioner"), home.seed_file("provisioner"))
            await self.lay_out(home, server)
            client = await server.connect("broker")
            for _ in range(10):
                await client.jetstream().publish("qb.account.acme.main.funded", funded().to_bytes(), stream="LOG")
            await client.close()
            await self.lay_out(home, server)
            mark = known(home)
            assert mark is not None
            assert mark.last == 10
            yield server

    async def lay_out(self, home: Home, server: NatsServer) -> None:
        await asyncio.to_thread(lay_out, home, server.port, lambda: True)

    async def test_a_log_whose_folder_is_gone_is_not_replaced_by_an_empty_one(
        self, home: Home, server: NatsServer
    ) -> None:
        server.kill()
        (folder,) = home.jetstream.glob("**/streams/LOG")
        shutil.rmtree(folder)
        await server.start(provisioned=False)
        with pytest.raises(LogLost, match="the log is missing"):
            await self.lay_out(home, server)
        assert not folder.exists()

    async def test_a_log_that_was_torn_gives_no_sequence_away_twice(self, home: Home, server: NatsServer) -> None:
        server.kill()
        tear(home.jetstream, 7)
        await server.start(provisioned=False)
        with pytest.raises(LogLost, match="ends at sequence 6, and it reached 10"):
            await self.lay_out(home, server)
