"""A copy of a home that is whole, also while its stack runs.

Nothing is paused. Files that follow from the log are copied before it, and files that the log cites after it. Blocks of
a stream are only appended to, so the copy of a block is a prefix of it; the server builds its index again.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from queuebit_kernel import SystemClock, rfc3339
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.log_mark import known
from queuebit_stack.stack import Running, Stack

__all__ = ["back_up", "copy_home"]

_LOG, _PAYLOADS, _DEAD, _WEBHOOKS = "LOG", "KV_PAYLOADS", "DEAD", "KV_WEBHOOKS"
_INDEX = "index.db"


def back_up(home: Home, target: Path) -> int:
    """Copy a home to a folder that is not there yet; return the event that the copied log reaches at least.

    Raises:
        Stop: the folder is there, or inside the home; or a container engine has the data; or a file cannot be copied.
    """
    home.require()
    stack = Stack.load(home)
    if stack is not None and stack.in_containers:
        raise Stop(Exit.REFUSED, f"a container engine runs the stack of {home.root}: back up its volumes")
    if target.exists():
        raise Stop(Exit.USAGE, f"{target} exists already: choose a folder that is not there yet")
    if target.is_relative_to(home.root.resolve()):
        raise Stop(Exit.USAGE, f"{target} is inside the home: choose a folder outside it")
    try:
        copy_home(home, target)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{error.filename or target} cannot be copied: {error.strerror}") from error
    mark = known(Home(target))
    write_private(home.backup_record, json.dumps({"at": rfc3339(SystemClock().now()), "folder": str(target)}))
    return 0 if mark is None else mark.last


def copy_home(home: Home, target: Path) -> None:
    """Copy the data to a new home, without logs, spans and the warehouse, which telemetry fills again.

    Raises:
        OSError: a file cannot be copied; the partial copy is removed.
    """
    draft = target.with_name(f".{target.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _fill(home, Home(draft))
        os.sync()
        draft.rename(target)
    finally:  # a partial copy holds keys and takes space
        shutil.rmtree(draft, ignore_errors=True)


def _fill(home: Home, copy: Home) -> None:
    copy.prepare()
    _copy(home.log_mark, copy.log_mark)  # before the log, so that the copied log reaches at least as far
    _copy(home.provenance, copy.provenance)  # before the log, so that the log holds all published receipts
    for account in home.jetstream.glob("jetstream/*"):
        there = copy.jetstream / account.relative_to(home.jetstream)
        for stream in (_WEBHOOKS, _LOG, _PAYLOADS, _DEAD):  # cursors before the log, payloads after what cites them
            _copy_stream(account / "streams" / stream, there / "streams" / stream)
    for name in ("secrets", "credentials", "slos", "tls"):
        _copy(home.root / name, copy.root / name)
    tenants = (home.tenants_file, home.good_tenants_file)
    documents = (home.alerts_file, home.fleet_file, home.price_book)
    settings = (home.encryption_file, home.backends_file, home.stacks_file, home.services_file, home.invoice_file)
    for path in (*tenants, *documents, home.trust_file, home.recoveries, *settings):
        _copy(path, copy.root / path.name)
    stack = Stack.load(home)
    if stack is not None:  # the copy keeps the place of the original, because both have the same keys
        still = replace(stack, state="down", supervisor=Running(), processes={})
        write_private(copy.stack_file, json.dumps(asdict(still), indent=1) + "\n")


def _copy_stream(stream: Path, there: Path) -> None:
    """Copy consumers first: a consumer that is behind its stream gets some messages twice, which is harmless."""
    if not stream.is_dir():
        return
    there.mkdir(mode=0o750, parents=True)
    _copy(stream / "obs", there / "obs")
    for path in sorted(stream.glob("meta.*")):
        _copy(path, there / path.name)
    (there / "msgs").mkdir(mode=0o750)
    for block in sorted((stream / "msgs").glob("*.blk"), key=lambda it: int(it.stem)):
        _copy_block(block, there / "msgs" / block.name)


def _copy_block(block: Path, there: Path) -> None:
    """Copy a block with the key that encrypts it, which the server replaces whenever it writes a block again."""
    key = block.with_suffix(".key")
    content = key.read_bytes() if key.exists() else b""
    _copy(block, there)
    while content != (now := key.read_bytes() if key.exists() else b""):
        content = now
        _copy(block, there)
    if content and there.exists():
        copied = there.with_suffix(".key")
        copied.write_bytes(content)
        shutil.copymode(key, copied)


def _copy(path: Path, there: Path) -> None:
    """Copy a file or a folder; skip files that disappear meanwhile."""
    if path.is_dir():
        there.mkdir(mode=0o700, parents=True, exist_ok=True)
        for inner in sorted(path.iterdir()):
            if inner.name != _INDEX and not inner.name.startswith("."):  # files with a dot are drafts
                _copy(inner, there / inner.name)
        return
    try:
        shutil.copy2(path, there)
    except FileNotFoundError:
        return
