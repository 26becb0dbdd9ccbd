"""Named circuits of a tenant: their versions, and what a job submits of one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from queuebit.errors import InvalidInput, NotFound
from queuebit.inputs import plain_name
from queuebit_contracts.admission import CircuitVersion
from queuebit_contracts.wire import Payload

if TYPE_CHECKING:
    from queuebit.payloads import Payloads

__all__ = ["NAMED", "NamedCircuit", "StoredCircuit", "chosen", "declared_inputs", "loaded", "version_of"]

NAMED = re.compile(r"(?P<name>[a-z0-9][a-z0-9_-]{0,63})@(?P<version>[1-9][0-9]{0,5}|canary|released)")
"""A circuit of the tenant, by name and version."""

_INPUT = re.compile(r"(?:^|[;\n])\s*input\s+[^;=]*?([A-Za-z_]\w*)\s*(?=;)")
_COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NamedCircuit:
    """A version of a named circuit of the tenant. `submit` takes it like any circuit, and the receipt names it."""

    name: str
    version: int
    state: str
    """`draft`, `canary`, `released` or `withdrawn`."""
    owner: str
    digest: str
    """Of its source."""
    parameters: tuple[str, ...]
    """The names of its inputs."""
    source: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


@dataclass(frozen=True, slots=True)
class StoredCircuit:
    """A source that lies in the payload store of the tenant."""

    digest: str
    size: int
    media_type: str
    parameters: tuple[str, ...]
    """The names of the inputs that it declares."""


def chosen(rows: Iterable[Mapping[str, object]], words: str) -> Mapping[str, object]:
    """The version that is meant: `NAME@7`; `NAME@canary`, the newest canary; `NAME` or `NAME@released`.

    Args:
        rows: versions, as `AsyncClient.circuits` returns them.
        words: what a person writes.

    Raises:
        InvalidInput: this names no version.
        NotFound: there is no such version, or it was withdrawn.
    """
    found = NAMED.fullmatch(words if "@" in words else f"{words}@released")
    if found is None:
        raise InvalidInput(f"{words!r} names no circuit: write it as NAME, NAME@7, NAME@canary or NAME@released")
    name, version = plain_name("circuit", found["name"]), found["version"]
    known = [it for it in rows if it["circuit"] == name]
    if not known:
        raise NotFound(f"there is no circuit {name} here: `qb circuit list` has all")
    fitting = [it for it in known if version in (str(it["version"]), it["state"])]
    if not fitting:
        have = ", ".join(f"{it['version']} ({it['state']})" for it in known[:5])
        raise NotFound(f"circuit {name} has no version {version}: it has {have}")
    newest = max(fitting, key=lambda it: int(str(it["version"])))
    if newest["state"] == "withdrawn":
        raise NotFound(f"version {newest['version']} of circuit {name} was withdrawn: choose another")
    return newest


async def loaded(payloads: Payloads, row: Mapping[str, object]) -> NamedCircuit:
    """A version with its source, whose digest is checked.

    Raises:
        NotFound: its source is gone.
    """
    name, version = str(row["circuit"]), int(str(row["version"]))
    payload = Payload.model_validate({it: row[it] for it in ("digest", "size", "media_type")})
    try:
        source = await payloads.get(payload)
    except NotFound as error:
        raise NotFound(f"the source of circuit {name} v{version} is gone: {error}") from error
    parameters = row.get("parameters")
    names = tuple(map(str, parameters)) if isinstance(parameters, list | tuple) else ()
    return NamedCircuit(name, version, str(row["state"]), str(row["owner"]), payload.digest, names, source)


def version_of(circuit: object) -> CircuitVersion | None:
    """The version that a circuit, sweep or program is of; None if it is of none, or of several."""
    items = getattr(circuit, "items", None)
    if isinstance(items, list | tuple):
        found = {version_of(it) for it in items}
        return found.pop() if len(found) == 1 else None
    if isinstance(circuit, NamedCircuit):
        return CircuitVersion(name=circuit.name, version=circuit.version)
    inner = getattr(circuit, "circuit", None)
    return version_of(inner) if isinstance(inner, NamedCircuit) else None


def declared_inputs(source: bytes) -> tuple[str, ...]:
    """The names of the inputs that OpenQASM declares; none of another language."""
    try:
        text = source.decode()
    except UnicodeDecodeError:
        return ()
    return tuple(dict.fromkeys(_INPUT.findall(_COMMENTS.sub(" ", text))))
