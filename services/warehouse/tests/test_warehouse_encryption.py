"""With a master key, no file of the store shows a row; what a store had before is encrypted when it opens."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit_kernel import FixedClock
from queuebit_secrets import VARIABLES, read_master_key
from queuebit_warehouse.replace_key import replace_key

from .conftest import Warehouse

pytestmark = pytest.mark.server

KEY = base64.b64encode(bytes(range(32))).decode()
ROW = "OPENQASM-3-of-acme"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "master.key"
    path.touch(mode=0o600)
    path.write_text(KEY)
    return path


def shown(folder: Path, *texts: bytes) -> list[Path]:
    """The files that contain one of these texts."""
    files = [it for it in folder.rglob("*") if it.is_file()]
    assert files
    return [it for it in files if any(text in it.read_bytes() for text in texts)]


def insert(warehouse: Warehouse, row: str) -> None:
    assert warehouse.request("INSERT INTO circuits FORMAT CSV", f"1,{row}\n".encode()).status == 200


def test_rows_from_before_and_after_are_encrypted_and_no_file_has_the_key(
    start_warehouse: Callable[..., Warehouse], tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    monkeypatch.delenv(VARIABLES[0], raising=False)
    plain = start_warehouse(folder)
    plain.request(body=b"CREATE TABLE circuits (id UInt64, source String CODEC(NONE)) ENGINE = MergeTree ORDER BY id")
    insert(plain, f"{ROW}-plain")
    plain.stop()
    assert shown(folder, ROW.encode())
    monkeypatch.setenv(VARIABLES[0], str(key_file))
    for number in range(2):
        warehouse = start_warehouse(folder)
        insert(warehouse, f"{ROW}-{number}")
        warehouse.request(body=b"OPTIMIZE TABLE circuits FINAL")
        rows = warehouse.request("SELECT source FROM circuits ORDER BY source FORMAT TSV").body.decode().split()
        warehouse.stop()
    assert rows == [f"{ROW}-0", f"{ROW}-1", f"{ROW}-plain"]
    disk = read_master_key({VARIABLES[0]: str(key_file)}).derive("warehouse")
    assert not shown(folder, disk, disk.hex().encode(), KEY.encode(), ROW.encode())


@pytest.mark.parametrize("renames", range(4))
def test_a_replacement_that_was_killed_between_two_renames_is_completed(tmp_path: Path, renames: int) -> None:
    store, note = tmp_path / "store", tmp_path / "disk.key-id"
    disk, renewed, old = (store / it for it in ("encrypted", "renewed", "encrypted.old"))
    for folder, content in ((disk, "former"), (renewed, "new")):
        folder.mkdir(parents=True)
        (folder / "part").write_text(content)
    disk.rename(old)  # all parts have moved
    if renames > 0:
        renewed.rename(disk)
    if renames > 1:
        replace_key(tmp_path, b"former", b"new", FixedClock(datetime(2026, 12, 1, tzinfo=UTC)))
    if renames == 3:
        old.mkdir()  # killed while it was deleted
    replace_key(tmp_path, b"former", b"new", FixedClock(datetime(2026, 12, 1, tzinfo=UTC)))
    assert {it.name for it in store.iterdir()} == {"encrypted"}
    assert (disk / "part").read_text() == "new"
    assert note.exists()


def replace(folder: Path, former: bytes, new: bytes) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        (sys.executable, "-m", "queuebit_warehouse.replace_key", str(folder)), stdin=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(f"{former.hex()}\n{new.hex()}\n")
    process.stdin.close()
    return process


def test_the_key_is_replaced_also_after_a_kill(
    start_warehouse: Callable[..., Warehouse], tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, store = tmp_path / "data", tmp_path / "data" / "store"
    monkeypatch.setenv(VARIABLES[0], str(key_file))
    former = read_master_key({VARIABLES[0]: str(key_file)})
    warehouse = start_warehouse(folder)
    create = "CREATE TABLE circuits (id UInt64, source String CODEC(NONE)) ENGINE = MergeTree ORDER BY id "
    warehouse.request(body=f"{create}PARTITION BY source".encode())
    for number in range(6):
        insert(warehouse, f"{ROW}-{number:02}")
    warehouse.stop()
    key_file.write_text(base64.b64encode(bytes(range(32, 64))).decode())
    new = read_master_key({VARIABLES[0]: str(key_file)})
    keys = former.derive("warehouse"), new.derive("warehouse")

    killed = replace(folder, *keys)
    while not list(store.glob("renewed/store/*/*/*/data.bin")) and killed.poll() is None:
        time.sleep(0.001)  # until a part has moved
    killed.kill()
    killed.wait()
    assert (store / "encrypted").exists(), "it was killed before the new disk took its place"
    assert replace(folder, *keys).wait() == 0
    assert sorted(it.name for it in store.iterdir() if it.name.startswith(("encrypted", "renewed"))) == ["encrypted"]

    warehouse = start_warehouse(folder)
    insert(warehouse, f"{ROW}-06")
    rows = warehouse.request("SELECT source FROM circuits ORDER BY source FORMAT TSV").body.decode().split()
    warehouse.stop()
    assert rows == [f"{ROW}-{number:02}" for number in range(7)]
    assert not shown(folder, ROW.encode(), keys[0].hex().encode(), keys[1].hex().encode())
