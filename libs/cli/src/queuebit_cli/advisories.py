"""Security advisories in the format of OSV, and which installed packages they affect. No network is used."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from queuebit_cli.installed import Package

__all__ = ["Affected", "affected", "read_advisories"]

_ECOSYSTEM = "PyPI"
_RANGES = frozenset({"ECOSYSTEM", "SEMVER"})
_BEGINNING = "0"
"""The version before all others, in the format."""

_Record = Mapping[str, Any]  # JSON of others; each reader checks what it uses


@dataclass(frozen=True, slots=True)
class Affected:
    """An installed package in the range of an advisory."""

    package: Package
    advisory: str
    aliases: tuple[str, ...]
    """Its ids in other databases, such as CVE."""
    summary: str
    fixed: tuple[str, ...]
    """Versions from which on it is repaired; empty if there are none yet."""


def read_advisories(path: Path) -> list[_Record]:
    """The advisories of a database: a file with one record, a list, or `{"vulns": [...]}`; or a folder or ZIP of files.

    The ZIP that OSV offers for an ecosystem, `all.zip`, is one.

    Raises:
        ValueError: it cannot be read, or has something else.
    """
    try:
        records = [record for name, content in _files(path) for record in _records(name, content)]
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except BadZipFile as error:
        raise ValueError(f"{path} is no ZIP file: {error}") from error
    if not records:
        raise ValueError(f"{path} has no advisories, so that it cannot say that nothing is affected")
    return records


def affected(packages: Iterable[Package], records: Iterable[_Record]) -> list[Affected]:
    """The installed packages in affected ranges, by name; an advisory that two databases have is named once.

    Withdrawn advisories do not count. Where a version cannot be compared with a range, the package counts as affected.
    """
    by_name: dict[str, list[Package]] = {}
    for package in packages:
        by_name.setdefault(package.name, []).append(package)
    found: dict[tuple[str, str], list[Affected]] = {}
    for record in sorted(records, key=lambda it: str(it["id"])):
        if record.get("withdrawn"):
            continue
        for name, entries in _entries(record).items():
            for package in by_name.get(name, ()):
                if any(_is_affected(package.version, it) for it in entries):
                    _add(found.setdefault((name, package.version), []), _stated(package, record, entries))
    return [it for _, listed in sorted(found.items()) for it in listed]


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield str(file), file.read_bytes()
    elif path.suffix == ".zip":
        with ZipFile(path) as packed:
            for name in packed.namelist():
                if name.endswith(".json"):
                    yield f"{path}: {name}", packed.read(name)
    else:
        yield str(path), path.read_bytes()


def _records(name: str, content: bytes) -> Iterator[_Record]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON: {error}") from error
    if isinstance(document, Mapping) and "vulns" in document:
        document = document["vulns"]
    for record in document if isinstance(document, list) else [document]:
        if not isinstance(record, Mapping) or not isinstance(record.get("id"), str):
            raise ValueError(f"{name} is no advisory in the format of OSV: it has no id")
        yield record


def _entries(record: _Record) -> dict[str, list[_Record]]:
    """What the advisory says of Python packages, by their normalised names."""
    entries: dict[str, list[_Record]] = {}
    for it in _maps(record.get("affected")):
        package = it.get("package")
        if isinstance(package, Mapping) and str(package.get("ecosystem")).partition(":")[0] == _ECOSYSTEM:
            entries.setdefault(str(canonicalize_name(str(package.get("name")))), []).append(it)
    return entries


def _is_affected(text: str, entry: _Record) -> bool:
    """Whether a version is listed, or in a range; the algorithm of the specification's section on evaluation."""
    try:
        version = Version(Version(text).public)
        listed = entry.get("versions")
        if isinstance(listed, list) and any(_same(version, it) for it in listed):
            return True
        ranges = [it for it in _maps(entry.get("ranges")) if it.get("type") in _RANGES]
        return any(_in_range(version, it) for it in ranges)
    except InvalidVersion:
        return True


def _same(version: Version, listed: object) -> bool:
    try:
        return Version(str(listed)) == version
    except InvalidVersion:  # one that the index no longer takes, so that it is not installed
        return False


def _in_range(version: Version, given: _Record) -> bool:
    events = [(kind, str(it)) for event in _maps(given.get("events")) for kind, it in event.items()]
    limits = [it for kind, it in events if kind == "limit" and it != "*"]
    if limits and all(version >= Version(it) for it in limits):
        return False
    inside = False
    for kind, text in sorted((it for it in events if it[0] != "limit"), key=lambda it: _place(it[1])):
        if kind == "introduced" and (text == _BEGINNING or version >= Version(text)):
            inside = True
        elif (kind == "fixed" and version >= Version(text)) or (kind == "last_affected" and version > Version(text)):
            inside = False
    return inside


def _place(text: str) -> tuple[bool, Version]:
    return text != _BEGINNING, Version(text)


def _stated(package: Package, record: _Record, entries: list[_Record]) -> Affected:
    fixed = [
        str(event["fixed"])
        for entry in entries
        for it in _maps(entry.get("ranges"))
        if it.get("type") in _RANGES
        for event in _maps(it.get("events"))
        if "fixed" in event
    ]
    aliases = record.get("aliases")
    text = str(record.get("summary") or record.get("details") or "").strip()
    return Affected(
        package,
        str(record["id"]),
        tuple(map(str, aliases)) if isinstance(aliases, list) else (),
        text.splitlines()[0] if text else "",
        tuple(dict.fromkeys(fixed)),
    )


def _add(listed: list[Affected], new: Affected) -> None:
    ids = {new.advisory, *new.aliases}
    if not any(ids & {it.advisory, *it.aliases} for it in listed):
        listed.append(new)


def _maps(value: object) -> list[_Record]:
    return [it for it in value if isinstance(it, Mapping)] if isinstance(value, list) else []
