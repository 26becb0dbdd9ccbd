"""Prepares a home for `compose.yaml`: keys, configuration, and folders for data."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from queuebit_contracts.tenants import Tenants
from queuebit_runtime.secrets import read_secret
from queuebit_runtime.server_config import render, walls_of
from queuebit_stack.bootstrap import (
    bootstrap,
    bus_users,
    first_tenants,
    keep_tenants,
    kept_tenants,
    key_of,
    login_issuer,
    write_logins,
)
from queuebit_stack.encryption import STORE_KEY, bus_store_key, default_place, master_key
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.home_documents import file_of, text_in
from queuebit_stack.stack import CONTAINERS, Stack
from queuebit_stack.stacks import find, home_topology, known, save

__all__ = ["KEYS", "RESTARTED", "configure", "env_file", "folder", "keys_folder", "prepare", "restart_command", "used"]

RESTARTED = ("nats",)
"""Containers that read only when they start who may log in."""

KEYS = "QUEUEBIT_CONTAINERS_KEYS"
"""The variable with the folder of the servers' keys, such as one in memory, if it is not beside the master key."""

_STORE_KEY_FILE = "bus-store.conf"

_NATS, _MONITOR, _WAREHOUSE = 4222, 8222, 8123
"""Ports of the containers; the engine publishes them under the same numbers on loopback."""

_USERS = """\
<!-- Written by `qb containers prepare`. One user writes, one only reads; there are no others. -->
<clickhouse>
  <profiles>
    <reads>
      <readonly>1</readonly>
      <constraints>
        <output_format_json_array_of_rows><changeable_in_readonly/></output_format_json_array_of_rows>
        <output_format_json_quote_decimals><changeable_in_readonly/></output_format_json_quote_decimals>
        <output_format_json_quote_64bit_integers><changeable_in_readonly/></output_format_json_quote_64bit_integers>
        <output_format_json_quote_denormals><changeable_in_readonly/></output_format_json_quote_denormals>
      </constraints>
    </reads>
  </profiles>
  <users>
    <default remove="remove"/>
    <queuebit>
      <password_sha256_hex>{writer}</password_sha256_hex>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </queuebit>
    <analyst>
      <password_sha256_hex>{analyst}</password_sha256_hex>
      <networks><ip>::/0</ip></networks>
      <profile>reads</profile>
      <quota>default</quota>
      <grants><query>GRANT SELECT, SHOW, CHECK ON *.*</query></grants>
    </analyst>
  </users>
</clickhouse>
"""

_DISKS = """\
<!-- Written by `qb containers prepare`. All tables are on the encrypted disk; `former` has parts from before it. -->
<clickhouse>
  <storage_configuration>
    <disks>
      <files><type>local</type><path>/var/lib/clickhouse/encrypted/</path></files>
      <encrypted>
        <type>encrypted</type>
        <disk>files</disk>
        <algorithm>AES_256_CTR</algorithm>
        <key_hex>{key}</key_hex>
      </encrypted>
    </disks>
    <policies>
      <default>
        <volumes>
          <main><disk>encrypted</disk></main>
          <former><disk>default</disk></former>
        </volumes>
      </default>
    </policies>
  </storage_configuration>
</clickhouse>
"""


def folder(home: Home) -> Path:
    """The folder in the home that only containers use."""
    return home.root / "containers"


def env_file(home: Home) -> Path:
    """The file for `docker compose --env-file`."""
    return folder(home) / "compose.env"


def keys_folder(home: Home) -> Path:
    """Where the keys of both servers are: outside of the home, so that a copy of it cannot be read.

    Raises:
        Stop: the master key cannot be read, or is not that of this home.
    """
    named = os.environ.get(KEYS)
    return Path(named).absolute() if named else default_place().parent / "containers" / master_key(home).fingerprint


def restart_command(home: Home) -> str:
    """The command that restarts what reads its users only when it starts."""
    return f"docker compose --env-file {env_file(home)} restart {' '.join(RESTARTED)}"


def prepare(home: Home) -> Path:
    """Create missing files, write the configuration again, and return the file for `docker compose --env-file`.

    Raises:
        Stop: the home belongs to `qb up`, or its path cannot be written into that file, or there is no master key.
    """
    stack = Stack.load(home)
    if stack is not None and stack.state != CONTAINERS:
        raise Stop(Exit.REFUSED, f"{home.root} belongs to `qb up`: choose another folder with --home DIR")
    if "'" in str(home.root):
        raise Stop(Exit.USAGE, f"{home.root} has a quote in its name: choose another folder with --home DIR")
    home.prepare()
    save(home, find(home, starting=True))
    bootstrap(home)
    keys = _write_keys(home)
    for name in ("nats", "clickhouse", "provenance", "trust", "broker", "scheduler", "hybrid"):
        (folder(home) / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (home.objectives_folder, home.alert_secrets, home.fleet_secrets):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("alerts", "fleet", "protection"):
        file = file_of(home, name)
        if not file.exists():  # a container mounts it, also while it says nothing
            write_private(file, text_in(home, name))
    _link_trust(home)
    configure(home, first_tenants(home))
    if kept_tenants(home) is None:
        keep_tenants(home)
    write_private(
        env_file(home),
        f"QUEUEBIT_CONTAINERS_HOME='{home.root}'\n{KEYS}='{keys}'\n"
        f"QUEUEBIT_CONTAINERS_USER={os.getuid()}:{os.getgid()}\n",
    )
    listens = {"nats-server": f"nats://127.0.0.1:{_NATS}", "warehouse": f"http://127.0.0.1:{_WAREHOUSE}"}
    Stack(CONTAINERS, {"nats-server": _NATS, "warehouse": _WAREHOUSE}, listens).save(home)
    return env_file(home)


def _write_keys(home: Home) -> Path:
    """Write what gives both servers their keys; a home from before is encrypted as the servers write its data again."""
    keys = keys_folder(home)
    if "'" in str(keys):
        raise Stop(Exit.USAGE, f"{keys} has a quote in its name: choose another folder with {KEYS}")
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(keys / _STORE_KEY_FILE, f'{STORE_KEY}: "{bus_store_key(home)}"\n')
    write_private(keys / "clickhouse-disks.xml", _DISKS.format(key=master_key(home).derive("warehouse").hex()))
    return keys


def _link_trust(home: Home) -> None:
    """The trust document has a folder of its own: provenance writes it there, and the gateway reads nothing else."""
    published = folder(home) / "trust" / home.trust_file.name
    former = folder(home) / "provenance" / home.trust_file.name
    if former.exists() and not published.exists():
        former.rename(published)
    if home.trust_file.is_symlink():
        home.trust_file.unlink()
    home.trust_file.symlink_to(published)


def used(home: Home) -> bool:
    """Whether its containers ever ran: then the log has tenants, and the broker does not begin with the file."""
    return any((folder(home) / "nats").iterdir())


def configure(home: Home, tenants: Tenants) -> None:
    """Write the configuration of both servers; they read it when they start."""
    served = {name: it.backends for name, it in known(home).running.items()}
    write_private(folder(home) / "stacks.json", json.dumps(served) + "\n")
    data = Path("/data")
    nats = render(
        bus_users(home, tenants),
        walls=walls_of(home_topology(home), tenants.tenant),
        issuer=login_issuer(home),
        host="0.0.0.0",  # noqa: S104  # inside a container; the engine publishes on loopback
        port=_NATS,
        monitor_port=_MONITOR,  # for the health check inside the container; the port is not published
        store=data,
        pid_file=data / "nats.pid",
        system_key=key_of(home, "system"),
        store_key=STORE_KEY,
    )
    write_private(folder(home) / "nats.conf", f'include "{_STORE_KEY_FILE}"\n{nats}')
    write_logins(home, tenants)
    digests = [
        hashlib.sha256(read_secret(it).encode()).hexdigest() for it in (home.warehouse_password, home.analyst_password)
    ]
    users = _USERS.format(writer=digests[0], analyst=digests[1])
    write_private(folder(home) / "clickhouse-users.xml", users)
