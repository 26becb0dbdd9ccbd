"""Generators of clients read the OpenAPI document without a warning."""

from __future__ import annotations

import compileall
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MISSING = [it for it in ("openapi-python-client", "openapi-typescript") if shutil.which(it) is None]


@pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} not on the path: install with pip and npm")
@pytest.mark.timeout(120)
def test_clients_can_be_made(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "-s", "clients", f"CLIENTS={tmp_path}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert compileall.compile_dir(tmp_path / "queuebit_http", quiet=1)
    assert "submit_job" in (tmp_path / "queuebit.d.ts").read_text()
