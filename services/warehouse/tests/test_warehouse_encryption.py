"""With a master key, no file of the store shows a row; what a store had before is encrypted when it opens."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from queuebit_secrets import VARIABLES, read_master_key

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
