"""The master key of a home: made once, outside of it, and never replaced by another one without notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_secrets import VARIABLES, make_master_key
from queuebit_stack.backup import copy_home
from queuebit_stack.encryption import bus_store_key, key_variables, master_key, prepare_master_key
from queuebit_stack.errors import Stop
from queuebit_stack.home import Home


def test_the_first_start_makes_a_key_outside_of_the_home_and_later_ones_keep_it(home: Home, tmp_path: Path) -> None:
    assert prepare_master_key(home)
    before = bus_store_key(home)
    assert not prepare_master_key(home)
    assert bus_store_key(home) == before
    assert key_variables(home) == {VARIABLES[0]: str(tmp_path / "config" / "queuebit" / "master.key")}
    text = (tmp_path / "config" / "queuebit" / "master.key").read_text().strip()
    assert not [it for it in home.root.rglob("*") if it.is_file() and text in it.read_text()]


def test_a_lost_key_is_not_replaced(home: Home, tmp_path: Path) -> None:
    prepare_master_key(home)
    (tmp_path / "config" / "queuebit" / "master.key").unlink()
    with pytest.raises(Stop, match=r"is encrypted, and its master key .* is missing: restore the file"):
        prepare_master_key(home)


def test_another_key_is_refused_before_the_server_starts_without_streams(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_master_key(home)
    make_master_key(tmp_path / "other.key")
    monkeypatch.setenv(VARIABLES[0], str(tmp_path / "other.key"))
    assert key_variables(home) == {VARIABLES[0]: str(tmp_path / "other.key")}
    with pytest.raises(Stop, match=rf"{home.root} is encrypted with the master key .* name the right one"):
        master_key(home)


def test_a_backup_has_the_keys_of_its_blocks_and_needs_the_same_master_key(home: Home, tmp_path: Path) -> None:
    prepare_master_key(home)
    messages = home.jetstream / "jetstream" / "QUEUEBIT" / "streams" / "LOG" / "msgs"
    messages.mkdir(parents=True)
    (messages / "1.blk").write_bytes(b"encrypted")
    (messages / "1.key").write_bytes(b"sealed")
    copy = Home(tmp_path / "copy")
    copy_home(home, copy.root)
    (block,) = copy.jetstream.glob("**/1.blk")
    assert (block.read_bytes(), block.with_suffix(".key").read_bytes()) == (b"encrypted", b"sealed")
    assert bus_store_key(copy) == bus_store_key(home)
    assert copy.encryption_file.read_bytes() == home.encryption_file.read_bytes()


def test_a_damaged_note_of_the_key_lets_no_key_in(home: Home) -> None:
    prepare_master_key(home)
    home.encryption_file.write_text("{")
    with pytest.raises(Stop, match="is damaged: restore it"):
        bus_store_key(home)


def test_where_no_key_can_be_made_the_text_names_the_place(home: Home, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file in the place of a folder")
    with pytest.raises(Stop, match=rf"no master key can be made: {tmp_path}/config.* with QUEUEBIT_MASTER_KEY_FILE"):
        prepare_master_key(home)


def test_a_user_without_a_home_directory_needs_a_variable(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(path: Path) -> Path:
        raise RuntimeError(f"Could not determine home directory for {path}")

    make_master_key(tmp_path / "master.key")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "expanduser", none)
    with pytest.raises(Stop, match="set HOME, or one of"):
        prepare_master_key(home)
    monkeypatch.setenv(VARIABLES[0], str(tmp_path / "master.key"))
    assert not prepare_master_key(home)
    assert bus_store_key(home)
