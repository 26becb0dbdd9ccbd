"""A real nats-server for a test: free port, new store, provisioned topology, and users with real permissions."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from ssl import SSLContext

import nats
from nats.aio.client import Client

from queuebit_contracts.executors import with_executors
from queuebit_contracts.topology import Topology, inbox_of, topology
from queuebit_quantum import load_stack
from queuebit_runtime.intake import Intake, Pace, Undecided
from queuebit_runtime.keys import new_account_seed, new_seed, public_key
from queuebit_runtime.provision import provision
from queuebit_runtime.server_config import ClientUser, Tls, User, render, server_binary, users_of, walls_of
from queuebit_runtime.servers import tls_of
from queuebit_runtime.tasks import Tasks

__all__ = ["NatsServer", "connect_as", "declared", "free_port", "seed_file_of", "seeds_and_users"]

_PORTS = range(10_000, 32_768)
"""Below those that Linux gives to connections, and to servers that ask for any."""


@cache
def declared() -> Topology:
    """Return the topology with the executors of the built-in stacks."""
    return with_executors(topology(), {name: load_stack(name).offers for name in ("aer", "cirq", "ibm")})


def free_port() -> int:
    """Return a port that is free now, and that the system gives to no other process until it is used."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", _PORTS.start + secrets.randbelow(len(_PORTS))))
            return int(probe.getsockname()[1])


def seeds_and_users(
    clients: Sequence[tuple[str, str, str]], wanted: Topology | None = None
) -> tuple[dict[str, str], list[User]]:
    """Return new seeds by user name, and the users of the server's configuration.

    Args:
        clients: tenants' users as (tenant, user, role).
        wanted: the topology; that of the built-in stacks by default.
    """
    wanted = wanted or declared()
    names = [*wanted.service, "operator", "provisioner"]
    seeds = {name: new_seed() for name in names} | {f"{t}/{u}": new_seed() for t, u, _ in clients}
    users = users_of(
        wanted,
        {name: public_key(seeds[name]) for name in names},
        [ClientUser(t, u, role, public_key(seeds[f"{t}/{u}"])) for t, u, role in clients],
    )
    return seeds, users


async def connect_as(
    servers: list[str], name: str, seed: str, tls: SSLContext | None = None, *, allow_reconnect: bool = True
) -> Client:
    """Connect as a service, as `operator`, or as `<tenant>/<user>`."""
    tenant, _, user = name.rpartition("/")
    client = _Client()
    await client.connect(
        servers,
        tls=tls,
        nkeys_seed_str=seed,
        inbox_prefix=inbox_of(user, tenant or None).encode(),
        allow_reconnect=allow_reconnect,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.1,  # type: ignore[arg-type]  # seconds; a float works
        error_cb=_quiet,
    )
    return client


def seed_file_of(folder: Path, name: str, seed: str) -> Path:
    """Write a seed to a file that only its owner can read; return its path."""
    path = folder / f"{name.replace('/', '-')}.seed"
    path.touch(mode=0o600)
    path.write_text(seed)
    return path


class NatsServer:
    """One server in a folder. It can be killed and restarted on the same data and port."""

    def __init__(
        self,
        folder: Path,
        clients: tuple[tuple[str, str, str], ...] = (),
        *,
        tls: Tls | None = None,
        stacks: Mapping[str, Sequence[str]] | None = None,
        tokens: bool = False,
    ) -> None:
        """Prepare the folder.

        Args:
            folder: the folder of configuration and data.
            clients: tenants' users as (tenant, user, role).
            tls: the server's certificates; None for no TLS.
            stacks: backends of additional stacks.
            tokens: whether it asks about logins that its configuration does not have.
        """
        self._tls = tls
        self.login_seed = new_account_seed()
        """The account key with which logins with tokens are granted."""
        self.folder = folder
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.wanted = with_executors(declared(), stacks or {})
        self.seeds, users = seeds_and_users(clients, self.wanted)
        self.seeds["system"] = new_seed()
        config = render(
            users,
            walls=walls_of(self.wanted, dict.fromkeys(tenant for tenant, _, _ in clients)),
            issuer=public_key(self.login_seed) if tokens else None,
            host="127.0.0.1",
            port=self.port,
            store=folder / "jetstream",
            pid_file=folder / "nats.pid",
            tls=tls,
            system_key=public_key(self.seeds["system"]),
        )
        self.config = folder / "nats.conf"
        self.config.write_text(config)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running server; 0 without one."""
        return self._process.pid if self._process else 0

    async def start(self, *, provisioned: bool = True) -> None:
        """Start and wait until JetStream answers; without `provisioned`, leave its streams as they are."""
        log = (self.folder / "nats.log").open("ab")
        self._process = subprocess.Popen([server_binary(), "-c", str(self.config)], stdout=log, stderr=log)
        log.close()
        for _ in range(200):
            try:
                client = await self.connect("provisioner", allow_reconnect=False)
            except (OSError, nats.errors.Error):
                if self._process.poll() is not None:
                    raise RuntimeError((self.folder / "nats.log").read_text()[-2000:]) from None
                await asyncio.sleep(0.02)
                continue
            if provisioned:
                await provision(client, self.wanted)
            await client.close()
            return
        raise TimeoutError(f"nats-server did not start: see {self.folder}/nats.log")

    async def connect(self, name: str, *, allow_reconnect: bool = True) -> Client:
        """Connect as a service, as `operator`, or as `<tenant>/<user>`."""
        tls = tls_of(self._tls.authority) if self._tls else None
        return await connect_as([self.url], name, self.seeds[name], tls, allow_reconnect=allow_reconnect)

    def seed_file(self, name: str) -> Path:
        """Return a file with the seed of a user; only its owner can read it."""
        return seed_file_of(self.folder, name, self.seeds[name])

    def stop(self) -> None:
        """Stop the server cleanly; it writes its index."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Kill the server."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[NatsServer]:
        """Start the server with an intake for tenants' writes; kill it at the end."""
        await self.start()
        try:
            async with self.intake():
                yield self
        finally:
            self.kill()

    @asynccontextmanager
    async def intake(self) -> AsyncIterator[None]:
        """Run an intake for tenants' writes instead of the broker."""
        client, tasks = await self.connect("broker"), Tasks()
        await Intake("broker", tasks, Pace(10_000), Undecided(100_000)).listen(client)
        await client.flush()
        try:
            yield
        finally:
            await tasks.close()
            await client.close()


class _Client(Client):
    """A client; its `flush` returns after the server has read all earlier messages."""

    async def flush(self, timeout: int = 10) -> None:
        await super().flush(timeout)  # this PING overtakes buffered messages, the next one follows them
        await super().flush(timeout)


async def _quiet(error: Exception) -> None:
    """Print nothing: tests assert permission errors."""
    del error
