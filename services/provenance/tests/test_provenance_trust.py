"""Where verifiers find the trust document, and what a recovery left beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from queuebit_proof import KeyRing, TrustInvalid, TrustRoot
from queuebit_provenance.adapters import names_losses, publish_trust
from queuebit_provenance.settings import Settings


@pytest.fixture
def others(tmp_path: Path, keys: KeyRing) -> KeyRing:
    """Later keys of the same log."""
    return KeyRing.open(tmp_path / "others", keys.origin, keys.trust.keys[0].valid_from)


def test_it_is_put_there_once_for_all_to_read(tmp_path: Path, keys: KeyRing) -> None:
    path = tmp_path / "public" / "trust.json"

    assert publish_trust(keys.trust, path) == keys.trust
    assert TrustRoot.parse(path.read_bytes()) == keys.trust
    assert path.stat().st_mode & 0o777 == 0o644
    assert publish_trust(keys.trust, path) == keys.trust


def test_one_that_lists_old_and_new_keys_is_kept_and_believed(tmp_path: Path, keys: KeyRing, others: KeyRing) -> None:
    path = tmp_path / "trust.json"
    both = TrustRoot(version=2, origin=keys.origin, keys=keys.trust.keys + others.trust.keys)
    path.write_bytes(both.to_bytes())

    assert publish_trust(others.trust, path) == both
    assert path.read_bytes() == both.to_bytes()


def test_one_of_other_keys_is_refused(tmp_path: Path, keys: KeyRing, others: KeyRing) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(keys.trust.to_bytes())

    with pytest.raises(TrustInvalid, match="restore the keys"):
        publish_trust(others.trust, path)


def test_a_batch_has_to_fit_the_servers_limit(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="max_batch"):
        Settings(data_dir=tmp_path, max_batch=1000)


@pytest.mark.parametrize(
    ("content", "lost"),
    [
        (None, False),
        ('{"recoveries": []}', False),
        ('{"recoveries": [{"lost": []}]}', False),
        ('{"recoveries": [{"lost": []}, {"lost": [[4, 5]]}]}', True),
    ],
)
def test_a_recovery_says_whether_events_are_lost_for_good(tmp_path: Path, content: str | None, lost: bool) -> None:
    path = tmp_path / "recovered.json"
    if content is not None:
        path.write_text(content)
    assert names_losses(path) is lost


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b'{"recoveries": [{}]}', b'{"recoveries": [1]}'])
def test_a_damaged_record_of_recoveries_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recovered.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"recovered\.json is damaged: restore it from a backup"):
        names_losses(path)
