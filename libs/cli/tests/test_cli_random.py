"""`qb random` on a platform in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit import AsyncClient
from queuebit_cli import connecting
from queuebit_cli.main import main
from queuebit_testing.local_platform import LocalPlatform, local_credential

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> LocalPlatform:
    found = LocalPlatform(seals=True)
    monkeypatch.setattr(connecting, "client_of", lambda _: AsyncClient(local_credential(), transport=found))
    return found


def test_bits_are_the_first_line_and_what_they_are_follows(
    local: LocalPlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["random", "--bits", "128", "--tag", "t"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert len(bytes.fromhex(first)) == 16
    shown = "\n".join(lines)
    assert "Pseudo-random, without any claim of security" in shown
    assert "the least of 10 estimates" in shown
    assert f"receipt of job {local.submissions[0].data.job}: leaf 0, sha256:" in shown
    assert "charged 0.01 USD" in shown


def test_bits_and_record_are_files_for_their_owner_alone(
    local: LocalPlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bits, record = tmp_path / "key.hex", tmp_path / "key.json"
    assert main(["random", "--bits", "64", "--output", str(bits), "--record", str(record), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(bytes.fromhex(bits.read_text())) == 8
    assert bits.stat().st_mode & 0o777 == record.stat().st_mode & 0o777 == 0o600
    assert json.loads(record.read_text()) == document["record"]
    assert "hex" not in document
    assert bits.read_text().strip() not in record.read_text()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--bits", "0"], "bits must be a whole number from 1 to 100,000"),
        (["--bits", "100001"], "bits must be a whole number from 1 to 100,000"),
        (["--bits", "8", "--qubits", "99"], "qubits must be a whole number from 1 to 32"),
        (["--bits", "8", "--output", "/nowhere/key"], "cannot be written"),
        (["--bits", "8", "--max-cost", "much"], "--max-cost"),
    ],
)
def test_bad_input_is_refused(
    words: list[str], text: str, local: LocalPlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["random", *words]) == 2
    assert text in capsys.readouterr().err
    assert not local.submissions
