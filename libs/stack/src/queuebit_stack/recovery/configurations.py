"""The file beside a stream's messages that says what the stream is."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from queuebit_stack.recovery.highway import highway_hash

__all__ = ["give_back", "set_aside_damaged"]


def set_aside_damaged(store: Path, aside: Path) -> bool:
    """Move the streams of a stopped server whose configuration is torn or altered, and say whether any lies there now.

    The server never gets healthy with one of them. Once they are laid out again, `give_back` gives them their messages;
    both may be killed and begun again.
    """
    for configuration in store.glob("**/streams/*/meta.inf"):
        stream = configuration.parent
        if not _is_whole(stream, configuration) and not (aside / stream.name).exists():
            aside.mkdir(parents=True, exist_ok=True)
            stream.rename(aside / stream.name)
    return aside.exists()


def give_back(store: Path, aside: Path, kept: Path) -> None:
    """Put the messages that were set aside into their streams, which the server has made again, and keep the rest."""
    for old in aside.iterdir():
        (new,) = store.glob(f"**/streams/{old.name}")
        if (old / "msgs").exists():
            shutil.rmtree(new / "msgs", ignore_errors=True)
            (old / "msgs").rename(new / "msgs")
        kept.mkdir(parents=True, exist_ok=True)
        old.rename(kept / f"{old.name}-configuration")
    aside.rmdir()


def _is_whole(stream: Path, configuration: Path) -> bool:
    """Compare with the checksum beside it: HighwayHash under the SHA-256 of the stream's name."""
    checksum = stream / "meta.sum"
    key = hashlib.sha256(stream.name.encode()).digest()
    wanted = highway_hash(key, configuration.read_bytes()).hex().encode()
    return checksum.exists() and checksum.read_bytes().strip() == wanted
