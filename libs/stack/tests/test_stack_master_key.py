"""The master key of a home is replaced, also if the command is killed at any of its steps."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import nats
import pytest
from nats.js.errors import NotFoundError

from queuebit_runtime.server_config import server_binary
from queuebit_secrets import VARIABLES, MasterKey, make_master_key
from queuebit_stack import master_key_replacement
from queuebit_stack.encryption import STORE_KEY, key_variables, master_key, own_file, prepare_master_key, store_key_of
from queuebit_stack.errors import Stop
from queuebit_stack.home import Home
from queuebit_stack.master_key_replacement import replace_master_key
from queuebit_stack.recovery.key_files import WrongStoreKey, replace_store_key
from queuebit_testing.server import free_port


@pytest.fixture
def home(home: Home) -> Home:
    """A home with a master key."""
    prepare_master_key(home)
    return home


def ignored(text: str) -> None:
    assert text


# --- which key


def test_a_new_key_is_beside_the_default_one_which_other_homes_keep(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.prepare()
    prepare_master_key(other)
    former = master_key(home)
    new = replace_master_key(home, {}, ignored)
    assert (master_key(home).fingerprint, master_key(other).fingerprint) == (new.fingerprint, former.fingerprint)
    assert key_variables(home) == {VARIABLES[0]: str(tmp_path / "config/queuebit" / f"master-{new.fingerprint}.key")}
    assert replace_master_key(home, {}, ignored).fingerprint != new.fingerprint, "it can be replaced again"


def test_a_key_of_the_operator_takes_its_place(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "vaulted.key"
    make_master_key(file)
    new = replace_master_key(home, {VARIABLES[0]: str(file)}, ignored)
    with pytest.raises(Stop, match=f"is encrypted with the master key {new.fingerprint}"):
        master_key(home)
    monkeypatch.setenv(VARIABLES[0], str(file))
    assert master_key(home).fingerprint == new.fingerprint
    with pytest.raises(Stop, match="is the key of this home already"):
        replace_master_key(home, {VARIABLES[0]: str(file)}, ignored)


def test_a_wrong_former_key_is_refused(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = home.encryption_file.read_bytes()
    make_master_key(tmp_path / "wrong.key")
    monkeypatch.setenv(VARIABLES[0], str(tmp_path / "wrong.key"))
    with pytest.raises(Stop, match="is encrypted with the master key"):
        replace_master_key(home, {}, ignored)
    assert home.encryption_file.read_bytes() == before


def test_a_replacement_that_is_not_complete_keeps_the_stack_down_and_takes_no_third_key(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(store: Path, former: str, new: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(master_key_replacement, "replace_store_key", killed)
        with pytest.raises(KeyboardInterrupt):
            replace_master_key(home, {}, ignored)
    with pytest.raises(Stop, match=r"is being replaced by .*`qb master-key replace"):
        master_key(home)
    make_master_key(tmp_path / "third.key")
    with pytest.raises(Stop, match="is not complete, and this key is"):
        replace_master_key(home, {VARIABLES[0]: str(tmp_path / "third.key")}, ignored)
    started = json.loads(home.encryption_file.read_text())["next"]
    assert replace_master_key(home, {}, ignored).fingerprint == started
    assert master_key(home).fingerprint == started


def test_the_new_key_and_the_note_are_on_disk_before_a_store_needs_them(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    monkeypatch.setattr("os.sync", lambda: steps.append("sync"))
    monkeypatch.setattr(master_key_replacement, "replace_store_key", lambda *_: steps.append("store"))
    replace_master_key(home, {}, ignored)
    assert steps == ["sync", "store"]


def test_the_draft_of_another_process_is_not_used(home: Home) -> None:
    other = own_file("new-of-another-process")
    make_master_key(other)
    make_master_key(own_file("new"))
    before = other.read_bytes(), own_file("new").read_bytes()
    new = replace_master_key(home, {}, ignored)
    assert (other.read_bytes(), own_file("new").read_bytes()) == before
    assert master_key(home).fingerprint == new.fingerprint


# --- the store of nats-server


@contextmanager
def server(home: Home, key: MasterKey) -> Iterator[int]:
    """nats-server on the store of a home, with a key."""
    port, config, log = free_port(), home.nats / "test.conf", home.nats / "test.log"
    config.write_text(
        f'''host: "127.0.0.1"
port: {port}
jetstream {{ store_dir: "{home.jetstream}", cipher: aes, key: ${STORE_KEY}, max_mem: 64MB, max_file: 1GB }}
accounts {{ QUEUEBIT: {{ jetstream: enabled, users: [{{ user: test, password: test }}] }} }}
'''
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            (server_binary(), "-c", str(config)), env={STORE_KEY: store_key_of(key)}, stdout=output, stderr=output
        )
    try:
        while b"Server is ready" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


async def fill(port: int) -> None:
    """Store a stream and the position of a consumer in it."""
    client = await nats.connect(f"nats://127.0.0.1:{port}", user="test", password="test")
    log = client.jetstream()
    await log.add_stream(name="LOG", subjects=["qb.job"])
    for number in range(100):
        await log.publish("qb.job", f"OPENQASM-{number}".encode())
    pulled = await log.pull_subscribe("qb.job", durable="reader", stream="LOG")
    for message in await pulled.fetch(7):
        await message.ack_sync()
    await client.close()


async def found(port: int) -> tuple[list[bytes], int] | None:
    """All messages, and the position of the consumer; None if there is no stream."""
    client = await nats.connect(f"nats://127.0.0.1:{port}", user="test", password="test")
    log = client.jetstream()
    try:
        messages = [(await log.get_msg("LOG", number)).data or b"" for number in range(1, 101)]
        floor = (await log.consumer_info("LOG", "reader")).ack_floor
        return messages, floor.stream_seq if floor else 0
    except NotFoundError:
        return None
    finally:
        await client.close()


class Killed(BaseException):
    """In place of a kill: nothing catches it."""


def killed_before(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Kill before a file takes its place for the nth time."""
    left, replace = step, Path.replace

    def counted(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", counted)


@pytest.mark.server
async def test_streams_and_positions_open_with_the_new_key_after_a_kill_at_each_step(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = former = master_key(home)
    with server(home, former) as port:
        await fill(port)
        before = await found(port)
    assert before is not None
    assert before[1] == 7
    for step in count():  # the new key, the note of both, three key files, the note of the new one
        with monkeypatch.context() as patched:
            killed_before(patched, step)
            try:
                replace_master_key(home, {}, ignored)
                break
            except Killed:
                pass
        if json.loads(home.encryption_file.read_text())["master_key"] == former.fingerprint:
            replace_master_key(home, {}, ignored)
        former = master_key(home)
        replace_store_key(home.jetstream, "neither", store_key_of(former))  # all key files open with the new key alone
    assert step == 6
    with server(home, master_key(home)) as port:
        assert await found(port) == before
    with pytest.raises(WrongStoreKey, match="encrypted with a third key"):
        replace_store_key(home.jetstream, store_key_of(first), "neither")
