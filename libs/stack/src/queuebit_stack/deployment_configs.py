"""Writes the configuration of each server of a deployment, with the users of a home."""

from __future__ import annotations

from pathlib import Path

from queuebit_contracts.tenants import Tenants
from queuebit_deployment import Deployment, NodeTable
from queuebit_runtime.deployment import secret_of
from queuebit_runtime.server_config import Cluster, Sizes, Tls, render, walls_of
from queuebit_stack.bootstrap import bus_users, key_of, login_issuer
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.stacks import home_topology

__all__ = ["node_configs"]


def node_configs(home: Home, deployment: Deployment, tenants: Tenants) -> dict[str, str]:
    """The configuration of each node, by its name.

    Args:
        home: whose keys services and the operator log in with.
        deployment: the servers.
        tenants: whose users log in with keys.

    Raises:
        Stop: the deployment has no nodes, or a key of the home is damaged.
        OSError, ValueError: the password of the servers cannot be read.
    """
    if not deployment.node:
        raise Stop(Exit.USAGE, "the deployment has no nodes: add a table [node.NAME] for each server")
    bus = deployment.bus
    password = secret_of(bus.route_password, "routes") if bus.route_password else ""
    users, issuer = bus_users(home, tenants), login_issuer(home)
    walls = walls_of(home_topology(home), tenants.tenant)

    def config(name: str, node: NodeTable) -> str:
        host, _, port = node.listen.rpartition(":")
        others = [it.route for other, it in deployment.node.items() if other != name and it.route]
        return render(
            users,
            walls=walls,
            issuer=issuer,
            host=host,
            port=int(port),
            store=node.store,
            pid_file=node.store.parent / f"{name}.pid",  # a server whose store was deleted starts again
            system_key=key_of(home, "system"),
            cluster=Cluster(name, node.route, others, password, bus.name) if others and node.route else None,
            tls=_tls(node, bus.ca_file),
            sizes=Sizes(
                sync_interval=bus.sync_interval,
                max_memory=bus.max_memory,
                max_store=bus.max_store,
                tags=node.tags,
                connections=deployment.tenants.connections,
                subscriptions=deployment.tenants.subscriptions,
            ),
        )

    return {name: config(name, node) for name, node in deployment.node.items()}


def _tls(node: NodeTable, authority: Path | None) -> Tls | None:
    if node.certificate is None or node.key is None or authority is None:
        return None
    return Tls(node.certificate, node.key, authority)
