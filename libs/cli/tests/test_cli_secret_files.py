"""Damaged secrets end `qb up` at once, with what to do; a stack without signing keys never calls itself ready."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_proof import KeyRing
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.config_check import troubles
from queuebit_stack.errors import Stop
from queuebit_stack.home import Home
from queuebit_stack.secret_files import require_passwords, require_signing_keys


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose provenance has made its keys and published how to verify."""
    home = Home(tmp_path)
    bootstrap(home)
    ring = KeyRing.open(home.provenance / "keys", "queuebit.local/main", datetime(2026, 11, 1, tzinfo=UTC))
    home.trust_file.write_bytes(ring.trust.to_bytes())
    return home


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def test_a_good_home_is_in_order(home: Home) -> None:
    require_passwords(home)
    require_signing_keys(home)


def test_a_home_that_never_signed_needs_no_keys_yet(tmp_path: Path) -> None:
    home = Home(tmp_path)
    bootstrap(home)
    require_signing_keys(home)


def test_containers_have_the_keys_in_a_folder_of_their_own(home: Home) -> None:
    containers = home.root / "containers"
    containers.mkdir()
    home.provenance.rename(containers / "provenance")
    require_signing_keys(home)
    _tear(containers / "provenance" / "keys" / "keys.json")
    with pytest.raises(Stop, match="no receipt can be signed"):
        require_signing_keys(home)


@pytest.mark.parametrize(
    "damage", [_tear, Path.unlink, lambda path: path.write_bytes(b"")], ids=["torn", "gone", "empty"]
)
def test_a_stack_without_its_signing_keys_does_not_start(
    home: Home, damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(home.provenance / "keys" / "keys.json")
    assert main(["up", "--detach", "--ports", "auto", "--home", str(home.root)]) == 2
    said = capsys.readouterr().err
    assert "no receipt can be signed" in said
    assert "restore the folder of keys from a backup" in said
    assert any("no receipt can be signed" in it for it in troubles(home, None))


def test_keys_of_another_log_are_not_taken_for_the_homes(home: Home, tmp_path: Path) -> None:
    other = KeyRing.open(tmp_path / "other", "queuebit.local/main", datetime(2026, 11, 1, tzinfo=UTC))
    home.trust_file.write_bytes(other.trust.to_bytes())
    with pytest.raises(Stop, match="lists other keys than"):
        require_signing_keys(home)


def test_a_torn_trust_document_can_be_copied_from_the_keys(home: Home) -> None:
    _tear(home.trust_file)
    with pytest.raises(Stop, match=f"cp {home.provenance / 'keys' / 'trust.json'}"):
        require_signing_keys(home)


@pytest.mark.parametrize("content", ["", "one\ntwo"])
def test_a_damaged_password_has_a_remedy(home: Home, content: str) -> None:
    home.warehouse_password.write_text(content)
    with pytest.raises(Stop, match="is damaged: delete it"):
        require_passwords(home)
