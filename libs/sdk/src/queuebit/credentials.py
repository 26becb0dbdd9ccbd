"""Credentials: a file with the address of a stack and the secret key of a token."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote

from queuebit.errors import InvalidInput, NotFound, Unreachable

__all__ = ["Credential", "choose", "find", "home_folder", "is_http", "load"]


def is_http(url: str) -> bool:
    """Whether an address is that of a gateway, or of a sidecar on a Unix socket."""
    return url.startswith(("http://", "https://", "unix://"))


@dataclass(frozen=True, slots=True)
class Credential:
    """A user of a tenant, and the address of the platform."""

    url: str
    tenant: str
    user: str
    seed: str = field(repr=False)
    project: str = ""
    """The default project of submissions."""
    ca_file: Path | None = None
    """CA certificate of the servers, if they use TLS and no public authority signed theirs."""
    token: str = field(default="", repr=False)
    """A bearer token: for a gateway in the place of the seed; for the bus it logs in, and the seed signs."""
    delegation: str | None = None
    """The delegation that the key comes from; None for the key of the user."""

    @property
    def inbox(self) -> str:
        """The prefix for replies that only this user receives."""
        if self.token:
            return f"_INBOX.k.{self.tenant}.{self.delegation}"
        return f"_INBOX.t.{self.tenant}.{self.user}"


def home_folder(given: str | Path | None = None) -> Path:
    """The stack's folder: the one given, else `QUEUEBIT_HOME`, else `~/.queuebit`."""
    path = Path(given or os.environ.get("QUEUEBIT_HOME") or "~/.queuebit").expanduser().absolute()
    return path.resolve() if ".." in path.parts else path


def choose(
    home: str | Path | None = None, tenant: str | None = None, user: str | None = None, *, url: str | None = None
) -> Credential:
    """Who asks, and where.

    An address of a gateway is asked with the token in `QUEUEBIT_TOKEN`, or with a credential of the home, whose key
    signs the requests; one of the bus likewise, as `queuebit.workload` says. Behind `unix://` is a sidecar that has a
    token, unless a home or a tenant is named.

    Args:
        home: the stack's folder, as for `home_folder`.
        tenant: as for `find`.
        user: as for `find`.
        url: the address; default: `QUEUEBIT_URL`, else that of the credential.

    Raises:
        NotFound, InvalidInput, Unreachable: as `find`.
        Refused: the gateway does not know the token.
    """
    url = url or os.environ.get("QUEUEBIT_URL") or None
    if url and "://" in url and not (is_http(url) or url.startswith(("nats://", "tls://"))):
        raise InvalidInput(
            f"{url} is no address: give https://, http:// or unix:/// of a gateway, or nats:// of the bus"
        )
    named = home is not None or tenant is not None or user is not None
    token = os.environ.get("QUEUEBIT_TOKEN", "") if url and is_http(url) and not named else ""
    sidecar = url is not None and url.startswith("unix:") and not (named or os.environ.get("QUEUEBIT_CREDENTIAL"))
    if url and (token or sidecar):
        from queuebit.http_access import identified  # only here is HTTP needed

        return identified(Credential(url, "", "", "", token=token, ca_file=_ca_file()))
    if url and not is_http(url) and not (named or os.environ.get("QUEUEBIT_CREDENTIAL")):
        from queuebit.workload import logged_in  # loads NATS

        if (found := logged_in(url, _ca_file())) is not None:
            return found
    credential = find(home_folder(home), tenant, user, url=url)
    return replace(credential, ca_file=_ca_file() or credential.ca_file) if url else credential


def find(home: Path, tenant: str | None = None, user: str | None = None, *, url: str | None = None) -> Credential:
    """The credential of a tenant's user in a home, for another address if one is given.

    Without a tenant it is the file named by `QUEUEBIT_CREDENTIAL`, else the one of `demo`, else the only one.

    Raises:
        NotFound: there is none, or the choice is ambiguous.
        InvalidInput: the chosen file, or a possible choice, cannot be used.
        Unreachable: the home's stack is down.
    """
    named = os.environ.get("QUEUEBIT_CREDENTIAL")
    if named and tenant is None and user is None:
        path = Path(named).expanduser()
        if not path.exists():
            raise NotFound(
                f"there is no credential {path}, which QUEUEBIT_CREDENTIAL names: set it to a file, or unset it"
            )
        return _at(load(path), url)
    found, damaged = list[Credential](), list[InvalidInput]()
    for path in sorted((home / "credentials").glob("*.toml")):
        try:
            found.append(load(path))
        except InvalidInput as error:
            damaged.append(error)
    fitting = [it for it in found if tenant in (None, it.tenant) and user in (None, it.user)]
    if damaged and (tenant is None or not fitting):  # a damaged file of another user does no harm
        raise damaged[0]
    if tenant is None and len(fitting) > 1:
        fitting = [it for it in fitting if it.tenant == "demo"] or fitting
    if len(fitting) == 1:
        return _at(fitting[0], url) if url else _at_home(home, fitting[0])
    if fitting:
        names = ", ".join(f"{it.tenant}/{it.user}" for it in fitting)
        tenants = dict.fromkeys(it.tenant for it in fitting)
        flags = [f"--tenant {it}" for it in tenants] if len(tenants) > 1 else [f"--user {it.user}" for it in fitting]
        raise NotFound(f"{home} holds several credentials ({names}): choose with {' or '.join(flags)}")
    who = f" for {tenant or 'any tenant'}{'/' + user if user else ''}"
    if not found:
        raise NotFound(f"{home} holds no credential: start a stack with `qb up`, or set QUEUEBIT_CREDENTIAL to a file")
    raise NotFound(
        f"{home} holds no credential{who}: `qb tenant token new {tenant or 'TENANT'} {user or 'USER'}` creates one "
        "for a user of a tenant, `qb tenant list` lists the tenants"
    )


def load(path: Path) -> Credential:
    """Read one credential file.

    Raises:
        NotFound: there is no such file.
        InvalidInput: others can read it, or it is not a credential.
    """
    from queuebit_runtime.keys import is_seed  # cryptography is only needed here

    try:
        fields = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise NotFound(f"there is no credential {path}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not a credential: {error}") from error
    names = ("url", "tenant", "user", "seed")
    if missing := [name for name in names if not isinstance(fields.get(name), str)]:
        raise InvalidInput(f"{path} is not a credential: {', '.join(missing)} missing")
    if path.stat().st_mode & 0o077:  # only credentials need private modes, so other files are refused before
        raise InvalidInput(f"{path} can be read by others: run `chmod 600 {path}`")
    if not is_seed(fields["seed"]):
        raise InvalidInput(f"{path} is not a credential: its seed is damaged; `qb tenant token new` creates a new one")
    url, tenant, user, seed = (str(fields[name]) for name in names)
    ca_file = path.parent / str(fields["ca_file"]) if "ca_file" in fields else None
    delegation = str(fields["delegation"]) if "delegation" in fields else None
    return Credential(url, tenant, user, seed, str(fields.get("project", "")), ca_file, delegation=delegation)


def _at(credential: Credential, url: str | None) -> Credential:
    return replace(credential, url=url) if url else credential


def _ca_file() -> Path | None:
    """The authority of a gateway's certificate, where no public one signed it."""
    named = os.environ.get("QUEUEBIT_CA_FILE")
    return Path(named).expanduser() if named else None


def _up(home: Path) -> str:
    return "`qb up`" if home == home_folder() else f"`qb up --home {quote(str(home))}`"


def _at_home(home: Path, credential: Credential) -> Credential:
    """The same credential with the current address of the home's stack.

    Raises:
        Unreachable: the stack is down; another program may use the old address now.
    """
    try:
        url = json.loads((home / "stack.json").read_text())["listens"]["nats-server"]
    except FileNotFoundError:
        return credential
    except ValueError as error:
        raise Unreachable(
            f"{home / 'stack.json'} is damaged: a running stack replaces it; otherwise start it with {_up(home)}"
        ) from error
    except (KeyError, TypeError) as error:
        raise Unreachable(f"the stack in {home} is down: start it with {_up(home)}") from error
    return replace(credential, url=str(url))
