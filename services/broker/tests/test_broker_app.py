"""What keeps the broker from starting is said in one line, not in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_broker.app import create_app
from queuebit_runtime.service import run


def test_a_broken_price_book_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prices.toml").write_text("version = 1")
    monkeypatch.setenv("QUEUEBIT_BROKER_PRICE_BOOK", str(tmp_path / "prices.toml"))
    assert run(create_app) == 2
    assert "price book" in capsys.readouterr().err
