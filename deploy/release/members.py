"""The members that are released together, with one version, and their wheels."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

__all__ = ["Member", "build", "members"]

_FOLDERS = ("contracts", "libs/*", "services/*")


@dataclass(frozen=True, slots=True)
class Member:
    """A package of the workspace."""

    name: str
    version: str
    folder: Path


def members(root: Path) -> list[Member]:
    """The packages of the workspace, by name; without plugins of vendors, which have their own environments."""
    found = []
    for file in sorted(it for folder in _FOLDERS for it in root.glob(f"{folder}/pyproject.toml")):
        project = tomllib.loads(file.read_text())["project"]
        found.append(Member(project["name"], project["version"], file.parent))
    return sorted(found, key=lambda it: it.name)


def build(packages: Iterable[Member], into: Path) -> list[Path]:
    """Build the wheel of each package. Equal sources give equal bytes: hatchling writes the time of SOURCE_DATE_EPOCH.

    Args:
        packages: what to build.
        into: an existing folder.
    """
    return [Path(it) for package in packages for it in WheelBuilder(str(package.folder)).build(directory=str(into))]
