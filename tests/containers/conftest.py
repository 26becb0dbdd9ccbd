"""Real servers on a container engine: the images and the mounted configuration of `compose.yaml`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy, LogMessageWaitStrategy

from queuebit_stack.containers import folder, keys_folder, prepare
from queuebit_stack.home import Home

ROOT = Path(__file__).parents[2]
HOW = "start Docker or Podman, or set DOCKER_HOST, then: .venv/bin/python -m pytest -m docker tests/containers"
HEALTHY_S = 120


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip without a container engine, with a message about how to run the test."""
    try:
        client = docker.from_env(timeout=5)
        client.ping()
        client.close()
    except (DockerException, OSError) as error:
        pytest.skip(f"no container engine answers ({str(error)[:120]}): {HOW}")


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    """The servers of `compose.yaml`, without their paths."""
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return services


def confined(service: dict[str, Any]) -> dict[str, Any]:
    """The restrictions of a server in `compose.yaml`, as arguments of the engine."""
    return {
        "user": f"{os.getuid()}:{os.getgid()}",
        "read_only": service["read_only"],
        "cap_drop": service["cap_drop"],
        "security_opt": service["security_opt"],
        "mem_limit": service["mem_limit"],
    }


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home from `qb containers prepare`."""
    home = Home(tmp_path_factory.mktemp("containers") / "home")
    prepare(home)
    return home


@pytest.fixture(scope="session")
def nats_url(engine: None, compose: dict[str, Any], prepared: Home) -> Iterator[str]:
    """An empty NATS server in a container, with the users of the stack."""
    container = (
        DockerContainer(compose["nats"]["image"])
        .with_command(compose["nats"]["command"])
        .with_exposed_ports(4222)
        .with_volume_mapping(folder(prepared) / "nats.conf", compose["nats"]["configs"][0]["target"])
        .with_volume_mapping(keys_folder(prepared) / "bus-store.conf", compose["nats"]["secrets"][0]["target"])
        .with_volume_mapping(folder(prepared) / "nats", compose["nats"]["volumes"][0]["target"], "rw")
        .with_tmpfs_mount(*compose["nats"]["tmpfs"])
        .with_kwargs(**confined(compose["nats"]))
        .waiting_for(LogMessageWaitStrategy("Server is ready").with_startup_timeout(HEALTHY_S))  # its monitor is inside
    )
    with container:
        yield f"nats://{container.get_container_host_ip()}:{container.get_exposed_port(4222)}"


@pytest.fixture(scope="session")
def clickhouse_url(engine: None, compose: dict[str, Any], prepared: Home) -> Iterator[str]:
    """A ClickHouse server in a container, with the user of the stack and fixed settings."""
    server = compose["clickhouse"]
    settings, users, disks = (it["target"] for it in (*server["configs"], *server["secrets"]))
    container = (
        DockerContainer(server["image"], env=server["environment"])
        .with_command(server["entrypoint"][1:])
        .with_kwargs(entrypoint=server["entrypoint"][:1], **confined(server))
        .with_tmpfs_mount(*server["tmpfs"])
        .with_exposed_ports(8123)
        .with_volume_mapping(ROOT / "deploy" / "clickhouse" / "settings.xml", settings)
        .with_volume_mapping(folder(prepared) / "clickhouse-users.xml", users)
        .with_volume_mapping(keys_folder(prepared) / "clickhouse-disks.xml", disks)
        .with_volume_mapping(folder(prepared) / "clickhouse", server["volumes"][0]["target"], "rw")
        .waiting_for(HttpWaitStrategy(8123, "/ping").with_startup_timeout(HEALTHY_S))
    )
    with container:
        yield f"http://{container.get_container_host_ip()}:{container.get_exposed_port(8123)}"
