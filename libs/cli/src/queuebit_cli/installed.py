"""What Python packages are installed, as a bill of materials in CycloneDX 1.6."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from queuebit_kernel import rfc3339

__all__ = ["Package", "bill_of_materials", "installed"]

_SDKS = (
    *("qiskit", "cirq", "pennylane", "amazon-braket", "azure-quantum", "qdk", "iqm-", "pytket", "pyquil", "dwave-"),
    *("dimod", "qrmi", "mthree", "mitiq", "mqt-", "pyqasm", "openqasm3", "stim", "cuquantum", "quantinuum"),
)
"""How the names of quantum SDKs begin."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package."""

    name: str
    """As the Packaging Authority normalises it: lower case, words joined by `-`."""
    version: str
    licence: str
    """An SPDX expression, or words; empty if it states none."""
    is_expression: bool
    needs: frozenset[str]
    """Names of packages that it requires in this environment."""

    @property
    def is_quantum(self) -> bool:
        """Whether it is a quantum SDK, or part of one."""
        return self.name.startswith(_SDKS)

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{quote(self.version, safe='')}"


def installed(folders: Sequence[Path] | None = None) -> list[Package]:
    """The packages of an environment, by name; the first of each name, which is the one that an import finds.

    Args:
        folders: where its packages are; default: those of this process.
    """
    found = distributions() if folders is None else distributions(path=[str(it) for it in folders])
    packages: dict[str, Package] = {}
    for it in found:
        if it.metadata["Name"]:
            package = _package(it)
            packages.setdefault(package.name, package)
    return sorted(packages.values(), key=lambda it: it.name)


def _package(it: Distribution) -> Package:
    expression, *_ = it.metadata.get_all("License-Expression") or [None]
    stated, *_ = it.metadata.get_all("License") or [""]
    classified = [it.rpartition(" :: ")[2] for it in it.metadata.get_all("Classifier", ()) if it.startswith("License")]
    words = next((word for word in (*stated.strip().splitlines()[:1], *classified) if word), "")
    return Package(
        str(canonicalize_name(it.metadata["Name"])),
        it.version,
        expression or words[:100],
        expression is not None,
        frozenset(_needs(it.requires or ())),
    )


def _needs(requirements: Iterable[str]) -> Iterable[str]:
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # of an old package; it is only absent from the graph
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield str(canonicalize_name(requirement.name))


def bill_of_materials(
    packages: Iterable[Package], *, version: str, serial: UUID, now: datetime
) -> Mapping[str, object]:
    """The document, in CycloneDX 1.6 (ECMA-424).

    Args:
        packages: of one environment or of several; equal ones are listed once.
        version: of Queuebit.
        serial: a new random number.
        now: when the packages were looked at.
    """
    listed = {it.purl: it for it in packages}
    references: dict[str, list[str]] = {}
    for it in listed.values():
        references.setdefault(it.name, []).append(it.purl)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial.urn,
        "version": 1,
        "metadata": {
            "timestamp": rfc3339(now),
            "tools": {"components": [{"type": "application", "name": "qb", "version": version}]},
            "component": {
                "type": "application", "bom-ref": "queuebit", "name": "queuebit", "version": version,
            },
        },
        "components": [_component(it) for it in listed.values()],
        "dependencies": [
            {"ref": "queuebit", "dependsOn": sorted(listed)},
            *(
                {"ref": ref, "dependsOn": sorted(purl for name in it.needs for purl in references.get(name, ()))}
                for ref, it in listed.items()
            ),
        ],
    }  # fmt: skip


def _component(it: Package) -> Mapping[str, object]:
    component: dict[str, object] = {
        "type": "library", "bom-ref": it.purl, "name": it.name, "version": it.version, "purl": it.purl,
    }  # fmt: skip
    if it.licence:
        one = {"expression": it.licence} if it.is_expression else {"license": {"name": it.licence}}
        component["licenses"] = [one]
    if it.is_quantum:
        component["properties"] = [{"name": "queuebit:quantum-sdk", "value": "true"}]
    return component
