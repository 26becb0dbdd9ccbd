"""Fixtures shared by tests of the quantum library."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import qiskit_ibm_runtime.fake_provider as snapshots

from .changing_device import Snapshot


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """Of `FakeChanging`, which begins as Manila."""
    known = snapshots.FakeManilaV2
    for name in (known.conf_filename, known.props_filename):
        shutil.copy(Path(known.dirname) / name, tmp_path / name)
    own = type("FakeChanging", (known,), {"dirname": str(tmp_path)})
    monkeypatch.setattr(snapshots, "FakeChanging", own, raising=False)
    return Snapshot(Path(tmp_path, known.props_filename))
