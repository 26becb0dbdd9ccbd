from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit_proof import KeyRing, KeysUnsafe, TrustInvalid, TrustRoot, open_envelope, seal
from queuebit_proof.algorithms import SigningKey

NOW = datetime(2026, 11, 20, 8, 0, 0, 700_000, tzinfo=UTC)
ORIGIN = "queuebit.example/log"


def edited(trust: TrustRoot, **fields: object) -> bytes:
    return json.dumps(json.loads(trust.to_bytes()) | fields).encode()


def test_keys_are_generated_once_and_then_loaded(tmp_path: Path) -> None:
    first = KeyRing.open(tmp_path / "keys", ORIGIN, NOW)
    again = KeyRing.open(tmp_path / "keys", ORIGIN, NOW.replace(year=2030))
    assert again.trust == first.trust
    assert KeyRing.load(tmp_path / "keys").trust == first.trust
    assert open_envelope(seal(b"{}", again), first.trust).payload == b"{}"


def test_only_the_owner_can_access_the_files(tmp_path: Path) -> None:
    KeyRing.open(tmp_path / "keys", ORIGIN, NOW)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "keys", *(tmp_path / "keys").iterdir()]
    }
    assert modes == {"keys": 0o700, "keys.json": 0o600, "trust.json": 0o600}


def test_concurrent_starts_generate_one_set_of_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: KeyRing.open(tmp_path / "keys", ORIGIN, NOW), range(8)))
    assert len({ring.trust.fingerprint() for ring in rings}) == 1
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["keys.json", "trust.json"]


@pytest.mark.parametrize(("name", "mode"), [("", 0o750), ("keys.json", 0o640), ("keys.json", 0o604)])
def test_keys_that_others_can_read_are_refused(tmp_path: Path, name: str, mode: int) -> None:
    KeyRing.open(tmp_path / "keys", ORIGIN, NOW)
    (tmp_path / "keys" / name).chmod(mode)
    with pytest.raises(KeysUnsafe, match="run chmod"):
        KeyRing.open(tmp_path / "keys", ORIGIN, NOW)


def test_keys_of_another_log_are_refused(tmp_path: Path) -> None:
    KeyRing.open(tmp_path / "keys", ORIGIN, NOW)
    with pytest.raises(KeysUnsafe, match="use another folder"):
        KeyRing.open(tmp_path / "keys", "elsewhere.example/log", NOW)


def test_damaged_keys_are_never_replaced_by_new_ones(tmp_path: Path) -> None:
    KeyRing.open(tmp_path / "keys", ORIGIN, NOW)
    path = tmp_path / "keys" / "keys.json"
    path.write_bytes(damaged := path.read_bytes()[:-40])
    with pytest.raises(KeysUnsafe, match="restore it from a backup"):
        KeyRing.open(tmp_path / "keys", ORIGIN, NOW)
    assert path.read_bytes() == damaged


def test_a_folder_without_keys_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(KeysUnsafe, match="there are no keys"):
        KeyRing.load(tmp_path)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "a\nb", "x" * 256])
def test_a_log_needs_a_name_that_fits_a_signature_line(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ValueError, match="is not a name for a log"):
        KeyRing.open(tmp_path / "keys", origin, NOW)


def test_repr_shows_no_secret(ring: KeyRing) -> None:
    seeds = [key.seed for key in ring._keys.values() if isinstance(key, SigningKey)]
    assert len(seeds) == 4
    assert all(it.hex() not in repr(ring) and repr(it) not in repr(ring) for it in seeds)


def test_a_trust_document_round_trips(tmp_path: Path) -> None:
    trust = KeyRing.open(tmp_path / "keys", ORIGIN, NOW).trust
    published = TrustRoot.parse((tmp_path / "keys" / "trust.json").read_bytes())
    assert published == trust
    assert published.fingerprint() == trust.fingerprint()
    assert {key.valid_from for key in trust.keys} == {NOW.replace(microsecond=0)}


def test_every_key_names_its_algorithm(trust: TrustRoot) -> None:
    assert [(key.purpose, key.algorithm) for key in trust.keys] == [
        ("statement", "ed25519"),
        ("statement", "ml-dsa-65"),
        ("checkpoint", "ed25519"),
        ("checkpoint", "ml-dsa-44"),
    ]
    assert trust.keys[1].key_id.startswith("ml-dsa-65:")
    assert [line.split("+")[0] for line in trust.vkeys()] == [ORIGIN, ORIGIN]


@pytest.mark.parametrize("dropped", range(4))
def test_a_trust_document_without_one_of_the_keys_is_refused(trust: TrustRoot, dropped: int) -> None:
    keys = json.loads(trust.to_bytes())["keys"]
    del keys[dropped]
    with pytest.raises(TrustInvalid, match="both are required"):
        TrustRoot.parse(edited(trust, keys=keys))


@pytest.mark.parametrize(
    "change",
    [
        {"policy": {"rule": "one is enough", "statement": ["ed25519"], "checkpoint": ["ed25519"]}},
        {"type": "https://queuebit.dev/trust/v2"},
        {"version": "1"},
        {"origin": "two words"},
        {"keys": {}},
        {"comment": "unexpected"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_trust_document_of_another_shape_is_refused(trust: TrustRoot, change: dict[str, object]) -> None:
    with pytest.raises(TrustInvalid, match="not a trust document"):
        TrustRoot.parse(edited(trust, **change))


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("key_id", "ed25519:00000000000000000000000000000000", "does not belong"),
        ("public_key", "AAAA", "32 bytes"),
        ("algorithm", "ml-dsa-44", "is not signed with"),
        ("algorithm", "rsa", "rsa"),
        ("purpose", "anything", "anything"),
        ("valid_from", "2026-11-20T08:00:00", "no time zone"),
        ("valid_from", "0001-01-01T00:00:00+23:59", "out of range"),
    ],
)
def test_a_key_with_a_wrong_id_or_algorithm_is_refused(trust: TrustRoot, field: str, value: str, why: str) -> None:
    keys = json.loads(trust.to_bytes())["keys"]
    keys[0][field] = value
    with pytest.raises(TrustInvalid, match=why):
        TrustRoot.parse(edited(trust, keys=keys))


def test_after_a_change_of_keys_old_and_new_statements_are_valid(ring: KeyRing, other_ring: KeyRing) -> None:
    both = replace(ring.trust, version=2, keys=ring.trust.keys + other_ring.trust.keys)
    read_back = TrustRoot.parse(both.to_bytes())
    assert open_envelope(seal(b"{}", ring), read_back).keys == ring.trust.keys[:2]
    assert open_envelope(seal(b"{}", other_ring), read_back).keys == other_ring.trust.keys[:2]
