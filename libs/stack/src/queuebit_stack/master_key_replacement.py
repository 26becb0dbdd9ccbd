"""Replaces the master key of a home whose stack is down.

A run that was killed at any step is repeated, and goes on. Until the last step `encryption.json` names both keys, and
all that is stored opens with one of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from queuebit_secrets import (
    VARIABLES,
    MasterKey,
    MasterKeyUnusable,
    VaultAway,
    VaultRefuses,
    make_master_key,
    read_master_key,
)
from queuebit_stack.encryption import key_variables, own_file, store_key_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import read_json, write_private
from queuebit_stack.home import Home
from queuebit_stack.recovery.key_files import WrongStoreKey, replace_store_key

__all__ = ["replace_master_key"]


def replace_master_key(home: Home, place: Mapping[str, str], say: Callable[[str], None]) -> MasterKey:
    """Encrypt the stores of a home with another master key; return that.

    Args:
        home: whose stack is down; this process holds its lock.
        place: the variable that names where the new key is; empty: a new file beside the default one.
        say: gets what happens now, in words.

    Raises:
        Stop: the present key is not the one of this home, or a key cannot be read, or a store has a third key.
    """
    note = read_json(home.encryption_file)
    if note is None or "master_key" not in note:
        raise Stop(Exit.USAGE, f"{home.root} is not encrypted yet: {home.command('up')} does it, with a new key")
    former = _read({**os.environ, **key_variables(home)})
    if former.fingerprint != note["master_key"]:
        raise Stop(
            Exit.USAGE, f"{home.root} is encrypted with the master key {note['master_key']}, not {former.fingerprint}"
        )
    new = _new_key(note, place)
    write_private(home.encryption_file, json.dumps({**note, "next": new.fingerprint}) + "\n")
    os.sync()  # the new key and the note are on disk before anything needs them
    say("encrypting the keys of streams, consumers and blocks")
    try:
        replace_store_key(home.jetstream, store_key_of(former), store_key_of(new))
    except WrongStoreKey as error:
        raise Stop(Exit.REFUSED, str(error)) from error
    say("encrypting the warehouse")
    _replace_in_warehouse(home, former, new)
    write_private(home.encryption_file, json.dumps({"master_key": new.fingerprint}) + "\n")
    return new


def _new_key(note: Mapping[str, Any], place: Mapping[str, str]) -> MasterKey:
    started = note.get("next")
    if place:
        new = _read({**os.environ, **dict.fromkeys(VARIABLES, ""), **place})
    elif started is not None:
        new = _read({VARIABLES[0]: str(own_file(started))})
    else:
        draft = own_file(f"new-{os.getpid()}")  # homes that replace at once have different ones
        make_master_key(draft)
        new = _read({VARIABLES[0]: str(draft)})
        draft.replace(own_file(new.fingerprint))
    if started not in (None, new.fingerprint):
        raise Stop(Exit.USAGE, f"the replacement by {started} is not complete, and this key is {new.fingerprint}")
    if new.fingerprint == note["master_key"]:
        raise Stop(Exit.USAGE, f"{new.fingerprint} is the key of this home already: name another one")
    return new


def _read(environment: Mapping[str, str]) -> MasterKey:
    try:
        return read_master_key(environment)
    except (MasterKeyUnusable, VaultRefuses) as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except VaultAway as error:
        raise Stop(Exit.UNREACHABLE, str(error)) from error


def _replace_in_warehouse(home: Home, former: MasterKey, new: MasterKey) -> None:
    if not (home.warehouse / "store").exists():
        return
    keys = "".join(f"{key.derive('warehouse').hex()}\n" for key in (former, new))
    command = (sys.executable, "-m", "queuebit_warehouse.replace_key", str(home.warehouse))
    done = subprocess.run(command, input=keys, text=True, capture_output=True, check=False)
    if done.returncode:
        raise Stop(Exit.REFUSED, f"the warehouse keeps its former key: {done.stderr.strip()[-500:]}")
