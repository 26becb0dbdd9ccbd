"""I3, tested live: a tenant's credential must not give access to another tenant."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

import nats
from nats.errors import Error as NatsError

from queuebit_contracts.subjects import job, of_tenant, query, stored
from queuebit_contracts.topology import DECISIONS, LOG, inbox_of
from queuebit_kernel import Unavailable
from queuebit_runtime.servers import servers_of

__all__ = ["Intruder", "Login", "intruders", "is_admitted", "logins", "trespasses"]

_TIMEOUT_S = 10
_NEVER = str(2**62)
"""A sequence that no log reaches: if a wall is open, the stream itself still refuses the write."""


@dataclass(frozen=True, slots=True)
class Intruder:
    """A tenant's user, and the tenant that it tries to access."""

    tenant: str
    user: str
    seed: str
    victim: str


@dataclass(frozen=True, slots=True)
class Login:
    """A credential in the home."""

    tenant: str
    user: str
    seed: str


def logins(credentials: Path) -> list[Login]:
    """Every credential here."""
    found = (tomllib.loads(path.read_text()) for path in sorted(credentials.glob("*.toml")))
    return [Login(it["tenant"], it["user"], it["seed"]) for it in found]


async def is_admitted(url: str, login: Login) -> bool:
    """Whether the bus admits a credential.

    Raises:
        Unavailable: the server did not answer.
    """
    try:
        client = await nats.connect(
            servers_of(url),
            nkeys_seed_str=login.seed,
            error_cb=_quietly,
            connect_timeout=_TIMEOUT_S,
            allow_reconnect=False,
        )
    except (NatsError, OSError, TimeoutError) as error:
        if "authorization" in str(error).lower():
            return False
        raise Unavailable(f"{login.tenant}/{login.user} cannot connect to {url}: {error!r}") from error
    await client.close()
    return True


async def _quietly(error: Exception) -> None:
    """The refusal is raised as well."""
    del error


def intruders(credentials: Path) -> list[Intruder]:
    """One for each tenant with a credential here; empty if there is only one tenant."""
    users = {}
    for path in sorted(credentials.glob("*.toml")):
        fields = tomllib.loads(path.read_text())
        users[fields["tenant"]] = fields
    tenants = sorted(users)
    if len(tenants) < 2:
        return []
    victims = [*tenants[1:], tenants[0]]
    return [
        Intruder(it, users[it]["user"], users[it]["seed"], victim) for it, victim in zip(tenants, victims, strict=True)
    ]


async def trespasses(url: str, intruder: Intruder) -> list[str]:
    """Try to follow, read and write what is another tenant's or only the operator's; return what was not refused.

    Raises:
        Unavailable: the server did not answer.
    """
    refused: list[str] = []

    async def note(error: Exception) -> None:
        refused.append(str(error).lower())

    try:
        client = await nats.connect(
            servers_of(url),
            nkeys_seed_str=intruder.seed,
            inbox_prefix=inbox_of(intruder.user, intruder.tenant).encode(),
            error_cb=note,
            connect_timeout=_TIMEOUT_S,
            allow_reconnect=False,
        )
    except (NatsError, OSError, TimeoutError) as error:
        if "authorization" in str(error).lower():
            return []  # a revoked token gives no access
        raise Unavailable(f"{intruder.tenant}/{intruder.user} cannot connect to {url}: {error!r}") from error
    foreign, asked = of_tenant("job", intruder.victim), query("jobs", intruder.victim)
    announced = stored(foreign)
    probe = job(intruder.victim, "wall-probe").event("submitted")
    decision = f"$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.{DECISIONS}.{'0' * 64}.0"
    tries = {
        f"follow {foreign}": f'subscription to "{foreign}"',
        f"follow {announced}": f'subscription to "{announced}"',
        f"read {foreign}": f'publish to "$js.api.direct.get.{LOG}.{foreign}"'.lower(),
        f"write {probe}": f'publish to "{probe}"',
        f"ask about {intruder.victim}": f'publish to "{asked}"',
        "read what decisions about all tenants were made from": f'publish to "{decision}"'.lower(),
    }
    try:
        await client.subscribe(foreign)
        await client.subscribe(announced)
        await client.publish(f"$JS.API.DIRECT.GET.{LOG}.{foreign}", json.dumps({"seq": 1}).encode())
        guard = {"Nats-Expected-Last-Subject-Sequence": _NEVER}
        await client.publish(probe, b"{}", headers=guard)
        await client.publish(asked, b"{}")
        await client.publish(decision, b"{}")
        await client.flush(_TIMEOUT_S)
        await client.flush(_TIMEOUT_S)  # the first flush overtakes buffered messages
    except (NatsError, TimeoutError) as error:
        raise Unavailable(f"nats-server at {url} does not answer: {error!r}") from error
    finally:
        await client.close()
    return [attempt for attempt, sign in tries.items() if not any(sign in text for text in refused)]
