"""Where the master key comes from, what is derived from it, and what is said where it cannot be used."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from queuebit_secrets import MasterKey, MasterKeyUnusable, default_file, make_master_key, read_master_key

KEY = bytes(range(32))
TEXT = base64.b64encode(KEY).decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "queuebit" / "master.key"
    make_master_key(path)
    return path


def test_a_file_the_variable_and_the_default_place_give_the_same_key(file: Path, tmp_path: Path) -> None:
    text = file.read_text()
    places = [
        {"QUEUEBIT_MASTER_KEY_FILE": str(file)},
        {"QUEUEBIT_MASTER_KEY": text},
        {"XDG_CONFIG_HOME": str(tmp_path)},
    ]
    assert len({read_master_key(it).derive("a purpose") for it in places}) == 1
    assert default_file({}) == Path("~/.config/queuebit/master.key").expanduser()


def test_each_purpose_has_a_key_of_its_own_by_hkdf() -> None:
    key = MasterKey(KEY)
    # HKDF-SHA256 by RFC 5869 over bytes 0 to 31, without salt, worked out with `openssl kdf`.
    expected = "39d1143d3ece348bcacc96c700e2257b2232b07c5f8cceb28d3248ff411d16e9"
    assert key.derive("bus-store").hex() == expected
    assert len({key.derive("bus-store"), key.derive("warehouse"), KEY}) == 3


def test_the_text_of_a_key_does_not_show_it() -> None:
    key = MasterKey(KEY)
    assert repr(key) == f"MasterKey({key.fingerprint})"
    assert key.fingerprint not in (KEY.hex(), TEXT)


def test_only_the_owner_reads_a_new_key_and_two_that_make_one_agree(tmp_path: Path) -> None:
    path = tmp_path / "new" / "master.key"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make_master_key, [path] * 8))
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*path.parent.iterdir()] == [path]
    before = path.read_text()
    make_master_key(path)
    assert path.read_text() == before


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(KEY[:31]).decode(), TEXT[:-1], "ü"])
def test_a_damaged_key_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "master.key"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(MasterKeyUnusable, match=r"master\.key") as refused:
        read_master_key({"QUEUEBIT_MASTER_KEY_FILE": str(path)})
    assert not text or text not in str(refused.value)


def test_a_missing_file_one_that_others_read_and_two_places_are_refused(file: Path) -> None:
    with pytest.raises(MasterKeyUnusable, match="No such file"):
        read_master_key({"QUEUEBIT_MASTER_KEY_FILE": "/nowhere/master.key"})
    with pytest.raises(MasterKeyUnusable, match="are both set: remove one"):
        read_master_key({"QUEUEBIT_MASTER_KEY_FILE": str(file), "QUEUEBIT_MASTER_KEY": TEXT})
    file.chmod(0o640)
    with pytest.raises(MasterKeyUnusable, match="chmod 600"):
        read_master_key({"QUEUEBIT_MASTER_KEY_FILE": str(file)})


def test_without_a_home_directory_the_text_names_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(path: Path) -> Path:
        raise RuntimeError(f"Could not determine home directory for {path}")

    monkeypatch.setattr(Path, "expanduser", none)
    with pytest.raises(MasterKeyUnusable, match="set HOME, or one of QUEUEBIT_MASTER_KEY_FILE"):
        default_file({})


def test_a_relative_folder_of_configurations_is_ignored() -> None:
    assert default_file({"XDG_CONFIG_HOME": "config"}) == default_file({})
