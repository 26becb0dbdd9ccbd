"""`qb tls init` and `qb hops`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit_cli.main import main


def test_files_and_where_each_belongs_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tls", "init", str(tmp_path / "tls"), "--name", "bus.example", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert Path(found["certificate"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert main(["tls", "init", "--home", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert f'ca_file = "{tmp_path}/tls/ca.pem"' in text
    assert "localhost, 127.0.0.1, ::1" in text


def test_addresses_are_rows_and_a_wrong_one_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hops", "http://127.0.0.1:1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["protocol"], row["post_quantum"]) == ("plain", False)
    assert main(["hops", "http://127.0.0.1:1"]) == 0
    assert "not encrypted" in " ".join(capsys.readouterr().out.split())
    assert main(["hops", "gopher://x"]) == 2
    assert "is no address" in capsys.readouterr().err
