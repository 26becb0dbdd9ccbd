"""`qb keys`: list, replace, and accept a change."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_proof import KeyRing, Profile, TrustRoot
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.home import Home
from queuebit_stack.secret_files import require_signing_keys


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose provenance has made its keys and published how to verify."""
    home = Home(tmp_path / "home")
    bootstrap(home)
    ring = KeyRing.open(home.provenance / "keys", "queuebit.local/main", datetime(2026, 1, 1, tzinfo=UTC))
    home.trust_file.write_bytes(ring.trust.to_bytes())
    return home


def qb(home: Home, *words: str) -> int:
    return main(["keys", *words, "--home", str(home.root)])


def test_keys_are_listed_with_their_fingerprint(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert qb(home, "list", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["profile"], len(found["keys"])) == (1, "default", 4)
    assert found["fingerprint"] == TrustRoot.parse(home.trust_file.read_bytes()).fingerprint()
    assert qb(home, "list") == 0
    assert "in use" in capsys.readouterr().out


def test_keys_are_replaced_and_a_verifier_accepts_the_change(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "theirs.json"
    shutil.copy(home.trust_file, theirs)
    assert qb(home, "rotate", "--profile", "cnsa2", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["version"], made["profile"]) == (2, "cnsa2")
    require_signing_keys(home)  # the next start publishes the document
    words = ["accept", made["trust"], "--rotation", made["rotation"], "--trust", str(theirs)]
    assert qb(home, *words) == 0
    assert TrustRoot.parse(theirs.read_bytes()).fingerprint() == made["fingerprint"]
    assert qb(home, *words) == 1, "it is no successor of itself"
    assert "not accepted" in capsys.readouterr().err


def test_encrypted_keys_need_their_passphrase_to_be_replaced(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = tmp_path / "passphrase"
    word.write_text("correct horse\n")
    word.chmod(0o600)
    KeyRing.load(home.provenance / "keys", b"correct horse")
    assert qb(home, "rotate") == 3
    assert "no passphrase is given" in capsys.readouterr().err
    assert qb(home, "rotate", "--passphrase-file", str(word)) == 0
    assert KeyRing.load(home.provenance / "keys", b"correct horse").trust.version == 2


def test_keys_never_get_weaker(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    path = home.provenance / "keys"
    shutil.rmtree(path)
    assert qb(home, "rotate", "--profile", "cnsa2") == 3, "there are none"
    capsys.readouterr()
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    KeyRing.open(path, "queuebit.local/main", begin, profile=Profile.CNSA2)
    assert qb(home, "rotate", "--profile", "default") == 3
    assert "never get weaker" in capsys.readouterr().err
