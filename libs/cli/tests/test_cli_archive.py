"""`qb archive` writes the log of a server as it is, continues where it ended, and refuses another log."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from pathlib import Path

import pytest

from queuebit_archive import Archive, Message
from queuebit_cli.commands import archive as command
from queuebit_cli.output import Output
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_testing.build import funded
from queuebit_testing.server import NatsServer

SUBJECT = "qb.account.acme.main.funded"


@pytest.fixture
def home(tmp_path: Path, fresh_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home of a stack that consists of a server."""
    home = Home(tmp_path / "home")
    home.prepare()
    monkeypatch.setattr(command, "_bus", lambda _: (fresh_server.url, fresh_server.seeds["operator"]))
    return home


async def store(server: NatsServer, count: int) -> list[bytes]:
    """Store events with a header, as the broker; returns their bodies."""
    client = await server.connect("broker")
    bodies = [funded().to_bytes() for _ in range(count)]
    for body in bodies:
        await client.jetstream().publish(SUBJECT, body, stream="LOG", headers={"Qb-Odd": "a:  b"})
    await client.close()
    return bodies


async def run(home: Home, name: str, *, rest: bool = True) -> Exit:
    arguments = Namespace(home=home.root, folder=None, all=rest)
    return await asyncio.to_thread(getattr(command, name), arguments, Output(as_json=True))


@pytest.mark.server
async def test_the_log_is_written_as_it_is_and_continued(
    home: Home, fresh_server: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies = await store(fresh_server, 3)
    assert await run(home, "write", rest=False) is Exit.DONE
    assert json.loads(capsys.readouterr().out) == []
    await run(home, "write")
    bodies += await store(fresh_server, 2)
    await run(home, "write")
    found = list(Archive(home.archive).read())
    assert [(it.sequence, it.subject, it.body) for it in found] == [
        (n, SUBJECT, body) for n, body in enumerate(bodies, 1)
    ]
    assert all(it.headers is not None and b"Qb-Odd: a:  b\r\n" in it.headers for it in found)
    await store(fresh_server, 1)
    capsys.readouterr()
    assert await run(home, "status") is Exit.DONE
    shown = json.loads(capsys.readouterr().out)
    assert (shown["files"], shown["first"], shown["last"], shown["behind"]) == (2, 1, 5, 1)
    assert await run(home, "check") is Exit.DONE
    assert json.loads(capsys.readouterr().out)["faults"] == []


@pytest.mark.server
async def test_times_are_exact(home: Home, fresh_server: NatsServer) -> None:
    await store(fresh_server, 1)
    await run(home, "write")
    (found,) = Archive(home.archive).read()
    client = await fresh_server.connect("operator")
    reply = await client.request("$JS.API.DIRECT.GET.LOG", b'{"seq": 1}')
    await client.close()
    assert reply.headers is not None
    seconds, _, fraction = reply.headers["Nats-Time-Stamp"].removesuffix("Z").partition(".")
    assert int(fraction.ljust(9, "0")) == found.stored_ns % 1_000_000_000
    assert seconds.endswith(f":{found.stored_ns // 1_000_000_000 % 60:02d}")


@pytest.mark.server
async def test_a_log_that_does_not_continue_the_archive_is_refused(home: Home, fresh_server: NatsServer) -> None:
    await store(fresh_server, 2)
    archive = Archive(home.archive)
    await run(home, "write")
    (newest,) = archive.read(2)
    archive.append([newest._replace(sequence=3)])
    with pytest.raises(Stop, match="the events 3-3 are in the archive alone") as stopped:
        await run(home, "write")
    assert stopped.value.code is Exit.REFUSED
    await store(fresh_server, 2)
    with pytest.raises(Stop, match="another event at 3"):
        await run(home, "write")


async def test_a_missing_file_is_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    archive = Archive(home.archive)
    for sequence in (1, 2, 3):
        archive.append([Message(sequence, 0, SUBJECT, None, b"{}")])
    archive.segments()[1].path.unlink()
    assert await run(home, "check") is Exit.DIFFERS
    assert json.loads(capsys.readouterr().out)["faults"][0].startswith("events 2 are missing")
