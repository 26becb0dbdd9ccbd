"""Tessera's fsck, which is not ours, derives our log again from its entries, and finds one altered byte.

`make fsck` builds it. It runs with eight workers: with one, it does not end on a damaged log. It always exits with 0.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.trust.published import Published

FSCK = Path(__file__).parents[2] / "build" / "fsck"

pytestmark = pytest.mark.skipif(
    not FSCK.exists(), reason="build/fsck is missing: make fsck builds it from Debian's source"
)


def fsck(folder: Path, vkey: str) -> str:
    """What it says about a log."""
    (folder / "vkey").write_text(vkey)
    words = [
        "--storage_url",
        (folder / "log").as_uri() + "/",
        "--public_key",
        str(folder / "vkey"),
        "--ui=false",
        "-N=8",
    ]
    done = subprocess.run([str(FSCK), *words], capture_output=True, text=True, timeout=30, check=False)
    return done.stderr


def test_it_derives_the_same_log(published: Published, auditor: Path) -> None:
    said = fsck(auditor, published.ring.trust.vkeys()[0])
    assert "Successfully fsck'd log with size 300" in said, said


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/0/000", "tile/1/000.p/1", "checkpoint"])
def test_it_finds_one_altered_byte(published: Published, auditor: Path, name: str) -> None:
    path = auditor / "log" / name
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    said = fsck(auditor, published.ring.trust.vkeys()[0])
    assert "fsck failed" in said, said
    assert "Successfully" not in said
