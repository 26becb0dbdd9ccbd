"""The Secrets that the Helm chart mounts, from a home of `qb containers prepare`."""

from __future__ import annotations

import hashlib
from typing import Any

from queuebit_contracts.tenants import Tenants
from queuebit_runtime.server_config import render_logins, walls_of
from queuebit_stack.bootstrap import bus_users, key_of, login_issuer
from queuebit_stack.home import Home
from queuebit_stack.stacks import home_topology

__all__ = ["secrets"]


def secrets(home: Home, tenants: Tenants, release: str) -> dict[str, Any]:
    """Return one list of Kubernetes with a Secret for each part of a release: what it reads, and nothing else.

    Args:
        home: a home of `qb containers prepare`.
        tenants: who may log in to the bus.
        release: the name of the Helm release.

    Raises:
        Stop: a file of the home is damaged.
        OSError: a file of the home cannot be read.
    """
    further = {
        "broker": {"login.seed": home.login_seed, "tenants.toml": home.tenants_file, "pricebook.toml": home.price_book},
        "metering": {"pricebook.toml": home.price_book},
        "telemetry": {"warehouse.password": home.warehouse_password},
        "alerting": {"analyst.password": home.analyst_password, "alerts.toml": home.alerts_file},
        "fleet": {"fleet.toml": home.fleet_file},
    }
    parts = {name: {"seed": home.seed_file(name), **further.get(name, {})} for name in home_topology(home).service}
    parts["provision"] = {"seed": home.seed_file("provisioner")}
    parts["warehouse"] = {it.name: it for it in (home.warehouse_password, home.analyst_password)}
    items = [
        _secret(f"{release}-{part}", {key: path.read_text(encoding="utf-8") for key, path in files.items()})
        for part, files in parts.items()
    ]
    logins = render_logins(
        bus_users(home, tenants),
        walls=walls_of(home_topology(home), tenants.tenant),
        issuer=login_issuer(home),
        system_key=key_of(home, "system"),
    )
    items.append(_secret(f"{release}-nats", {"logins.conf": logins, "route.password": _route_password(home)}))
    folders = {"alerting": home.alert_secrets, "fleet": home.fleet_secrets}
    for part, folder in folders.items():
        if found := {it.name: it.read_text(encoding="utf-8") for it in sorted(folder.glob("*")) if it.is_file()}:
            items.append(_secret(f"{release}-{part}-receivers", found))
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _route_password(home: Home) -> str:
    """The password of the servers of a cluster among themselves: it follows from a secret of the home, so that a
    second call gives the same."""
    # The letter in front: the server would read digits as a number.
    return "r" + hashlib.sha256(b"routes of nats\n" + home.seed_file("provisioner").read_bytes()).hexdigest()


def _secret(name: str, content: dict[str, str]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": "queuebit"}
    about = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "type": "Opaque", "stringData": content}
