"""Which stacks a home serves: what is installed, as far as the home's `backends.toml` wants it.

Stacks are plugins, found by their entry points. They are foreign code: a process of its own asks them what they offer,
so that a broken one breaks nothing here, and an upgraded one is seen as it is now.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from queuebit_contracts.deployment import Backends, StackSettings
from queuebit_contracts.executors import Clash, with_executors
from queuebit_contracts.topology import Topology, topology
from queuebit_kernel import InvalidId
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import read_json, write_private
from queuebit_stack.home import Home
from queuebit_stack.interpreters import folders, listed_elsewhere

__all__ = ["Served", "Stacks", "find", "home_topology", "known", "merge", "read_config", "save"]

_LIST_S = 300.0
"""The longest that asking all plugins may take. Those that hang take half a minute each, several at once."""

_ABSENT = "is absent: "
_REMOVED = "is not installed any more: install it again, its jobs wait for it"


@dataclass(frozen=True, slots=True)
class Served:
    """One stack, as the home serves it."""

    backends: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment of its executor."""
    version: str = ""
    """The distribution that has it; another one is started afresh."""
    trouble: str = ""
    """Why its executor does not run, if it does not. Its backends keep their durables, and the jobs that wait there."""
    python: str = ""
    """The interpreter that has its plugin; empty means this one."""

    @property
    def absent(self) -> bool:
        """Whether its plugin works, and this machine lacks what it needs, such as a GPU."""
        return self.trouble.startswith(_ABSENT)


@dataclass(frozen=True, slots=True)
class Stacks:
    """All of them, by name."""

    served: Mapping[str, Served] = field(default_factory=dict)
    seen: str = ""
    """What the answer depends on; while this is the same, nothing needs to be asked again. Empty if a plugin took too
    long to answer, as on a busy machine."""

    @property
    def running(self) -> dict[str, Served]:
        """Those whose executor runs."""
        return {name: it for name, it in self.served.items() if not it.trouble}

    @property
    def troubles(self) -> list[str]:
        """Why the others do not, for people."""
        return [f"the stack {name} {it.trouble}" for name, it in self.served.items() if it.trouble]


def known(home: Home) -> Stacks:
    """What was found when it was looked for the last time; nothing in a home that older versions made."""
    entry = read_json(home.stacks_file) or {}
    try:
        served = {
            str(name): Served(
                tuple(map(str, it["backends"])),
                dict(it["settings"]),
                it["version"],
                it["trouble"],
                it.get("python", ""),
            )
            for name, it in entry["served"].items()
        }
        return Stacks(served, str(entry["seen"]))
    except (LookupError, TypeError, ValueError, AttributeError):
        return Stacks()


def home_topology(home: Home) -> Topology:
    """The topology with the executors of the home's stacks."""
    served = known(home).served
    return with_executors(topology(), {name: it.backends for name, it in served.items() if it.backends})


def find(home: Home, *, starting: bool = False) -> Stacks:
    """Look for stacks, unless nothing changed since the last time; changes nothing.

    At a start, absent stacks are asked again: a driver may have been installed.

    Raises:
        Stop: `backends.toml` cannot be used, or the installation cannot be asked.
    """
    before, config = known(home), read_config(home)
    pythons = {name: it.python for name, it in config.items() if it.python is not None and it.enabled}
    seen = _seen(home, pythons.values())
    if seen == before.seen and not (starting and any(it.absent for it in before.served.values())):
        return before
    listed = {**_listed(), **listed_elsewhere(pythons)}
    slow = any(it.get("slow") for it in listed.values())
    return Stacks(merge(listed, config, before.served), "" if slow else seen)


def save(home: Home, stacks: Stacks) -> None:
    """Keep what was found."""
    served = {name: asdict(it) for name, it in stacks.served.items()}
    write_private(home.stacks_file, json.dumps({"seen": stacks.seen, "served": served}, indent=1) + "\n")


def read_config(home: Home) -> dict[str, StackSettings]:
    """What `backends.toml` says, by stack; a home without the file goes by what plugins say.

    Raises:
        Stop: the file breaks its rules; the text lists how.
    """
    try:
        return Backends.model_validate(tomllib.loads(home.backends_file.read_text(encoding="utf-8"))).stack
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors()[:5])
        raise Stop(Exit.USAGE, f"{home.backends_file}: {faults}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Stop(Exit.USAGE, f"{home.backends_file}: {error}") from error


def merge(
    listed: Mapping[str, Mapping[str, Any]],  # plain JSON
    config: Mapping[str, StackSettings],
    before: Mapping[str, Served],
) -> dict[str, Served]:
    """Decide what is served. A stack keeps the backends that it has; of new ones, built-in stacks come first.

    Args:
        listed: what is installed, as `python -m queuebit_quantum` says it.
        config: what the home wants of it.
        before: what was served so far.
    """
    found = {name: replace(it, trouble=_REMOVED) for name, it in before.items() if name not in listed}
    for name in sorted(listed, key=lambda it: _precedence(it, listed, before)):
        wanted, had = config.get(name, StackSettings()), before.get(name, Served())
        if listed[name].get("slow") and had.backends and not had.trouble:  # a busy machine must not end what runs
            found[name] = had
            continue
        served = _served(listed[name], wanted)
        if served.trouble:
            found[name] = replace(had, trouble=served.trouble)
            continue
        try:
            others = {other: it.backends for other, it in found.items()}
            with_executors(topology(), {**others, name: served.backends})
        except (Clash, InvalidId) as error:
            served = Served(trouble=f"cannot be served: {error}")
        found[name] = served
    missing = {name: Served(trouble="is named in backends.toml and not installed") for name in config}
    return dict(sorted({**missing, **found}.items()))


def _precedence(
    name: str,
    listed: Mapping[str, Mapping[str, Any]],  # plain JSON
    before: Mapping[str, Served],
) -> tuple[bool, bool, str]:
    """The order in which stacks choose their backends, the first first."""
    has = name in before and bool(before[name].backends)
    return not has, not listed[name].get("builtin", False), name


def _served(entry: Mapping[str, Any], wanted: StackSettings) -> Served:  # plain JSON
    if "error" in entry:
        return Served(trouble=f"does not work: {entry['error']}")
    if not wanted.enabled:
        return Served(trouble="is switched off in backends.toml")
    if absent := str(entry.get("absent", "")):
        return Served(trouble=f"{_ABSENT}{absent:.500}")
    unknown = sorted(set(wanted.backends) - set(entry["backends"]))
    if unknown:
        has = ", ".join(entry["backends"])
        return Served(trouble=f"has no backend {', '.join(unknown)}, which backends.toml names; it has {has}")
    offered = wanted.backends or tuple(entry["offers"])
    return Served(offered, wanted.settings, str(entry["version"]), python=wanted.python or "")


def _listed() -> dict[str, dict[str, Any]]:  # plain JSON
    try:
        asked = subprocess.run(
            [sys.executable, "-P", "-m", "queuebit_quantum"],
            capture_output=True,
            text=True,
            timeout=_LIST_S,
            check=True,
        )
        listed: dict[str, dict[str, Any]] = json.loads(asked.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = getattr(error, "stderr", "") or ""
        raise Stop(Exit.USAGE, f"the installed stacks cannot be listed: {error}\n{said[-500:]}") from error
    if not listed:
        raise Stop(Exit.USAGE, "no stack is installed, so nothing could run a circuit: install queuebit-quantum again")
    return listed


def _seen(home: Home, pythons: Iterable[str]) -> str:
    """Changes when a distribution is installed or removed, and when `backends.toml` is edited."""
    ours = [Path(it) for it in dict.fromkeys(sys.path) if it and Path(it) != Path.cwd()]
    theirs = [path for it in sorted({*pythons}) for path in (Path(it), *folders(it))]
    return json.dumps([sys.executable, *(f"{it} {_changed(it)}" for it in (*ours, home.backends_file, *theirs))])


def _changed(path: Path) -> int:
    """When a file or folder last changed, the descriptions of its distributions included.

    An installer makes the folder of a description first and writes entry points into it later.
    """
    try:
        return max([path.stat().st_mtime_ns, *(it.stat().st_mtime_ns for it in path.glob("*.dist-info"))])
    except OSError:
        return 0
