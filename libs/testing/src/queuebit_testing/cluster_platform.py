"""A platform on a cluster of three servers, all from one deployment file, as an operator would run it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from queuebit import AsyncClient
from queuebit.credentials import find as credential_of
from queuebit_runtime.deployment import read_deployment
from queuebit_runtime.server_config import server_binary
from queuebit_stack.bootstrap import bootstrap, first_tenants, keep_tenants, readdress, write_logins
from queuebit_stack.deployment_configs import node_configs
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.ports import auto
from queuebit_stack.probe import look
from queuebit_stack.process_specs import process_specs
from queuebit_stack.stack import CONTAINERS, Stack
from queuebit_stack.stacks import find, known, save
from queuebit_testing.server import free_port

__all__ = ["NODES", "SERVICES", "ClusterPlatform"]

NODES = ("n1", "n2", "n3")
SERVICES = ("warehouse", "broker", "scheduler", "executor-aer", "metering", "provenance", "telemetry")
"""All that a job needs, and what `qb verify` reads."""

_UPDATE, _STEPDOWN = '"$JS.API.STREAM.UPDATE.LOG"', '"$JS.API.STREAM.LEADER.STEPDOWN.LOG"'
_START_S = 90.0
_POLL_S = 0.1

_NODE = """
[node.{name}]
listen = "{address}:{port}"
route = "{address}:{route}"
store = "{store}"
tags = ["{name}"]
"""


class ClusterPlatform:
    """Three servers, the services and a home in one folder. Use `with ClusterPlatform(folder) as platform`."""

    def __init__(self, folder: Path, hosts: Sequence[str] = ("127.0.0.1",) * 3) -> None:
        """Prepare the folder.

        Args:
            folder: for the home, configurations and data.
            hosts: the address of each server.
        """
        self.folder = folder
        self.home = Home(folder / "home")
        self.file = folder / "queuebit.toml"
        self.hosts = dict(zip(NODES, hosts, strict=True))
        self._client_ports = {name: free_port() for name in NODES}
        self.urls = [f"nats://{self.hosts[name]}:{self._client_ports[name]}" for name in NODES]
        self._ports = auto({})
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._prepare()

    def _prepare(self) -> None:
        home = self.home
        home.prepare()
        save(home, find(home, starting=True))
        bootstrap(home)
        home.tenants_file.write_text(home.tenants_file.read_text().replace('"1000"', '"1000000"'))
        tenants = first_tenants(home)
        write_logins(home, tenants)
        keep_tenants(home)
        url, warehouse = ",".join(self.urls), self._ports["warehouse"]
        readdress(home, url)
        first = self._client_ports[NODES[0]]
        Stack(
            CONTAINERS,
            {"nats-server": first, "warehouse": warehouse},
            {"nats-server": url, "warehouse": f"http://127.0.0.1:{warehouse}"},
        ).save(home)
        write_private(self.folder / "routes", "between servers")
        nodes = [
            _NODE.format(
                name=name,
                address=self.hosts[name],
                port=self._client_ports[name],
                route=free_port(),
                store=self.folder / name,
            )
            for name in NODES
        ]
        self.file.write_text(
            f"[bus]\nurls = {self.urls}\nreplicas = 3\nroute_password = 'file:{self.folder}/routes'\n"
            f"[credentials]\nseed = 'file:{home.seed_file('{user}')}'\n" + "".join(nodes)
        )
        for name, text in node_configs(home, read_deployment(self.file), tenants).items():
            # no user may change the leader of a stream; tests have it changed
            write_private(self.folder / f"{name}.conf", text.replace(_UPDATE, f"{_UPDATE}, {_STEPDOWN}"))

    def __enter__(self) -> ClusterPlatform:
        try:
            for name in NODES:
                self.start(name)
            self.provision()
            self.start_services()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Kill all processes; their data stays."""
        for name in [*self.processes]:
            self.kill(name)

    def start(self, name: str, *, within: Sequence[str] = ()) -> None:
        """Start a server or a service on its data.

        Args:
            name: of a node, or a service.
            within: a command that runs it, such as one that enters a network.
        """
        if name in NODES:
            self._run(name, [*within, server_binary(), "-c", str(self.folder / f"{name}.conf")], os.environ)
            return
        spec = next(it for it in process_specs(self.home, self._ports) if it.name == name)
        own = {key: value for key, value in spec.environment.items() if not key.startswith("QUEUEBIT_BUS_")}
        health = {} if name == "warehouse" else {"QUEUEBIT_BUS_HEALTH_PORT": str(self._ports[name])}
        self._run(name, [*within, *spec.argv], {**own, **health, "QUEUEBIT_DEPLOYMENT": str(self.file)})

    def _run(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, env=dict(environment), stdout=log, stderr=log)

    def start_services(self, names: Sequence[str] = SERVICES) -> None:
        """Start services, and wait until they are ready."""
        for name in names:
            if name not in self.processes:
                self.start(name)
        self.wait(lambda: all(look(self._ports[name]).ready for name in names), "all services are ready")

    def ready(self, name: str) -> bool:
        """Whether a service is ready."""
        return look(self._ports[name]).ready

    def kill(self, name: str) -> None:
        """Kill a process, also one that is stopped."""
        if (process := self.processes.pop(name, None)) is not None:
            process.kill()
            process.wait()

    def terminate(self, name: str) -> None:
        """End a process in an orderly way."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        process.wait()

    def pause(self, name: str) -> None:
        """Stop a process (SIGSTOP): connections stay, and nothing is answered."""
        os.kill(self.processes[name].pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let it go on."""
        os.kill(self.processes[name].pid, signal.SIGCONT)

    def wipe(self, name: str) -> None:
        """Delete the store of a server that is down."""
        shutil.rmtree(self.folder / name)

    def provision(self) -> None:
        """Create or update the streams, from the deployment file; repeated while leaders are elected."""
        command = [sys.executable, "-m", "queuebit_runtime.provision", "--deployment", str(self.file)]
        command += ["--stacks", str(self._stacks())]
        deadline = time.monotonic() + _START_S
        while (done := subprocess.run(command, capture_output=True, text=True, check=False)).returncode:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no streams after {_START_S:g} s: {done.stderr[-2000:]}")
            time.sleep(_POLL_S)

    def _stacks(self) -> Path:
        path = self.folder / "stacks.json"
        path.write_text(json.dumps({name: it.backends for name, it in known(self.home).running.items()}))
        return path

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = _START_S) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds:g} s: {what}; logs are in {self.folder}")
            time.sleep(_POLL_S)

    def client(self) -> AsyncClient:
        """A client of the tenant `demo`."""
        return AsyncClient(credential_of(self.home.root, "demo"))
