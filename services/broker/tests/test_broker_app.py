"""What keeps the broker from starting is said in one line, not in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_broker.app import create_app
from queuebit_runtime.service import run


@pytest.mark.parametrize(
    ("tenants", "prices", "told"),
    [
        ("[tenant.acme]\nshare = 0\n", None, "tenant.acme.share"),
        (None, None, "tenants.toml cannot be read"),
        ("", "version = 1", "price book"),
    ],
)
def test_a_broken_file_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    book_text: str,
    tenants: str | None,
    prices: str | None,
    told: str,
) -> None:
    (tmp_path / "prices.toml").write_text(prices or book_text)
    if tenants is not None:
        (tmp_path / "tenants.toml").write_text(tenants)
    monkeypatch.setenv("QUEUEBIT_BROKER_TENANTS_FILE", str(tmp_path / "tenants.toml"))
    monkeypatch.setenv("QUEUEBIT_BROKER_PRICE_BOOK", str(tmp_path / "prices.toml"))
    assert run(create_app) == 2
    assert told in capsys.readouterr().err
