"""One published log for all tests; those that alter it take a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.trust.published import Published, publish


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return publish(tmp_path_factory.mktemp("trust"))


@pytest.fixture
def auditor(published: Published, tmp_path: Path) -> Path:
    """A folder with what an auditor has, and nothing else."""
    folder = tmp_path / "auditor"
    shutil.copytree(published.folder, folder, ignore=shutil.ignore_patterns("private"))
    return folder
