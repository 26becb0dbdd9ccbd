"""A cluster of three nats-servers on loopback, with three replicas of every stream, as in production."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.js.errors import APIError

from queuebit_contracts.topology import LOG
from queuebit_runtime.provision import provision
from queuebit_runtime.server_config import Cluster, render, server_binary, walls_of
from queuebit_testing.server import connect_as, declared, free_port, seed_file_of, seeds_and_users
from queuebit_testing.stopped import stopped

__all__ = ["NatsCluster"]

_NAMES = ("n1", "n2", "n3")
_START_S = 60.0
"""Time limit for the first election of leaders, in seconds; it takes a few seconds on an idle machine."""


class NatsCluster:
    """Three servers in one folder. Each can be stopped, continued, killed and restarted."""

    def __init__(self, folder: Path, clients: tuple[tuple[str, str, str], ...] = ()) -> None:
        """Prepare the folder.

        Args:
            folder: the folder of configuration and data.
            clients: tenants' users as (tenant, user, role).
        """
        self.folder = folder
        ports = {name: free_port() for name in _NAMES}
        routes = {name: f"127.0.0.1:{free_port()}" for name in _NAMES}
        self.url = ",".join(f"nats://127.0.0.1:{port}" for port in ports.values())
        self.seeds, users = seeds_and_users(clients)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        password = secrets.token_urlsafe(16)
        for name in _NAMES:
            others = [route for other, route in routes.items() if other != name]
            config = render(
                users,
                walls=walls_of(declared(), dict.fromkeys(tenant for tenant, _, _ in clients)),
                issuer=None,
                host="127.0.0.1",
                port=ports[name],
                store=folder / name,
                pid_file=folder / f"{name}.pid",
                cluster=Cluster(name, routes[name], others, password),
            )
            (folder / f"{name}.conf").write_text(config)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[NatsCluster]:
        """Start all servers; kill them at the end."""
        try:
            for name in _NAMES:
                self.start(name)
            await self._lay_out()
            yield self
        finally:
            for name in _NAMES:
                self.kill(name)

    def start(self, name: str) -> None:
        """Start one server on its data."""
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [server_binary(), "-c", str(self.folder / f"{name}.conf")]
            self._processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        """Kill one server, also if it is stopped."""
        if (process := self._processes.pop(name, None)) is not None:
            process.kill()
            process.wait()

    @asynccontextmanager
    async def stalled(self, name: str) -> AsyncIterator[None]:
        """Stop one server (SIGSTOP): it stays connected, does not answer, and lags behind when it continues."""
        with stopped(self._processes[name].pid):
            yield

    async def connect(self, name: str) -> Client:
        """Connect as a user, to any of the servers."""
        return await connect_as(self.url.split(","), name, self.seeds[name])

    def seed_file(self, name: str) -> Path:
        """Return a file with the seed of a user; only its owner can read it."""
        return seed_file_of(self.folder, name, self.seeds[name])

    async def leader(self) -> str:
        """Return the leader of the stream `LOG`."""
        client = await self.connect("provisioner")
        try:
            found = (await client.jetstream(timeout=10).stream_info(LOG)).cluster
        finally:
            await client.close()
        return str(found.leader) if found else ""

    async def _lay_out(self) -> None:
        async with asyncio.timeout(_START_S):
            while True:
                try:
                    client = await self.connect("provisioner")
                    try:
                        await provision(client, declared(), replicas=3)
                    finally:
                        await client.close()
                except (OSError, nats.errors.Error, APIError):
                    await asyncio.sleep(0.1)
                else:
                    return
