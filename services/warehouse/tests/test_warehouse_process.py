"""Kills, restarts, a broken store, a full disk, and a second process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from queuebit_warehouse.errors import CannotStart
from queuebit_warehouse.settings import read_password

from .conftest import Warehouse

Start = Callable[..., Warehouse]
Run = Callable[[Path, int], subprocess.CompletedProcess[str]]

TABLE = (
    b"CREATE TABLE log (id UInt64) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 1000"
)


def insert(warehouse: Warehouse, batch: int) -> bool:
    """Insert a batch of 100 ids with its token; return whether it was acknowledged."""
    rows = "\n".join(str(batch * 100 + i) for i in range(100)).encode()
    try:
        reply = warehouse.request(
            "INSERT INTO log FORMAT CSV", rows, keys={"insert_deduplication_token": f"batch {batch}"}
        )
    except OSError:
        return False
    return reply.status == 200


@pytest.mark.server
def test_kill_9_neither_loses_nor_duplicates_acknowledged_rows(start_warehouse: Start, tmp_path: Path) -> None:
    warehouse = start_warehouse(tmp_path / "data")
    warehouse.request(body=TABLE)
    batch = 0
    for after in (15, 40):
        timer = threading.Thread(target=lambda: None)
        acknowledged = 0
        while insert(warehouse, batch):
            batch, acknowledged = batch + 1, acknowledged + 1
            if acknowledged == after:
                timer = threading.Timer(0.003, warehouse.process.send_signal, [signal.SIGKILL])
                timer.start()
        timer.join()
        warehouse.process.wait(10)
        warehouse = start_warehouse(tmp_path / "data")
        for repeated in range(max(0, batch - 5), batch + 1):
            assert insert(warehouse, repeated)
        batch += 1
    expected = f"{batch * 100}\t{batch * 100}\n".encode()
    assert warehouse.request("SELECT count(), uniqExact(id) FROM log").body == expected
    assert json.loads(warehouse.request(path="/readyz").body)["detail"]["rebuilt_from_nothing"] is None


@pytest.mark.server
def test_a_second_process_is_refused_and_sigterm_exits_with_0(start_warehouse: Start, run: Run, tmp_path: Path) -> None:
    warehouse = start_warehouse(tmp_path / "data")
    second = run(tmp_path / "data", 0)
    assert second.returncode == 75
    assert str(tmp_path / "data") in second.stderr
    assert f"process {warehouse.process.pid}" in second.stderr
    taken = run(tmp_path / "other", warehouse.port)
    assert taken.returncode == 69
    assert f"port {warehouse.port}" in taken.stderr
    assert len(taken.stderr.splitlines()) == 1
    assert warehouse.stop() == 0


@pytest.mark.server
def test_an_inherited_socket_stays_open_after_the_process(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        chosen = {"LISTEN_FD": listening.fileno(), "DATA_DIR": tmp_path / "data", "PASSWORD_FILE": password}
        environment = {**os.environ, **{f"QUEUEBIT_WAREHOUSE_{key}": str(value) for key, value in chosen.items()}}
        argv = [sys.executable, "-m", "queuebit_warehouse"]
        with subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, pass_fds=[listening.fileno()]) as process:
            assert urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=25).read() == b"Ok.\n"
            process.terminate()
            assert process.wait(10) == 0
        with pytest.raises(OSError, match="in use"), socket.create_server(("127.0.0.1", port)):
            pass
        socket.create_connection(("127.0.0.1", port), timeout=20).close()


@pytest.mark.server
def test_requests_beyond_the_limits_are_refused(start_warehouse: Start, tmp_path: Path) -> None:
    warehouse = start_warehouse(tmp_path / "data", workers=1, max_body_mb=1)
    warehouse.request(body=TABLE)
    large = warehouse.request("INSERT INTO log FORMAT CSV", b"1234567\n" * (2 << 17))
    assert (large.status, large.code) == (413, "335")
    assert warehouse.request("SELECT", b"1" * (1 << 19)).code == "62"
    with ThreadPoolExecutor(40) as crowd:
        slow = crowd.submit(warehouse.request, "SELECT sleep(1)")
        replies = list(crowd.map(lambda _: warehouse.request("SELECT 1"), range(39)))
    assert slow.result().status == 200
    assert {reply.code for reply in replies} == {None, "202"}
    assert warehouse.request("SELECT count() FROM log").body == b"0\n"


@pytest.mark.server
def test_a_store_that_does_not_open_is_moved_away(start_warehouse: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    warehouse = start_warehouse(data)
    warehouse.request(body=TABLE)
    insert(warehouse, 0)
    warehouse.stop()
    for definition in (data / "store").rglob("*.sql"):
        definition.write_text("not a table")
    warehouse = start_warehouse(data)
    ready = json.loads(warehouse.request(path="/readyz").body)
    aside = Path(ready["detail"]["rebuilt_from_nothing"])
    assert aside.name.startswith("store.broken-")
    assert any(aside.rglob("data.bin"))
    assert "starting EMPTY" in warehouse.log.read_text()
    assert warehouse.request("EXISTS TABLE log").body == b"0\n"


@pytest.mark.server
def test_an_old_store_with_an_overlay_default_opens(start_warehouse: Start, tmp_path: Path) -> None:
    store = str(tmp_path / "data" / "store")
    making = f"from queuebit_warehouse.engine import connect; c = connect({store!r}); c.query({TABLE!r}, 'Null')"
    subprocess.run([sys.executable, "-c", making + "; c.query('INSERT INTO log VALUES (7)', 'Null')"], check=True)
    for _ in range(2):
        warehouse = start_warehouse(tmp_path / "data")
        assert warehouse.request("SELECT id FROM log").body == b"7\n"
        warehouse.stop()


@pytest.mark.server
def test_a_store_with_a_broken_part_is_replaced_not_opened_with_missing_rows(
    start_warehouse: Start, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    warehouse = start_warehouse(data)
    warehouse.request(body=TABLE)
    insert(warehouse, 0)
    warehouse.stop()
    for part in (data / "store").rglob("checksums.txt"):
        part.write_bytes(b"")
    warehouse = start_warehouse(data)
    assert json.loads(warehouse.request(path="/readyz").body)["detail"]["rebuilt_from_nothing"]


def flip(path: Path) -> None:
    """Change every byte of a file, as a failing disk can."""
    path.write_bytes(bytes(byte ^ 0xFF for byte in path.read_bytes()))


def lost_parts(warehouse: Warehouse) -> int:
    return int(warehouse.request("SELECT count() FROM system.detached_parts WHERE table = 'log'").body)


@pytest.mark.server
def test_a_damaged_part_is_detached_after_a_query_and_at_the_next_start(start_warehouse: Start, tmp_path: Path) -> None:
    warehouse = start_warehouse(tmp_path / "data")
    warehouse.request(body=TABLE)
    assert insert(warehouse, 0)
    assert insert(warehouse, 1)
    store = tmp_path / "data" / "store"
    first, second = sorted(part.parent for part in store.rglob("all_*/data.bin"))
    for file in first.iterdir():
        if file.name.startswith("data."):
            file.write_bytes(b"")
    while lost_parts(warehouse) < 1:
        warehouse.request("SELECT sum(id) FROM log")
        time.sleep(0.05)
    assert warehouse.request("SELECT count() FROM log").body == b"100\n"
    assert warehouse.stop() == 0
    flip(second / "data.bin")
    warehouse = start_warehouse(tmp_path / "data")
    while warehouse.request("SELECT count(), sum(id) FROM log").body != b"0\t0\n":  # a query that meets the part fails
        time.sleep(0.05)
    assert lost_parts(warehouse) >= 2
    assert json.loads(warehouse.request(path="/readyz").body)["ready"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.server
def test_a_full_disk_is_reported_until_there_is_space(start_warehouse: Start, small_disk: Path) -> None:
    warehouse = start_warehouse(small_disk / "data")
    warehouse.request(body=TABLE)
    assert insert(warehouse, 0)
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
    refused = warehouse.request("INSERT INTO log FORMAT CSV", b"1\n")
    assert refused.code == "243"
    health = warehouse.request(path="/healthz")
    assert health.status == 503
    assert "full" in json.loads(health.body)["reason"]
    assert warehouse.request("SELECT count() FROM log").body == b"100\n"
    ballast.unlink()
    assert insert(warehouse, 1)
    assert warehouse.request(path="/healthz").status == 200
    assert warehouse.request("SELECT count() FROM log").body == b"200\n"
    assert warehouse.stop() == 0


@pytest.mark.parametrize(
    ("mode", "text", "says"),
    [(0o644, "secret", "chmod 600"), (0o600, " \n", "must hold exactly one line"), (None, "", "cannot read")],
)
def test_a_password_file_must_be_private_and_not_empty(tmp_path: Path, mode: int | None, text: str, says: str) -> None:
    path = tmp_path / "password"
    if mode is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(CannotStart, match=says) as refused:
        read_password(path)
    assert refused.value.exit_code == 78


@pytest.fixture
def run() -> Run:
    """Run a warehouse that is expected to refuse."""

    def start(data_dir: Path, port: int) -> subprocess.CompletedProcess[str]:
        password = data_dir.parent / "password"
        password.touch(mode=0o600)
        password.write_text("x")
        chosen = {"PORT": port, "DATA_DIR": data_dir, "PASSWORD_FILE": password}
        environment = {**os.environ, **{f"QUEUEBIT_WAREHOUSE_{key}": str(value) for key, value in chosen.items()}}
        return subprocess.run(
            [sys.executable, "-m", "queuebit_warehouse"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
        )

    return start
