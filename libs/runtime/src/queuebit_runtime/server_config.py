"""The nats-server configuration of a stack: its users and what each may do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from queuebit_contracts.topology import Permissions, Topology

__all__ = ["ClientUser", "User", "render", "users_of"]


@dataclass(frozen=True, slots=True)
class User:
    """A NATS user: the public half of its NKey and its allow-lists."""

    name: str
    key: str
    permissions: Permissions


@dataclass(frozen=True, slots=True)
class ClientUser:
    """A tenant's user, as admission knows it."""

    tenant: str
    user: str
    role: str
    key: str


def users_of(wanted: Topology, service_keys: dict[str, str], clients: Sequence[ClientUser]) -> list[User]:
    """Every user of a stack.

    Args:
        wanted: the topology from which permissions follow.
        service_keys: public keys of the services, of `operator` and of `provisioner`.
        clients: the tenants' users.
    """
    users = [User(name, service_keys[name], wanted.service_permissions(name)) for name in wanted.service]
    users.append(User("operator", service_keys["operator"], wanted.operator_permissions()))
    users.append(User("provisioner", service_keys["provisioner"], wanted.provisioner_permissions()))
    users += [
        User(f"{it.tenant}/{it.user}", it.key, wanted.client_permissions(it.role, it.tenant, it.user)) for it in clients
    ]
    return users


def render(users: Sequence[User], *, host: str, port: int, monitor_port: int, store: Path, pid_file: Path) -> str:
    """Write the configuration file: JetStream on disk, every write synced, nobody without a key."""
    blocks = "\n".join(_user(user) for user in users)
    return f"""\
# Written by Queuebit; the next start or change of a tenant writes it anew.
server_name: queuebit
host: {json.dumps(host)}
port: {port}
http: {json.dumps(f"{host}:{monitor_port}")}
pid_file: {json.dumps(str(pid_file))}
max_payload: 1MB
max_control_line: 4KB
write_deadline: "10s"
jetstream {{
  store_dir: {json.dumps(str(store))}
  sync_interval: always
  max_mem: 256MB
  max_file: 64GB
}}
authorization {{
  timeout: 5
  users: [
{blocks}
  ]
}}
"""


def _user(user: User) -> str:
    return f"""\
    # {user.name}
    {{ nkey: {user.key}
      permissions: {{
        publish: {{ allow: {json.dumps(list(user.permissions.publish))} }}
        subscribe: {{ allow: {json.dumps(list(user.permissions.subscribe))} }}
        allow_responses: {{ max: 1, expires: "1m" }}
      }}
    }}"""
