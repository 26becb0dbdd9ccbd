"""`qb containers prepare`: a home that an engine's containers can use, and that `qb up` leaves alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from queuebit.credentials import find
from queuebit_cli.main import main
from queuebit_runtime.keys import public_key
from queuebit_runtime.server_config import server_binary
from queuebit_stack import checks
from queuebit_stack.bootstrap import key_of
from queuebit_stack.containers import KEYS, env_file, folder, keys_folder
from queuebit_stack.encryption import bus_store_key, master_key
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.probe import Look
from queuebit_stack.stack import Stack
from queuebit_stack.stacks import home_topology


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    assert main(["containers", "prepare", "--home", str(home.root)]) == Exit.DONE
    return home


def test_no_one_else_can_read_anything(home: Home) -> None:
    made = [path for path in (home.root, *home.root.rglob("*")) if not path.is_symlink()]
    assert {oct(path.stat().st_mode & 0o077) for path in made} == {"0o0"}


def test_the_trust_document_is_found_where_provenance_will_put_it(home: Home) -> None:
    (folder(home) / "trust" / "trust.json").write_text("{}")
    assert home.trust_file.read_text() == "{}"


def test_a_trust_document_beside_secret_keys_moves_to_a_folder_of_its_own(home: Home) -> None:
    former = folder(home) / "provenance" / "trust.json"
    former.write_text("{}")
    home.trust_file.unlink()
    home.trust_file.symlink_to(former)
    assert main(["containers", "prepare", "--home", str(home.root)]) == Exit.DONE
    assert home.trust_file.read_text() == "{}"
    assert not former.exists()


def test_it_says_how_to_go_on(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["containers", "prepare", "--home", str(home.root), "--json"]) == Exit.DONE
    assert Path(json.loads(capsys.readouterr().out)["env_file"]).is_file()


def test_a_second_time_keeps_every_secret(home: Home) -> None:
    before = {path.name: path.read_text() for path in (home.root / "secrets").iterdir() if path.is_file()}
    assert main(["containers", "prepare", "--home", str(home.root)]) == Exit.DONE
    assert {path.name: path.read_text() for path in (home.root / "secrets").iterdir() if path.is_file()} == before


def test_a_new_tenant_reaches_the_bus_when_it_starts_again(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Containers that never ran begin with the file as it is."""
    assert main(["tenant", "add", "acme", "--home", str(home.root)]) == Exit.DONE
    assert "acme/me" in (folder(home) / "nats.conf").read_text()
    assert "compose.env restart nats" in capsys.readouterr().out
    assert not home.nats_config.exists()


def test_while_its_containers_are_down_a_revoked_key_is_closed_and_a_new_one_waits_for_the_facts(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder(home) / "nats" / "jetstream").mkdir()
    here = ["--home", str(home.root)]
    old = find(home.root, "demo")
    assert main(["tenant", "token", "new", "demo", "me", *here]) == Exit.UNREACHABLE
    assert "no broker answers" in capsys.readouterr().out
    config = (folder(home) / "nats.conf").read_text()
    assert public_key(old.seed) in config
    assert public_key(find(home.root, "demo").seed) not in config
    assert main(["tenant", "token", "revoke", "demo", "me", public_key(old.seed), *here]) == Exit.UNREACHABLE
    assert public_key(old.seed) not in (folder(home) / "nats.conf").read_text()


def test_doctor_looks_at_what_the_engine_publishes(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--home", str(home.root), "--json"]) == Exit.UNREACHABLE
    checks = {it["check"]: it for it in json.loads(capsys.readouterr().out)["checks"]}
    assert [checks[name]["state"] for name in ("nats-server", "warehouse", "secrets")] == [
        "attention",
        "attention",
        "ok",
    ]
    assert "docker compose ps" in checks["warehouse"]["do"]
    assert "qb up" not in json.dumps([checks["nats-server"], checks["warehouse"]])


def test_the_doctor_names_services_that_are_not_connected_to_the_bus(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [*home_topology(home).service]
    there = {key_of(home, name) for name in names if name not in ("fleet", "executor-cirq")}
    monkeypatch.setattr(checks, "health", lambda *_: Look(True, True, True))
    monkeypatch.setattr(checks, "connected_keys", lambda *_: there)
    capsys.readouterr()
    main(["doctor", "--home", str(home.root), "--json"])
    rows = {it["check"]: it for it in json.loads(capsys.readouterr().out)["checks"]}
    assert rows["services"]["state"] == "attention"
    assert set(rows["services"]["found"].partition(": ")[2].split(", ")) == {"fleet", "executor-cirq"}


def test_a_rebuild_says_who_does_not_answer(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warehouse", "rebuild", "--home", str(home.root)]) == Exit.UNREACHABLE
    assert "4222" in capsys.readouterr().err


def test_nats_server_takes_its_configuration_and_the_key_of_its_store(home: Home, tmp_path: Path) -> None:
    for file in (folder(home) / "nats.conf", keys_folder(home) / "bus-store.conf"):
        shutil.copy(file, tmp_path)
    checked = subprocess.run(
        [server_binary(), "-t", "-c", str(tmp_path / "nats.conf")], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    (tmp_path / "bus-store.conf").write_text("")
    without = subprocess.run(
        [server_binary(), "-t", "-c", str(tmp_path / "nats.conf")], capture_output=True, text=True, check=False
    )
    assert "QUEUEBIT_BUS_STORE_KEY" in without.stderr


def test_no_key_of_a_store_is_in_the_home(home: Home) -> None:
    keys = (bus_store_key(home), master_key(home).derive("warehouse").hex())
    written = [path.read_text() for path in home.root.rglob("*") if path.is_file()]
    assert not [key for key in keys for text in written if key in text]
    made = [keys_folder(home), *keys_folder(home).iterdir()]
    assert all(any(key in path.read_text() for path in made[1:]) for key in keys)
    assert {path.stat().st_mode & 0o077 for path in made} == {0}


def test_the_keys_can_be_in_a_folder_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEYS, str(tmp_path / "in-memory"))
    assert main(["containers", "prepare", "--home", str(tmp_path / "home")]) == Exit.DONE
    assert {it.name for it in (tmp_path / "in-memory").iterdir()} == {"bus-store.conf", "clickhouse-disks.xml"}
    assert f"{KEYS}='{tmp_path / 'in-memory'}'" in env_file(Home(tmp_path / "home")).read_text()


@pytest.mark.server
def test_clickhouse_encrypts_every_table_with_the_key(home: Home, tmp_path: Path) -> None:
    disks = (keys_folder(home) / "clickhouse-disks.xml").read_text()
    config, data = tmp_path / "config.xml", tmp_path / "data"
    config.write_text(disks.replace("/var/lib/clickhouse/", f"{data}/"))
    program = """
import sys, chdb
session = chdb.connect(f"{sys.argv[1]}?config-file={sys.argv[2]}")
session.query("CREATE TABLE notes (text String) ENGINE = MergeTree ORDER BY tuple()")
session.query("INSERT INTO notes SELECT 'a word in plain text ' || toString(number) FROM numbers(1000)")
print(session.query("SELECT DISTINCT disk_name FROM system.parts WHERE table = 'notes'", "TSV"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(data), str(config)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["encrypted"], done.stderr
    stored = [path.read_bytes() for path in data.rglob("*") if path.is_file()]
    assert sum(map(len, stored)) > 0
    assert not any(b"a word in plain text" in it for it in stored)


def test_the_warehouse_knows_a_writer_and_a_reader_by_the_hashes_of_their_passwords(home: Home) -> None:
    text = (folder(home) / "clickhouse-users.xml").read_text()
    passwords = {"queuebit": home.warehouse_password, "analyst": home.analyst_password}
    users = ElementTree.fromstring(text).find("users")
    assert users is not None
    assert [user.tag for user in users if user.get("remove") is None] == [*passwords]
    for user, file in passwords.items():
        password = file.read_text().strip()
        assert users.findtext(f"{user}/password_sha256_hex") == hashlib.sha256(password.encode()).hexdigest()
        assert password not in text
    assert users.findtext("analyst/profile") == "reads"
    assert users.findtext("analyst/grants/query") == "GRANT SELECT, SHOW, CHECK ON *.*"
    assert ElementTree.fromstring(text).findtext("profiles/reads/readonly") == "1"


def test_clients_find_the_published_port(home: Home) -> None:
    assert find(home.root).url == "nats://127.0.0.1:4222"


@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_qb_does_not_supervise_what_an_engine_runs(
    command: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--home", str(home.root)]) == Exit.REFUSED
    assert "docker compose ps" in capsys.readouterr().err


def test_a_home_of_qb_up_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    Stack("down", {}, {}).save(home)
    assert main(["containers", "prepare", "--home", str(home.root)]) == Exit.REFUSED
    assert "belongs to `qb up`" in capsys.readouterr().err
    assert not folder(home).exists()
