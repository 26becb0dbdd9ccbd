"""Creates what a new home needs: the master key, the keys of every service, a first tenant, a price book."""

from __future__ import annotations

import json
import re
import secrets
import tomllib
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from shlex import quote

from queuebit_contracts.directory import narrowed
from queuebit_contracts.tenants import BadTenants, Tenants, parse_tenants, tenants_toml
from queuebit_kernel import Fault
from queuebit_runtime.keys import is_account_seed, is_seed, new_account_seed, new_seed, public_key
from queuebit_runtime.server_config import ClientUser, User, render, users_of, walls_of
from queuebit_stack.encryption import STORE_KEY, prepare_master_key
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.ports import DEFAULTS
from queuebit_stack.stacks import home_topology

__all__ = [
    "bootstrap",
    "bus_users",
    "clients_of",
    "default_price_book",
    "first_tenants",
    "is_in_force",
    "keep_tenants",
    "kept_credentials",
    "kept_tenants",
    "key_of",
    "login_issuer",
    "logins",
    "read_tenants",
    "readdress",
    "write_credential",
    "write_logins",
    "write_nats_config",
]

_ADDRESS = re.compile(r'^url = "nats://127\.0\.0\.1:\d+"$', re.MULTILINE)
"""The address of a stack on this machine when the credential was written."""

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


def bootstrap(home: Home) -> None:
    """Create missing files; keep existing ones."""
    home.prepare()
    prepare_master_key(home)
    for name in (*home_topology(home).service, "operator", "provisioner", "system"):
        _once(home.seed_file(name), new_seed)
    _once(home.login_seed, new_account_seed)
    for password in (home.warehouse_password, home.analyst_password):
        _once(password, lambda: secrets.token_urlsafe(32))
    if not home.stack_file.exists():  # later a missing price book is an error: other prices may have been in force
        _once(home.price_book, lambda: default_price_book().read_text())
    if not (home.tenants_file.exists() or home.good_tenants_file.exists()):
        seed = new_seed()
        write_credential(home, "demo", "me", seed, project="playground")
        write_private(home.tenants_file, _FIRST.format(key=json.dumps(public_key(seed))))


def default_price_book() -> Path:
    """The price book of a new stack."""
    package = Path(str(files("queuebit_contracts")))
    beside = (package / "pricebook", package.parents[1] / "pricebook")  # installed, or in a checkout
    return next(folder for folder in beside if folder.is_dir()) / "default.toml"


def write_credential(
    home: Home, tenant: str, user: str, seed: str, *, project: str, path: Path | None = None, url: str | None = None
) -> Path:
    """Write a user's credential and return its path. Clients look up the address of a credential inside the home."""
    path = path or _own_file(home, tenant, user)
    url = url or f"nats://127.0.0.1:{DEFAULTS['nats-server']}"
    fields = {"url": url, "tenant": tenant, "user": user, "seed": seed, "project": project}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
    write_private(path, f"# Secret: this file gives access as user {user} of tenant {tenant}.\n{lines}")
    return path


def readdress(home: Home, url: str) -> None:
    """Write the address of the stack into the home's credentials; skip damaged files."""
    for path in home.credentials.glob("*.toml"):
        with suppress(OSError, UnicodeDecodeError):
            text = path.read_text(encoding="utf-8")
            if (named := _ADDRESS.sub(f"url = {json.dumps(url)}", text, count=1)) != text:
                write_private(path, named)


def kept_credentials(home: Home, tenant: str, user: str | None = None) -> list[Path]:
    """Credential files of one user, or of all users of a tenant."""
    owners = {path: _owner(path) for path in sorted(home.credentials.glob("*.toml"))}
    return [path for path, (whose, who) in owners.items() if whose == tenant and user in (None, who)]


def read_tenants(home: Home) -> Tenants:
    """Read the tenants file.

    Raises:
        Stop: the file is invalid; the text lists every problem.
    """
    try:
        return parse_tenants(home.tenants_file.read_text(encoding="utf-8"))
    except (Fault, OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        good = home.good_tenants_file
        back = f", or restore the last valid version: cp {quote(str(good))} {quote(str(home.tenants_file))}"
        raise Stop(Exit.USAGE, f"{home.tenants_file}: {why}\nfix the file{back if good.exists() else ''}") from error


def kept_tenants(home: Home) -> Tenants | None:
    """The document that this home put in force last; nothing before the first start."""
    return _document(home.good_tenants_file)


def _document(path: Path) -> Tenants | None:
    try:
        return parse_tenants(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, BadTenants):
        return None


def first_tenants(home: Home) -> Tenants:
    """What the bus may grant before the facts can be asked: what the file and the document in force both grant.

    Before a first start there are no facts, and the broker begins with the file.
    """
    wanted, before = read_tenants(home), kept_tenants(home)
    return wanted if before is None else narrowed(before, wanted)


def clients_of(tenants: Tenants) -> list[ClientUser]:
    """Who of a document's users may log in."""
    return [
        ClientUser(tenant, name, user.role, key)
        for tenant, entry in tenants.tenant.items()
        for name, user in entry.user.items()
        for key in user.keys
    ]


def bus_users(home: Home, tenants: Tenants) -> list[User]:
    """Who may log in to the bus: services with the home's keys, tenants' users with theirs."""
    wanted = home_topology(home)
    names = [*wanted.service, "operator", "provisioner"]
    keys = {name: key_of(home, name) for name in names}
    return users_of(wanted, keys, clients_of(tenants))


def key_of(home: Home, name: str) -> str:
    """The public key of a service's NATS user.

    Raises:
        Stop: the seed file is damaged.
    """
    path = home.seed_file(name)
    seed = path.read_text(errors="replace").strip()
    if not is_seed(seed):
        raise Stop(Exit.USAGE, f"{path} is damaged: delete it, then {home.command('up')} creates a new one")
    return public_key(seed)


def login_issuer(home: Home) -> str:
    """The public half of the key with which the broker grants logins.

    Raises:
        Stop: the seed file is damaged.
    """
    seed = home.login_seed.read_text(errors="replace").strip()
    if not is_account_seed(seed):
        raise Stop(Exit.USAGE, f"{home.login_seed} is damaged: delete it, then {home.command('up')} creates a new one")
    return public_key(seed)


def write_nats_config(home: Home, ports: dict[str, int], tenants: Tenants) -> None:
    """Write the server's configuration from the topology and a document."""
    text = render(
        bus_users(home, tenants),
        walls=walls_of(home_topology(home), tenants.tenant),
        issuer=login_issuer(home),
        host="127.0.0.1",
        port=ports["nats-server"],
        store=home.jetstream,
        pid_file=home.nats / "nats.pid",
        system_key=key_of(home, "system"),
        store_key=STORE_KEY,
    )
    write_private(home.nats_config, text)


def write_logins(home: Home, tenants: Tenants) -> None:
    """Write down whose keys the bus takes now; the warehouse takes the same."""
    write_private(home.logins_file, tenants_toml(tenants))


def logins(home: Home) -> Tenants | None:
    """Whose keys the bus takes now; nothing if it is not known."""
    return _document(home.logins_file)


def is_in_force(home: Home) -> bool:
    """Whether the tenants file is as it was when it was last put in force."""
    with suppress(OSError):
        return home.good_tenants_file.read_bytes() == home.tenants_file.read_bytes()
    return False


def keep_tenants(home: Home) -> None:
    """Keep a copy of the tenants file, which is in force now."""
    write_private(home.good_tenants_file, home.tenants_file.read_text(encoding="utf-8"))


def _own_file(home: Home, tenant: str, user: str) -> Path:
    """The credential file of one user. Names may contain dashes, so `c` of `a-b` and `b-c` of `a` would share one."""
    named = home.credential_file(tenant, user)
    taken = named.exists() and _owner(named) != (tenant, user)
    return named.with_name(f"{tenant}.{user}.toml") if taken else named


def _owner(path: Path) -> tuple[str, str]:
    try:
        fields = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return "", ""
    return str(fields.get("tenant", "")), str(fields.get("user", ""))


def _once(path: Path, make: Callable[[], str]) -> None:
    if not path.exists():
        write_private(path, make().rstrip("\n") + "\n")
