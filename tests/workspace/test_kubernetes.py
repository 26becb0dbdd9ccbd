"""Compares the plain manifests, which the Helm chart renders, with the code. `make chart` checks the chart itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.helm.render import CHART, MANIFESTS, fingerprint

from queuebit_cli.main import main
from queuebit_contracts.executors import durable_of, executor_of, parse_stacks, with_executors
from queuebit_contracts.topology import topology
from queuebit_runtime.server_config import PLATFORM_ACCOUNT, server_binary
from queuebit_runtime.settings import BusSettings
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.stacks import known
from queuebit_testing.server import declared

SERVICES = (*declared().service, "warehouse")
MEASURED = re.compile(r"^[1-9]\d*(m|Mi|Gi)$")


@pytest.fixture(scope="module")
def objects() -> dict[tuple[str, str], dict[str, Any]]:
    found = [it for it in yaml.safe_load_all(MANIFESTS.read_text()) if it]
    return {(it["kind"], it["metadata"]["name"].removeprefix("queuebit-")): it for it in found}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("kubernetes") / "home")


@pytest.fixture(scope="module")
def secrets(home: Home) -> dict[str, dict[str, str]]:
    """What `qb containers secrets` prints, by the part that mounts it."""
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setattr("queuebit_cli.output.Output.stream", lambda _, lines: printed.extend(lines))
        assert main(["containers", "secrets", "--home", str(home.root)]) == Exit.DONE
    listed = json.loads("\n".join(printed))
    return {it["metadata"]["name"].removeprefix("queuebit-"): it["stringData"] for it in listed["items"]}


def container(of: dict[str, Any]) -> dict[str, Any]:
    (found,) = of["spec"]["template"]["spec"]["containers"]
    return dict(found)


def values(of: dict[str, Any]) -> dict[str, str]:
    return {it["name"]: it["value"] for it in container(of).get("env", ()) if "value" in it}


def secret_of(of: dict[str, Any]) -> str:
    """The Secret of a pod, which it cannot start without."""
    mounted = [it["secret"] for it in of["spec"]["template"]["spec"]["volumes"] if "secret" in it]
    (found,) = (it["secretName"].removeprefix("queuebit-") for it in mounted if not it.get("optional"))
    return str(found)


def test_the_manifests_are_of_this_chart() -> None:
    head = MANIFESTS.read_text().partition("\n")[0]
    assert fingerprint() in head, "the chart changed: run `make chart`, then `python -m deploy.helm.render`"


def test_every_service_is_one_deployment(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert {name for kind, name in objects if kind == "Deployment"} == set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_exists_and_every_value_is_valid(
    name: str, objects: dict[tuple[str, str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = import_module(f"queuebit_{name.partition('-')[0]}.settings").Settings
    models = (settings,) if name == "warehouse" else (BusSettings, settings)
    known_names = {f"{it.model_config['env_prefix']}{field}".upper() for it in models for field in it.model_fields}
    stated = values(objects["Deployment", name])
    assert set(stated) <= known_names | {"HOME"}
    for key, value in stated.items():
        monkeypatch.setenv(key, value)
    for it in models:
        it()


@pytest.mark.parametrize("name", SERVICES)
def test_files_in_settings_are_mounted(
    name: str, objects: dict[tuple[str, str], dict[str, Any]], secrets: dict[str, dict[str, str]]
) -> None:
    deployment = objects["Deployment", name]
    mounts = {it["mountPath"] for it in container(deployment)["volumeMounts"]}
    for key, value in values(deployment).items():
        if value.startswith("/"):
            assert any(value == it or value.startswith(f"{it}/") for it in mounts), f"{key}={value}"
        if value.startswith("/run/secrets/queuebit/"):
            assert Path(value).name in secrets[secret_of(deployment)], f"{key}={value}"


def test_each_gets_its_own_secret(
    objects: dict[tuple[str, str], dict[str, Any]], secrets: dict[str, dict[str, str]], home: Home
) -> None:
    for name in SERVICES:
        assert secret_of(objects["Deployment", name]) == name
        if name != "warehouse":
            assert secrets[name]["seed"] == home.seed_file(name).read_text()
    seeds = {home.seed_file(name).read_text().strip() for name in SERVICES if name != "warehouse"}
    text = MANIFESTS.read_text()
    assert not any(seed in text for seed in seeds)
    assert not any(seed in secrets["nats"]["logins.conf"] for seed in seeds)
    assert set(secrets) == {*SERVICES, "provision", "nats"}


def test_only_one_process_uses_a_volume(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    single = {name for kind, name in objects if kind == "PersistentVolumeClaim"}
    assert single == {"provenance", "warehouse"}
    recreated = {
        name
        for (kind, name), it in objects.items()
        if kind == "Deployment" and it["spec"]["strategy"]["type"] == "Recreate"
    }
    assert recreated == {*single, "telemetry", "hybrid"}
    assert all(objects["Deployment", name]["spec"]["replicas"] == 1 for name in recreated)
    standby = {"scheduler", "alerting"}
    assert {objects["Deployment", name]["spec"]["replicas"] for name in standby} == {2}


def test_a_standby_has_a_name_of_its_own(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    for name in ("scheduler", "alerting", "gateway"):
        assert values(objects["Deployment", name])[f"QUEUEBIT_{name.upper()}_NAME"] == "$(QUEUEBIT_POD)"


@pytest.mark.usefixtures("secrets")  # the home knows its stacks when it is prepared
def test_stacks_are_those_that_are_built_in(objects: dict[tuple[str, str], dict[str, Any]], home: Home) -> None:
    stacks = parse_stacks(objects["ConfigMap", "provision"]["data"]["stacks.json"].encode())
    assert stacks == {name: tuple(it.backends) for name, it in known(home).running.items()}
    assert {executor_of(it) for it in stacks} == {it for it in SERVICES if it.startswith("executor-")}


def test_what_is_scaled_on_is_a_durable_of_the_bus(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    """The chart derives the names as `durable_of` does."""
    stacks = parse_stacks(objects["ConfigMap", "provision"]["data"]["stacks.json"].encode())
    text = (CHART / "templates" / "_services.tpl").read_text()
    assert 'trimPrefix (printf "emulated-%s-" $stack)' in text
    assert '(list "metering-ended")' in text
    durables = with_executors(topology(), stacks).durable
    for stack, backends in stacks.items():
        for backend in backends:
            own = "" if backend == stack else f"-{backend.removeprefix(f'emulated-{stack}-')}"
            assert f"executor-{stack}{own}" == durable_of(stack, backend)
            assert durables[durable_of(stack, backend)].stream == "LOG"
    assert durables["metering-ended"].service == "metering"
    assert f"account: {PLATFORM_ACCOUNT}\n" in (CHART / "templates" / "autoscaling.yaml").read_text()


def test_requests_are_stated(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (kind, name), it in objects.items():
        if kind in ("Deployment", "StatefulSet", "Job"):
            requested = container(it)["resources"]["requests"]
            assert all(MEASURED.match(requested[what]) for what in ("cpu", "memory")), name


def test_ports_lead_to_containers(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (kind, name), it in objects.items():
        if kind == "Service":
            owner = objects.get(("Deployment", name)) or objects["StatefulSet", "nats"]
            there = {port["name"] for port in container(owner)["ports"]}
            assert {port["targetPort"] for port in it["spec"]["ports"]} <= there
    assert values(objects["Deployment", "broker"])["QUEUEBIT_BUS_URL"] == "nats://queuebit-nats:4222"
    assert ("Service", "nats") in objects


def test_everything_is_of_the_version_of_the_project(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    compose = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text())["services"]
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    for name in declared().service:
        assert container(objects["Deployment", name])["image"] == compose[name]["image"]
    assert container(objects["StatefulSet", "nats"])["image"] == compose["nats"]["image"]
    assert compose["broker"]["image"].endswith(f":{about['appVersion']}")


def test_nats_server_takes_its_configuration(
    objects: dict[tuple[str, str], dict[str, Any]], secrets: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "logins").mkdir()
    (tmp_path / "logins" / "logins.conf").write_text(secrets["nats"]["logins.conf"])
    clustered = """
    cluster {
      name: queuebit
      listen: "0.0.0.0:6222"
      authorization { user: route, password: $ROUTE_PASSWORD, timeout: 5 }
      routes: $ROUTES
    }"""
    text = objects["ConfigMap", "nats"]["data"]["nats.conf"]
    assert "".join(clustered.split()) in "".join((CHART / "templates" / "nats.yaml").read_text().split())
    (tmp_path / "nats.conf").write_text(clustered + "\n" + text)
    password = secrets["nats"]["route.password"]
    variables = {
        "POD_NAME": "queuebit-nats-0",
        "ROUTE_PASSWORD": password,
        "ROUTES": json.dumps([f"nats://route:{password}@queuebit-nats-1.queuebit-nats-headless:6222"]),
    }
    checked = subprocess.run(
        [server_binary(), "-t", "-c", str(tmp_path / "nats.conf")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
    )
    assert checked.returncode == 0, checked.stderr
