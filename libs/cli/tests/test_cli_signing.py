"""`qb sign` and `qb verify-file`, as a pipeline calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit_cli.main import main

SIGNER = "acme.example/releases"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    one, other = tmp_path / "app.whl", tmp_path / "bell.qasm"
    one.write_bytes(b"wheel")
    other.write_bytes(b"qasm")
    return str(one), str(other)


def test_files_are_signed_and_verified_without_a_stack(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(tmp_path / "home")]
    assert main(["sign", *files, "--signer", SIGNER, "--source", "commit 1f2e", *home]) == 0
    assert f"signed by {SIGNER}; publish {tmp_path}/home/signing/trust.json" in capsys.readouterr().out
    for file in files:
        assert main(["verify-file", file, *home]) == 0
    shown = capsys.readouterr().out
    assert f"{files[1]} is verified: signed as bell.qasm by {SIGNER}" in shown
    assert "made from commit 1f2e" in shown


def test_exit_codes_are_those_of_a_step(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, trust = ["--keys", str(tmp_path / "keys")], ["--trust", str(tmp_path / "keys" / "trust.json")]
    assert main(["sign", files[0], *keys]) == 2, "there are no keys, and no signer is named"
    assert "name the signer, and they are made" in capsys.readouterr().err
    assert main(["sign", files[0], *keys, "--signer", SIGNER]) == 0
    assert main(["sign", files[0], *keys]) == 0, "the keys are there now"
    capsys.readouterr()
    assert main(["verify-file", files[0], *trust, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verified"], found["signed_as"], found["signer"]) == (True, "app.whl", SIGNER)
    assert main(["verify-file", files[1], *trust]) == 2, "it has no signature"
    assert "bell.qasm.dsse.json cannot be read" in capsys.readouterr().err
    Path(files[0]).write_bytes(b"another wheel")
    assert main(["verify-file", files[0], *trust, "--json"]) == 1
    answer = capsys.readouterr()
    assert json.loads(answer.out)["verified"] is False
    assert "is not verified" in answer.err
    assert main(["verify-file", files[1], "--signature", f"{files[0]}.dsse.json", *trust]) == 1
    assert main(["verify-file", str(tmp_path / "nothing"), *trust]) == 2
