"""The configuration file beside a stream's messages."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from queuebit_stack.recovery.highway import highway_hash

__all__ = ["give_back", "set_aside_damaged"]


def set_aside_damaged(store: Path, aside: Path) -> bool:
    """Move streams with a damaged configuration out of a stopped server's store; return whether any is set aside now.

    The server does not become healthy with such a stream. After the streams are provisioned again, `give_back` returns
    their messages. Both functions can be interrupted and repeated.
    """
    for configuration in store.glob("**/streams/*/meta.inf"):
        stream = configuration.parent
        if not _is_whole(stream, configuration) and not (aside / stream.name).exists():
            aside.mkdir(parents=True, exist_ok=True)
            stream.rename(aside / stream.name)
    return aside.exists()


def give_back(store: Path, aside: Path, kept: Path) -> None:
    """Move the messages that were set aside into the streams that the server has created again; keep the rest."""
    for old in aside.iterdir():
        (new,) = store.glob(f"**/streams/{old.name}")
        if (old / "msgs").exists():
            shutil.rmtree(new / "msgs", ignore_errors=True)
            (old / "msgs").rename(new / "msgs")
        kept.mkdir(parents=True, exist_ok=True)
        old.rename(kept / f"{old.name}-configuration")
    aside.rmdir()


def _is_whole(stream: Path, configuration: Path) -> bool:
    """Compare with the checksum file: HighwayHash keyed with the SHA-256 of the stream's name."""
    checksum = stream / "meta.sum"
    key = hashlib.sha256(stream.name.encode()).digest()
    wanted = highway_hash(key, configuration.read_bytes()).hex().encode()
    return checksum.exists() and checksum.read_bytes().strip() == wanted
