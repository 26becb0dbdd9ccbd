"""A backup that is made while events are stored is a home with a whole log."""

from __future__ import annotations

import asyncio
import errno
import shutil
from argparse import Namespace
from pathlib import Path

import pytest

from queuebit_cli.commands.backup import backup
from queuebit_cli.output import Output
from queuebit_stack.errors import Stop
from queuebit_stack.home import Home
from queuebit_stack.log_mark import Mark, require_whole
from queuebit_stack.place import Place
from queuebit_stack.process import Identity
from queuebit_stack.recovery.reading import read_log
from queuebit_stack.stack import Running, Stack
from queuebit_testing.build import funded
from queuebit_testing.server import NatsServer


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The home of a stack that runs."""
    home = Home(tmp_path / "home")
    home.prepare()
    home.tenants_file.write_text("")
    supervisor = Running.of(Identity.of(1))
    Stack("up", {"broker": 1}, {}, supervisor, {"broker": supervisor}).save(home)
    return home


def test_a_copy_runs_nothing_and_remembers_its_original(home: Home, tmp_path: Path) -> None:
    backup(Namespace(home=home.root, folder=tmp_path / "copy"), Output(as_json=False))
    stack = Stack.load(Home(tmp_path / "copy"))
    assert stack is not None
    assert (stack.state, stack.left, stack.supervised) == ("down", {}, False)
    assert stack.original(Home(tmp_path / "copy")) == Place.of(home.root)


def test_a_copy_serves_the_same_backends(home: Home, tmp_path: Path) -> None:
    """The settings of stacks, and which of them the home served, were left out."""
    home.backends_file.write_text("[stack.aer]\nslots = 2\n")
    home.stacks_file.write_text("{}")
    backup(Namespace(home=home.root, folder=tmp_path / "copy"), Output(as_json=False))
    copy = Home(tmp_path / "copy")
    assert (copy.backends_file.read_text(), copy.stacks_file.read_text()) == ("[stack.aer]\nslots = 2\n", "{}")


def test_nothing_is_left_of_a_copy_that_fails(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("queuebit_stack.backup.shutil.copy2", full)
    with pytest.raises(Stop, match="No space left on device"):
        backup(Namespace(home=home.root, folder=tmp_path / "copy"), Output(as_json=False))
    assert [*tmp_path.iterdir()] == [home.root]


@pytest.mark.parametrize(
    ("folder", "why"),
    [("home", "exists already"), ("home/inside", "is inside the home"), ("x/../home", "exists already")],
)
def test_nothing_is_overwritten(home: Home, tmp_path: Path, folder: str, why: str) -> None:
    with pytest.raises(Stop, match=f"{why}.*: choose a folder"):
        backup(Namespace(home=home.root, folder=tmp_path / folder), Output(as_json=False))


@pytest.mark.server
async def test_a_copy_that_is_made_under_load_has_a_whole_log(home: Home, tmp_path: Path) -> None:
    server, copy = NatsServer(home.nats), Home(tmp_path / "copy")
    stored, copied = 0, asyncio.Event()

    async def store() -> None:
        nonlocal stored
        client = await server.connect("broker")
        jetstream = client.jetstream()
        while not copied.is_set():
            await jetstream.publish("qb.account.acme.main.funded", funded().to_bytes(), stream="LOG")
            stored += 1
        await client.close()

    async with server.running():
        storing = asyncio.get_running_loop().create_task(store())
        while stored < 50:
            await asyncio.sleep(0)
        Mark("then", 50).save(home)
        await asyncio.to_thread(backup, Namespace(home=home.root, folder=copy.root), Output(as_json=False))
        copied.set()  # a cancellation can be lost in the client's wait for an answer
        await storing
    shutil.rmtree(home.jetstream)
    shutil.copytree(copy.jetstream, home.jetstream)  # the server's own folder is fixed
    async with server.running():
        reading = await read_log(server.url, server.seeds["operator"])
    assert reading.missing == ()
    assert 50 <= reading.last <= stored + 1
    require_whole(copy, Mark("then", reading.last))
