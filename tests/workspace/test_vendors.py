"""Plugins for vendors are wheels of their own, each with its own small set of dependencies, lock and tests."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
VENDORS = sorted(it.parent for it in ROOT.glob("libs/vendors/*/pyproject.toml"))
OURS = {"queuebit-kernel", "queuebit-planning", "queuebit-quantum"}
"""What a plugin may use of this project: the port, rules of planning, and ids."""

vendors = pytest.mark.parametrize("vendor", VENDORS, ids=[it.name for it in VENDORS])


def project(vendor: Path) -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((vendor / "pyproject.toml").read_text())["project"]
    return document


def declared(vendor: Path) -> set[str]:
    names: set[str] = {canonicalize_name(Requirement(it).name) for it in project(vendor)["dependencies"]}
    return names | ({"botocore"} if "boto3" in names else set())  # two halves of one library


def imported(vendor: Path) -> set[str]:
    modules: set[str] = set()
    for source in (vendor / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            match node:
                case ast.Import(names=names):
                    modules |= {it.name.split(".")[0] for it in names}
                case ast.ImportFrom(module=str(module), level=0):
                    modules.add(module.split(".")[0])
    return modules - {it.name for it in (vendor / "src").iterdir()} - set(sys.stdlib_module_names)


def sources(vendor: Path) -> str:
    return "".join(it.read_text() for it in (vendor / "src").rglob("*.py"))


def test_no_vendor_is_a_member_of_the_main_environment() -> None:
    printed = subprocess.run(["make", "-np", "help"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    (members,) = re.findall(r"^MEMBERS := (.*)$", printed, re.MULTILINE)
    assert "libs/quantum" in members
    assert "vendors" not in members
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    assert workspace["exclude"] == ["libs/vendors"]


@vendors
def test_a_plugin_declares_what_it_imports_and_little_of_ours(vendor: Path) -> None:
    missing = [it for it in imported(vendor) if not any(it.replace("_", "-") in name for name in declared(vendor))]
    assert missing == []
    assert {it for it in declared(vendor) if it.startswith("queuebit")} <= OURS


@vendors
def test_a_plugin_is_a_wheel_with_stacks_and_a_page(vendor: Path) -> None:
    document = project(vendor)
    assert document["name"] == f"queuebit-vendor-{vendor.name}"
    assert [it.name for it in (vendor / "src").iterdir() if it.is_dir()] == [f"queuebit_vendor_{vendor.name}"]
    assert document["entry-points"]["queuebit.backends"]
    assert "real service" in " ".join((vendor / "README.md").read_text().split()), (
        "it says what was run against the real service"
    )


@vendors
def test_the_environment_of_a_plugin_is_locked_by_hashes(vendor: Path) -> None:
    lock = (vendor / "requirements.lock").read_text()
    assert lock.count("--hash=sha256:") > 100
    assert "://" not in lock
    assert "queuebit" not in lock


@vendors
def test_a_plugin_obeys_the_laws_and_names_its_sources(vendor: Path) -> None:
    folder = ROOT / "tests" / "vendors" / vendor.name
    laws = "(VendorLaws)" if "remote=True" in sources(vendor) else "(BackendLaws)"
    assert any(laws in it.read_text() for it in folder.glob("test_*.py"))
    pages = "".join(it.read_text() for it in folder.rglob("README.md"))
    assert [it.name for it in (folder / "shapes").glob("*.json") if it.stem not in pages] == []
