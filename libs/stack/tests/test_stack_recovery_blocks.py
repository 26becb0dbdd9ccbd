"""What is written into the store of a stopped server is read by the server as if it had never been gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit_stack.recovery.block_cipher import BlockCipher
from queuebit_stack.recovery.blocks import Record, insert, records
from queuebit_testing.build import funded
from queuebit_testing.damage import flip_a_bit, tear
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

_SUBJECT = "qb.account.acme.main.funded"
_NOON = 1_795_867_200_000_000_000

PLAIN = BlockCipher()


@pytest.fixture
async def server(tmp_path: Path) -> NatsServer:
    """A stopped server with ten events in its log."""
    server = NatsServer(tmp_path)
    async with server.running():
        client = await server.connect("broker")
        for number in range(1, 11):
            await client.jetstream().publish(
                _SUBJECT, funded(str(number)).to_bytes(), stream="LOG", headers={"Qb-Number": str(number)}
            )
        await client.close()
        server.stop()
    return server


def blocks(server: NatsServer) -> Path:
    (folder,) = server.folder.glob("**/streams/LOG/msgs")
    return folder


def lost(sequence: int) -> Record:
    return Record(
        sequence, _NOON, _SUBJECT, b"NATS/1.0\r\nQb-Recovered: now\r\n\r\n", funded(f"{sequence}00").to_bytes()
    )


async def read(server: NatsServer) -> dict[int, str]:
    """The amount of each event, as a stream's own server reads them."""
    found = {}
    async with server.running():
        client = await server.connect("operator")
        jetstream = client.jetstream()
        last = (await jetstream.stream_info("LOG")).state.last_seq
        for sequence in range(1, last + 1):
            reply = await client.request("$JS.API.DIRECT.GET.LOG", json.dumps({"seq": sequence}).encode())
            if reply.data:
                found[sequence] = json.loads(reply.data)["data"]["amount"]["amount"]
        await client.close()
        server.stop()
    return found


async def test_records_of_a_healthy_block_are_written_again_byte_for_byte(server: NatsServer) -> None:
    (block,) = blocks(server).glob("*.blk")
    assert b"".join(content for _, content in records(block, PLAIN)) == block.read_bytes()


async def test_a_damaged_message_is_replaced_and_its_neighbours_are_kept(server: NatsServer, tmp_path: Path) -> None:
    flip_a_bit(server.folder, 5)
    flip_a_bit(server.folder, 10)
    before = next(blocks(server).glob("*.blk")).read_bytes()
    insert(blocks(server), [lost(5), lost(10)], tmp_path / "aside", PLAIN)
    expected = {number: str(number) for number in range(1, 11)} | {5: "500", 10: "1000"}
    assert await read(server) == expected
    assert (tmp_path / "aside" / "1.blk").read_bytes() == before


async def test_a_damaged_length_costs_one_message_and_not_the_rest_of_the_block(
    server: NatsServer, tmp_path: Path
) -> None:
    (block,) = blocks(server).glob("*.blk")
    content = bytearray(block.read_bytes())
    content[content.index(_SUBJECT.encode(), 1000) - 22] ^= 0x40
    block.write_bytes(content)
    (gone,) = {*range(1, 11)} - {sequence for sequence, _ in records(block, PLAIN)}
    insert(blocks(server), [lost(gone)], tmp_path / "aside", PLAIN)
    assert await read(server) == {number: str(number) for number in range(1, 11)} | {gone: f"{gone}00"}


async def test_a_torn_tail_is_appended(server: NatsServer, tmp_path: Path) -> None:
    tear(server.folder, 8)
    insert(blocks(server), [lost(8), lost(9), lost(10)], tmp_path / "aside", PLAIN)
    assert await read(server) == {number: str(number) for number in range(1, 8)} | {8: "800", 9: "900", 10: "1000"}


async def test_the_place_of_what_cannot_be_restored_is_not_given_away_again(server: NatsServer, tmp_path: Path) -> None:
    tear(server.folder, 8)
    flip_a_bit(server.folder, 3)
    insert(blocks(server), [Record(3, _NOON), Record(8, _NOON), lost(9), Record(10, _NOON)], tmp_path / "aside", PLAIN)
    assert set(await read(server)) == {1, 2, 4, 5, 6, 7, 9}
    async with server.running():
        client = await server.connect("broker")
        assert (await client.jetstream().publish(_SUBJECT, funded().to_bytes(), stream="LOG")).seq == 11
        await client.close()


async def test_a_log_whose_folder_is_gone_is_written_whole(
    server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_stack.recovery.blocks._BLOCK_BYTES", 1000)
    for block in blocks(server).glob("*"):
        block.unlink()
    insert(blocks(server), map(lost, range(1, 11)), tmp_path / "aside", PLAIN)
    assert len([*blocks(server).glob("*.blk")]) > 2
    assert await read(server) == {number: f"{number}00" for number in range(1, 11)}
