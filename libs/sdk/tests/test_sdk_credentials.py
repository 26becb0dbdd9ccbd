"""Which credential the client uses."""

import json
from pathlib import Path

import pytest

from queuebit import AsyncClient
from queuebit.credentials import find, home_folder, load
from queuebit.errors import InvalidInput, NotFound, Unreachable
from queuebit_runtime.keys import new_seed

FILE = 'url = "nats://127.0.0.1:1"\ntenant = "{tenant}"\nuser = "{user}"\nseed = "{seed}"\nproject = "p"\n'


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUEUEBIT_HOME", "QUEUEBIT_CREDENTIAL"):
        monkeypatch.delenv(name, raising=False)


def keep(home: Path, tenant: str, user: str, mode: int = 0o600) -> Path:
    folder = home / "credentials"
    folder.mkdir(exist_ok=True)
    path = folder / f"{tenant}-{user}.toml"
    path.write_text(FILE.format(tenant=tenant, user=user, seed=new_seed()))
    path.chmod(mode)
    return path


def test_the_home_is_what_is_given_then_the_environment_then_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert home_folder() == Path("~/.queuebit").expanduser()
    monkeypatch.setenv("QUEUEBIT_HOME", "/srv/qb")
    assert home_folder() == Path("/srv/qb")
    assert home_folder("/tmp/other") == Path("/tmp/other")
    assert home_folder("/tmp/one/../other") == Path("/tmp/other").resolve(), "as a person would write it"


def test_demo_is_meant_where_no_tenant_is_named(tmp_path: Path) -> None:
    keep(tmp_path, "acme", "ann")
    keep(tmp_path, "demo", "me")
    assert find(tmp_path).tenant == "demo"
    assert find(tmp_path, "acme").user == "ann"


def test_the_address_is_where_the_stack_listens_now(tmp_path: Path) -> None:
    keep(tmp_path, "demo", "me")
    (tmp_path / "stack.json").write_text(json.dumps({"listens": {"nats-server": "nats://127.0.0.1:99"}}))
    assert find(tmp_path).url == "nats://127.0.0.1:99"


def test_a_stopped_stack_is_reported_and_no_stranger_is_asked(tmp_path: Path) -> None:
    keep(tmp_path, "demo", "me")
    (tmp_path / "stack.json").write_text(json.dumps({"state": "down", "listens": {}}))
    with pytest.raises(Unreachable, match="start it with `qb up --home "):
        find(tmp_path)


def test_more_than_one_user_has_to_be_reported_apart(tmp_path: Path) -> None:
    keep(tmp_path, "acme", "ann")
    keep(tmp_path, "acme", "bob")
    with pytest.raises(NotFound, match=r"acme/ann, acme/bob.*choose with --user ann or --user bob$"):
        find(tmp_path, "acme")
    assert find(tmp_path, "acme", "bob").user == "bob"
    keep(tmp_path, "beta", "bob")
    with pytest.raises(NotFound, match=r"choose with --tenant acme or --tenant beta$"):
        find(tmp_path)


def test_an_unknown_tenant_or_an_empty_home_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="qb up"):
        find(tmp_path)
    keep(tmp_path, "demo", "me")
    with pytest.raises(NotFound, match="qb tenant token new"):
        find(tmp_path, "nobody")
    with pytest.raises(NotFound, match="`qb tenant token new acme ann` creates one for a user"):
        find(tmp_path, "acme", "ann")


def test_a_credential_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = keep(tmp_path, "far", "away")
    monkeypatch.setenv("QUEUEBIT_CREDENTIAL", str(path))
    assert find(Path("/nowhere")).tenant == "far"
    path.unlink()
    with pytest.raises(NotFound, match="which QUEUEBIT_CREDENTIAL names"):
        find(tmp_path)


def test_a_client_takes_the_path_of_a_credential(tmp_path: Path) -> None:
    path = keep(tmp_path, "acme", "ann")
    for given in (path, str(path)):
        assert AsyncClient(given).credential.user == "ann"
    with pytest.raises(NotFound, match="there is no credential"):
        AsyncClient(str(tmp_path / "absent.toml"))


def test_a_credential_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="chmod 600"):
        load(keep(tmp_path, "demo", "me", 0o644))


def test_no_one_is_reported_to_close_a_file_that_is_no_credential(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost\n")
    path.chmod(0o644)
    with pytest.raises(InvalidInput, match="is not a credential"):
        load(path)


@pytest.mark.parametrize("content", ["url = ", 'url = "x"\n', "\udcff", FILE.format(tenant="t", user="u", seed="SUX")])
def test_a_file_that_is_no_credential_says_so(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content.encode(errors="surrogateescape"))
    path.chmod(0o600)
    with pytest.raises(InvalidInput, match="not a credential"):
        load(path)


def test_a_damaged_credential_stops_only_those_who_may_mean_it(tmp_path: Path) -> None:
    keep(tmp_path, "acme", "ann")
    keep(tmp_path, "globex", "gil", 0o644)
    assert find(tmp_path, "acme").user == "ann"
    for meant in (None, "globex"):
        with pytest.raises(InvalidInput, match="chmod 600"):
            find(tmp_path, meant)
