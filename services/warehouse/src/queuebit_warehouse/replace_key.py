"""`python -m queuebit_warehouse.replace_key FOLDER`: encrypt a store that is closed with another key.

The former and the new key, in hexadecimal, are two lines of the standard input. A run that was killed is repeated.
"""

from __future__ import annotations

import os
import shutil
import sys
from hashlib import sha256
from pathlib import Path

from queuebit_kernel import Clock, SystemClock
from queuebit_warehouse.config import ENCRYPTED, RENEWED
from queuebit_warehouse.errors import CannotStart
from queuebit_warehouse.store import Store

__all__ = ["main", "replace_key"]

_MEMORY_MB = 1024


def replace_key(folder: Path, former: bytes, new: bytes, clock: Clock) -> None:
    """Move all parts to a disk with the new key, and give that its place.

    At any moment each part is on one of the disks. A note says that the disk with this key has its place.

    Raises:
        CannotStart: another process uses the store, or it does not open with these keys.
    """
    store, note = folder / "store", folder / "disk.key-id"
    disk, renewed, old = store / ENCRYPTED, store / RENEWED, store / f"{ENCRYPTED}.old"
    key_id = sha256(b"queuebit/disk/" + new).hexdigest()[:16]
    if not note.exists() or note.read_text() != key_id:
        if disk.exists() and not old.exists():
            _move_parts(folder, former, new, clock)
            disk.rename(old)
        if renewed.exists():
            renewed.rename(disk)
        _sync(store)
        _write(note, key_id)
    if old.exists():  # the next replacement would take what is left for its own
        shutil.rmtree(old)


def _move_parts(folder: Path, former: bytes, new: bytes, clock: Clock) -> None:
    store = Store(folder, _MEMORY_MB, clock, new, former)
    try:
        store.require_moved()
    finally:
        store.close()


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main() -> int:
    """Replace the key; return 0, or the exit code of the failure."""
    former, new = (bytes.fromhex(sys.stdin.readline()) for _ in range(2))
    try:
        replace_key(Path(sys.argv[1]), former, new, SystemClock())
    except CannotStart as refusal:
        print(f"warehouse: {refusal}", file=sys.stderr)
        return refusal.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
