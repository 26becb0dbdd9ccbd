"""What a first start makes, and that its secrets stay secret."""

import os
from pathlib import Path

import pytest

from queuebit.credentials import find, load
from queuebit_cli.main import main
from queuebit_runtime.keys import public_key
from queuebit_stack.bootstrap import bootstrap, key_of, read_tenants, readdress, write_nats_config
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.log_mark import Mark
from queuebit_stack.overview import columns
from queuebit_stack.ports import DEFAULTS, with_processes
from queuebit_stack.process_specs import more_schedulers, process_specs, service_of
from queuebit_stack.stack import Stack
from queuebit_stack.stacks import find as find_stacks
from queuebit_stack.stacks import save
from queuebit_stack.start import advances
from queuebit_testing.server import declared


@pytest.fixture
def home(tmp_path: Path) -> Home:
    it = Home(tmp_path / "home")
    it.prepare()
    save(it, find_stacks(it))
    bootstrap(it)
    return it


def test_the_first_start_makes_everything_private(home: Home) -> None:
    for path in (home.root, *home.root.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_demo_can_submit_at_once(home: Home) -> None:
    credential = find(home.root)
    tenant = read_tenants(home).tenant["demo"]
    assert (credential.tenant, credential.user, credential.project) == ("demo", "me", "playground")
    assert tenant.user["me"].keys == (public_key(credential.seed),)
    assert tenant.user["me"].role == "admin"
    assert tenant.project["playground"].budget == "1000"


def test_a_second_start_changes_nothing(home: Home) -> None:
    before = {path: path.read_bytes() for path in home.root.rglob("*") if path.is_file()}
    bootstrap(home)
    assert {path: path.read_bytes() for path in home.root.rglob("*") if path.is_file()} == before


def test_no_secret_leaves_its_file(home: Home) -> None:
    write_nats_config(home, DEFAULTS, read_tenants(home))
    secrets = [path.read_text().strip() for path in (home.root / "secrets").iterdir()]
    secrets.append(find(home.root).seed)
    config = home.nats_config.read_text()
    for spec in process_specs(home, DEFAULTS):
        output = " ".join([*spec.argv, *spec.env.values(), config, home.tenants_file.read_text()])
        assert not [secret for secret in secrets if secret in output]


def test_telemetry_and_alerting_evaluate_the_same_objectives_also_those_applied_later(home: Home) -> None:
    assert not home.objectives_folder.exists()
    env = {name: value for it in process_specs(home, DEFAULTS) for name, value in it.env.items()}
    read = [env.get(f"QUEUEBIT_{name}_OBJECTIVES") for name in ("TELEMETRY", "ALERTING")]
    assert read == [str(home.objectives_folder)] * 2
    assert env["QUEUEBIT_ALERTING_DOCUMENT"] == str(home.alerts_file)


def test_every_service_of_the_topology_runs(home: Home) -> None:
    names = {spec.name for spec in process_specs(home, DEFAULTS)}
    assert names == {*declared().service, "nats-server", "warehouse"} - {"prober"}, "which starts with probes alone"
    assert all(home.seed_file(name).exists() for name in (*declared().service, "operator", "provisioner"))


def test_a_second_scheduler_runs_where_the_settings_say_so(home: Home) -> None:
    home.services_file.write_text("[service.scheduler]\nprocesses = 2\n")
    ports = with_processes(DEFAULTS, more_schedulers(home))
    specs = {it.name: it for it in process_specs(home, ports) if service_of(it.name) == "scheduler"}
    assert [*specs] == ["scheduler", "scheduler-2"]
    assert {name: it.env["QUEUEBIT_SCHEDULER_NAME"] for name, it in specs.items()} == {it: it for it in specs}
    assert len({it.env["QUEUEBIT_BUS_HEALTH_PORT"] for it in specs.values()}) == 2
    assert {it.env["QUEUEBIT_BUS_SEED_FILE"] for it in specs.values()} == {str(home.seed_file("scheduler"))}
    assert {it.module for it in specs.values()} == {"queuebit_scheduler"}
    assert "QUEUEBIT_SCHEDULER_PROCESSES" not in specs["scheduler"].env
    ports_of_one = process_specs(home, DEFAULTS)
    assert "scheduler-2" not in {it.name for it in ports_of_one}, "the settings changed since the last start"


def test_the_role_of_a_process_is_shown_where_there_is_a_standby() -> None:
    alone = [{"role": "leader"}, {"role": ""}]
    assert "role" not in columns(alone)
    assert columns([*alone, {"role": "standby"}])[-1] == "role"


@pytest.mark.parametrize(("events", "wave"), [(1_000, 2), (1_000_000, 0)])
def test_the_warehouse_starts_while_the_server_reads_a_long_log(home: Home, events: int, wave: int) -> None:
    Mark("2026-01-01T00:00:00Z", events).save(home)
    assert {it.name: it.wave for it in process_specs(home, DEFAULTS)}["warehouse"] == wave


@pytest.mark.parametrize(
    ("before", "now", "ready", "restarts", "advanced"),
    [
        (900, 800, False, 0, True),
        (900, 900, False, 0, False),
        (0, 900, False, 0, False),
        (900, 800, True, 0, False),
        (900, 800, False, 1, False),
    ],
)
def test_a_start_advances_while_a_service_that_never_failed_reads_on(
    before: int, now: int, ready: bool, restarts: int, advanced: bool
) -> None:
    def row(behind: int) -> dict[str, object]:
        return {"service": "broker", "behind": behind, "ready": ready, "restarts": restarts}

    assert advances([row(before)], [row(now)]) is advanced
    assert not advances([], [row(now)])


def test_a_stack_inherits_nothing_of_another(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUEBIT_EXECUTOR_SLOTS", "64")
    assert all("QUEUEBIT_EXECUTOR_SLOTS" not in spec.env for spec in process_specs(home, DEFAULTS))


def test_the_server_stays_within_half_of_the_memory_unless_a_person_says_otherwise(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMEMLIMIT", raising=False)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < int(process_specs(home, DEFAULTS)[0].env["GOMEMLIMIT"]) <= total // 2
    monkeypatch.setenv("GOMEMLIMIT", "1GiB")
    assert process_specs(home, DEFAULTS)[0].env["GOMEMLIMIT"] == "1GiB"


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(Stop, match="not a Queuebit home") as caught:
        Home(tmp_path).prepare()
    assert caught.value.code is Exit.USAGE


def test_a_home_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="qb up") as caught:
        Home(tmp_path).require()
    assert caught.value.code is Exit.UNREACHABLE


def test_a_broken_tenants_file_says_what_is_wrong(home: Home) -> None:
    home.tenants_file.write_text("[tenant.demo]\nshare = 0\n")
    with pytest.raises(Stop, match="share"):
        read_tenants(home)


def test_credentials_of_a_home_name_the_address_where_it_listens(home: Home) -> None:
    path = home.credential_file("demo", "me")
    path.write_text("# mine\n" + path.read_text())
    elsewhere = home.credentials / "acme-ann.toml"
    elsewhere.write_text('url = "nats://quantum.example:4222"\n')
    (home.credentials / "damaged.toml").write_bytes(b"\xff")
    readdress(home, "nats://127.0.0.1:4711")
    path.chmod(0o600)
    assert load(path).url == "nats://127.0.0.1:4711"
    assert path.read_text().startswith("# mine\n")
    assert elsewhere.read_text() == 'url = "nats://quantum.example:4222"\n'


def test_commands_name_the_home_that_they_mean(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home.command("up") == f"`qb up --home {home.root}`"
    monkeypatch.setenv("QUEUEBIT_HOME", str(home.root))
    assert home.command("up") == "`qb up`"


def test_a_stopped_home_is_reported_with_the_command_that_starts_it(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    Stack("down", {}, {}).save(home)
    for words in (["status"], ["jobs"], ["verify"]):
        assert main([*words, "--home", str(home.root)]) == 4
        output = capsys.readouterr()
        assert f"`qb up --home {home.root}`" in output.out + output.err


@pytest.mark.parametrize("damage", [b"", b"SUAB", b"\xff\xfe"])
def test_a_damaged_seed_ends_the_start_with_a_remedy(
    home: Home, damage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home.seed_file("broker")
    path.write_bytes(damage)
    assert main(["up", "--detach", "--ports", "auto", "--home", str(home.root)]) == 2
    assert f"{path} is damaged: delete it, then `qb up --home {home.root}` creates a new one" in capsys.readouterr().err
    path.unlink()
    bootstrap(home)
    assert key_of(home, "broker").startswith("U")
