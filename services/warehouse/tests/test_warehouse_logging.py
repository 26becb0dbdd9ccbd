"""How the warehouse writes its log: as all services of a stack do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_warehouse import __main__ as warehouse


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    uvicorn = logging.getLogger("uvicorn.error")
    level = uvicorn.level
    yield
    uvicorn.setLevel(level)


def test_the_level_of_all_services_is_that_of_the_warehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUEUEBIT_WAREHOUSE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("QUEUEBIT_WAREHOUSE_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("QUEUEBIT_LOG_LEVEL", "ERROR")
    monkeypatch.setattr(warehouse, "_serve", lambda _: logging.getLogger("queuebit_warehouse").warning("hidden"))
    assert warehouse.main() == 0
    assert "hidden" not in capsys.readouterr().err
