"""The deployment file (`queuebit.toml`): what each key may say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)

from queuebit_deployment.references import Reference

__all__ = [
    "ALWAYS",
    "EXAMPLE",
    "BusTable",
    "CredentialsTable",
    "Deployment",
    "NodeTable",
    "StreamTable",
    "TenantsTable",
]

ALWAYS: Final = "always"
"""The interval of a server that writes to the disk before it confirms."""

EXAMPLE: Final = """\
# Three servers, each in a zone of its own, with three replicas of every stream.

[bus]
urls = ["tls://bus-1.example:4222", "tls://bus-2.example:4222", "tls://bus-3.example:4222"]
replicas = 3
placement = ["ssd"]                 # streams are only on nodes with these tags
sync_interval = "always"            # a confirmed event is on the disk
ca_file = "/etc/queuebit/tls/ca.pem"
route_password = "file:/run/secrets/routes"

[credentials]
seed = "file:/run/secrets/{user}.seed"

[stream.LOG]
max_bytes = "200GiB"

[node.bus-1]
listen = "0.0.0.0:4222"
route = "bus-1.example:6222"
store = "/var/lib/queuebit/nats"
tags = ["ssd", "zone-a"]
certificate = "/etc/queuebit/tls/server.pem"
key = "/etc/queuebit/tls/server.key"

[node.bus-2]
listen = "0.0.0.0:4222"
route = "bus-2.example:6222"
store = "/var/lib/queuebit/nats"
tags = ["ssd", "zone-b"]
certificate = "/etc/queuebit/tls/server.pem"
key = "/etc/queuebit/tls/server.key"

[node.bus-3]
listen = "0.0.0.0:4222"
route = "bus-3.example:6222"
store = "/var/lib/queuebit/nats"
tags = ["ssd", "zone-c"]
certificate = "/etc/queuebit/tls/server.pem"
key = "/etc/queuebit/tls/server.key"
"""
"""A document to begin with."""

_REPLICAS: Final = (1, 3, 5)
_UNITS: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SIZE: Final = re.compile(r"([1-9][0-9]{0,12}) ?(|KiB|MiB|GiB|TiB)")
_INTERVAL: Final = re.compile(r"[1-9][0-9]{0,4}(?:ms|s|m)")


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    if (found := _SIZE.fullmatch(value)) is None:
        raise ValueError("it is no size: write a number of bytes, or such as 200GiB")
    return int(found[1]) * _UNITS[found[2]]


def _replicas(count: int) -> int:
    if count not in _REPLICAS:
        why = "an even number tolerates no more failures than one less" if count % 2 == 0 else "no other number works"
        raise ValueError(f"it is {count}: use 1, 3 or 5, because {why}")
    return count


def _interval(text: str) -> str:
    if text != ALWAYS and _INTERVAL.fullmatch(text) is None:
        raise ValueError(f'it is no interval: write "{ALWAYS}", or such as "10s"')
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("nats", "tls") or not parts.hostname:
        raise ValueError("it is no address of a server: write nats://HOST:4222, or tls:// with certificates")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it contains a login: name the seeds under credentials, and only the host here")
    return text


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("it is no address: write HOST:PORT, such as 0.0.0.0:4222")
    return text


_Size = Annotated[
    int, BeforeValidator(_size, json_schema_input_type=int | str), Field(ge=1 << 20), PlainSerializer(int)
]
_Address = Annotated[str, AfterValidator(_address)]
_Url = Annotated[str, AfterValidator(_url)]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$")]
_Tag = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9:_-]{0,62}[a-z0-9])?$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BusTable(_Table):
    """The bus as a whole."""

    urls: tuple[_Url, ...] = ()
    """Addresses for services and clients. They use any of them, and change to another if a server fails."""
    name: _Name = "queuebit"
    """The name of the cluster."""
    replicas: Annotated[int, AfterValidator(_replicas)] = 1
    """Servers that keep each stream: 1, 3 or 5. Three tolerate the failure of one."""
    placement: tuple[_Tag, ...] = ()
    """Tags that a node must have to keep streams; empty: any node."""
    sync_interval: Annotated[str, AfterValidator(_interval)] = ALWAYS
    """`always`: a confirmed event is on the disk. An interval such as `10s` needs replicas, and a power cut of all
    servers at once loses what was confirmed within it."""
    ca_file: Path | None = None
    """The CA certificate of the servers, for a bus with TLS."""
    route_password: Reference | None = None
    """Where the password of the servers for one another is."""
    max_store: _Size = 64 << 30
    """Bytes of streams on the disk of each server."""
    max_memory: _Size = 256 << 20
    """Bytes of streams in the memory of each server."""


class NodeTable(_Table):
    """One server."""

    listen: _Address = "0.0.0.0:4222"
    """Where it listens for services and clients."""
    route: _Address | None = None
    """Where it listens for the other servers, and how they reach it; needed if there are several."""
    store: Path = Path("/var/lib/queuebit/nats")
    """The folder of its streams."""
    tags: tuple[_Tag, ...] = ()
    """What `placement` chooses it by, such as its zone."""
    certificate: Path | None = None
    """Its certificate; with `key`, and the authority in `ca_file` of the bus."""
    key: Path | None = None
    """The private key of the certificate."""


class CredentialsTable(_Table):
    """Where the secrets of the platform's own users are."""

    seed: Reference | None = None
    """Of a user's NKey seed; `{user}` is the name: that of a service, `provisioner`, `operator` or `system`."""


class StreamTable(_Table):
    """How much one stream may hold."""

    max_bytes: _Size
    """Bytes on the disk of each of its replicas."""


class TenantsTable(_Table):
    """What each tenant may use of the bus at once."""

    connections: int = Field(default=256, ge=1, le=65_536)
    """Connections of all users of a tenant; the client keeps one."""
    subscriptions: int = Field(default=256, ge=16, le=65_536)
    """Subscriptions of one connection; the client keeps about ten."""


class Deployment(_Table):
    """One installation: what provisioner, services and `qb` have to know of its servers."""

    bus: BusTable
    node: dict[_Name, NodeTable] = Field(default_factory=dict, max_length=64)
    """The servers by name; none if another tool configures them."""
    credentials: CredentialsTable = CredentialsTable()
    stream: dict[str, StreamTable] = Field(default_factory=dict)
    """By stream or bucket; others have the size that the version declares."""
    tenants: TenantsTable = TenantsTable()

    @property
    def nodes_for_streams(self) -> list[str]:
        """Nodes with all tags of the placement."""
        return [name for name, it in self.node.items() if {*self.bus.placement} <= {*it.tags}]
