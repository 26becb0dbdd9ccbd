"""The keys with which the stores of a home are encrypted; all follow from the master key, which is outside of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from queuebit_secrets import (
    VARIABLES,
    MasterKey,
    MasterKeyUnusable,
    VaultAway,
    VaultRefuses,
    default_file,
    make_master_key,
    read_master_key,
)
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import read_json, write_private
from queuebit_stack.home import Home

__all__ = [
    "STORE_KEY",
    "bus_store_key",
    "default_place",
    "key_variables",
    "master_key",
    "own_file",
    "prepare_master_key",
    "store_key_of",
]

STORE_KEY = "QUEUEBIT_BUS_STORE_KEY"
"""The variable from which nats-server takes the key of its store; it reads it in no other way."""


def prepare_master_key(home: Home) -> bool:
    """Make a key where there is none yet, and write down which one a home uses; return whether one was made.

    Raises:
        Stop: the key is missing, or is not the one with which this home is encrypted.
    """
    missing = not any(os.environ.get(it) for it in VARIABLES) and not _file(home).exists()
    if missing and home.encryption_file.exists():
        raise Stop(
            Exit.USAGE,
            f"{home.root} is encrypted, and its master key {default_place()} is missing: restore the file, or name "
            f"where it is with one of {', '.join(VARIABLES)}; without it, nothing in this folder can be read",
        )
    if missing:
        try:
            make_master_key(default_place())
        except OSError as error:
            text = (
                f"no master key can be made: {error.filename or default_place()}: {error.strerror}; name a place for "
            )
            raise Stop(Exit.USAGE, f"{text}it with {VARIABLES[0]}") from error
    key = master_key(home)
    if not home.encryption_file.exists():
        write_private(home.encryption_file, json.dumps({"master_key": key.fingerprint}) + "\n")
    return missing


def master_key(home: Home) -> MasterKey:
    """The master key of a home.

    Raises:
        Stop: it cannot be read, or is not the one with which this home is encrypted, or nothing says which one that
            is, or the key is being replaced.
    """
    try:
        key = read_master_key(os.environ | key_variables(home))
    except (MasterKeyUnusable, VaultRefuses) as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except VaultAway as error:
        raise Stop(Exit.UNREACHABLE, str(error)) from error
    note = read_json(home.encryption_file) or {}
    if "next" in note:
        raise Stop(
            Exit.REFUSED,
            f"the master key of {home.root} is being replaced by {note['next']}: complete it with the same command as "
            f"before, {home.command('master-key replace')}",
        )
    noted = note.get("master_key")
    if noted is None and home.encryption_file.exists():
        raise Stop(
            Exit.USAGE,
            f"{home.encryption_file} is damaged: restore it from a backup, or write "
            f'{{"master_key": "{key.fingerprint}"}} into it if the stores are encrypted with this master key',
        )
    if noted is not None and noted != key.fingerprint:
        raise Stop(
            Exit.USAGE,
            f"{home.root} is encrypted with the master key {noted}, and this one is {key.fingerprint}: name the right "
            f"one with one of {', '.join(VARIABLES)}",
        )
    return key


def bus_store_key(home: Home) -> str:
    """The key of nats-server's store."""
    return store_key_of(master_key(home))


def store_key_of(key: MasterKey) -> str:
    """The key of nats-server's store. It begins with a letter, because the server reads digits as a number."""
    return "k" + key.derive("bus-store").hex()


def key_variables(home: Home) -> dict[str, str]:
    """The variables that tell a process of the stack where the master key is."""
    given = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    return given or {VARIABLES[0]: str(_file(home))}


def _file(home: Home) -> Path:
    """The file of the key of this home: homes of one account have the same one, until one of them replaces its own."""
    own = own_file(str((read_json(home.encryption_file) or {}).get("master_key")))
    return own if own.exists() else default_place()


def own_file(fingerprint: str) -> Path:
    """Where a key is that replaced the default one of some home."""
    return default_place().with_name(f"master-{fingerprint}.key")


def default_place() -> Path:
    """Where the master key is unless a variable names another place.

    Raises:
        Stop: this account has no home directory.
    """
    try:
        return default_file(os.environ)
    except MasterKeyUnusable as error:
        raise Stop(Exit.USAGE, str(error)) from error
