"""What the first `qb up` makes: keys of every service, a first tenant, a price book."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from queuebit_cli.errors import Exit, Stop
from queuebit_cli.files import write_private
from queuebit_cli.home import Home
from queuebit_cli.ports import DEFAULTS
from queuebit_contracts.tenants import Tenants, parse_tenants
from queuebit_contracts.topology import topology
from queuebit_kernel import Fault
from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.server_config import ClientUser, User, render, users_of

__all__ = ["bus_users", "found", "read_tenants", "write_credential", "write_nats_config"]

_FIRST = """\
# Who may use this stack. `qb tenant …` edits this file and keeps your comments; keys are public halves of tokens.

[tenant.demo]
share = 1

[tenant.demo.project.playground]
budget = "1000"
currency = "USD"

[tenant.demo.user.me]
role = "admin"
keys = [{key}]
"""


def found(home: Home) -> None:
    """Make what is missing; what is there stays as it is."""
    home.prepare()
    for name in (*topology().service, "operator", "provisioner"):
        _once(home.seed_file(name), new_seed)
    _once(home.warehouse_password, lambda: secrets.token_urlsafe(32))
    _once(home.price_book, _default_price_book)
    if not home.tenants_file.exists():
        seed = new_seed()
        write_credential(home, "demo", "me", seed, project="playground")
        write_private(home.tenants_file, _FIRST.format(key=json.dumps(public_key(seed))))


def write_credential(
    home: Home, tenant: str, user: str, seed: str, *, project: str, path: Path | None = None, url: str | None = None
) -> Path:
    """Keep what a user logs in with, and return where. For a file inside the home the address is looked up anew."""
    path = path or home.credential_file(tenant, user)
    url = url or f"nats://127.0.0.1:{DEFAULTS['nats-server']}"
    fields = {"url": url, "tenant": tenant, "user": user, "seed": seed, "project": project}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
    write_private(path, f"# Secret: whoever holds this file is {user} of {tenant}.\n{lines}")
    return path


def read_tenants(home: Home) -> Tenants:
    """Who may use the stack.

    Raises:
        Stop: the file breaks its rules; the text lists how.
    """
    try:
        return parse_tenants(home.tenants_file.read_text())
    except Fault as error:
        raise Stop(Exit.USAGE, f"{home.tenants_file}: {error}") from error


def bus_users(home: Home) -> list[User]:
    """Who may log in to the bus: services with the home's keys, tenants' users with theirs."""
    names = [*topology().service, "operator", "provisioner"]
    keys = {name: public_key(home.seed_file(name).read_text().strip()) for name in names}
    clients = [
        ClientUser(tenant, name, user.role, key)
        for tenant, entry in read_tenants(home).tenant.items()
        for name, user in entry.user.items()
        for key in user.keys
    ]
    return users_of(topology(), keys, clients)


def write_nats_config(home: Home, ports: dict[str, int]) -> None:
    """Write the server's configuration from the topology and the tenants file."""
    text = render(
        bus_users(home),
        host="127.0.0.1",
        port=ports["nats-server"],
        monitor_port=ports["nats-monitor"],
        store=home.jetstream,
        pid_file=home.nats / "nats.pid",
    )
    write_private(home.nats_config, text)


def _once(path: Path, make: Callable[[], str]) -> None:
    if not path.exists():
        write_private(path, make().rstrip("\n") + "\n")


def _default_price_book() -> str:
    package = Path(str(files("queuebit_contracts")))
    beside = (package / "pricebook", package.parents[1] / "pricebook")  # installed, or in a checkout
    return next(folder for folder in beside if folder.is_dir()).joinpath("default.toml").read_text()
