"""Examines the log of a stack that is down, and restores missing messages from the warehouse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from queuebit_kernel import SystemClock, Unavailable, rfc3339
from queuebit_runtime.rows import Row
from queuebit_runtime.secrets import read_secret
from queuebit_stack import ports
from queuebit_stack.bootstrap import bootstrap, first_tenants, write_nats_config
from queuebit_stack.encryption import bus_store_key
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.log_mark import Mark, known
from queuebit_stack.nats_server import log_mark
from queuebit_stack.process_specs import NATS, WAREHOUSE, process_specs
from queuebit_stack.recovery.block_cipher import BlockCipher
from queuebit_stack.recovery.blocks import Record, finish, insert, put_back
from queuebit_stack.recovery.configurations import give_back, set_aside_damaged
from queuebit_stack.recovery.reading import Reading, read_log
from queuebit_stack.recovery.record import Recovery, add, lost, runs
from queuebit_stack.recovery.restoring import Archive, record_of
from queuebit_stack.recovery.running import running
from queuebit_stack.stack import Stack
from queuebit_stack.topology_setup import lay_out_again

__all__ = ["Outcome", "repair", "repair_log"]


@dataclass(slots=True)
class Outcome:
    """The result of a recovery."""

    end: int = 0
    """The last sequence that the log assigned."""
    restored: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    what: dict[int, Row] = field(default_factory=dict)
    """The first rows of the missing messages, as far as the warehouse has them."""
    without_warehouse: str = ""
    """Why the warehouse could not be queried."""
    aside: str = ""

    def messages(self) -> list[dict[str, object]]:
        """What is known of the first missing messages."""
        return [
            {"sequence": at, "event": row.type or row.subject, "tenant": row.tenant or None, "job": row.job or None}
            for at, row in self.what.items()
        ]


_DESCRIBED = 20
_NO_WAREHOUSE = """\
the log lacks {} messages, and the warehouse, from which they could be restored, does not answer: nothing was changed
repair the warehouse or restore a backup of the home; to give these messages up: {}"""


def repair(home: Home, stack: Stack, report: Callable[[str], None], *, give_up: bool = False) -> Outcome:
    """Restore missing messages of a home whose stack is down; its other files are completed first.

    Raises:
        Stop: as `repair_log`, or a file of the home breaks its rules.
    """
    for snapshot in home.snapshots.glob("*"):  # of the log before the repair
        snapshot.unlink()
    chosen = ports.auto(stack.ports)
    bootstrap(home)
    write_nats_config(home, chosen, first_tenants(home))
    return repair_log(home, chosen, rfc3339(SystemClock().now()), report, give_up=give_up)


def repair_log(
    home: Home, ports: Mapping[str, int], now: str, report: Callable[[str], None], *, give_up: bool = False
) -> Outcome:
    """Restore missing messages, and record those that are lost; with `give_up`, also without a warehouse.

    Raises:
        Stop: a process does not start, the log and the warehouse are of different histories, or the server does not
            read what was written; the store is then unchanged.
    """
    finish(home.jetstream)
    bench = _Servers(home, ports)
    outcome = Outcome()
    torn = home.aside / "torn"
    if set_aside_damaged(home.jetstream, torn):
        report("provisioning the streams whose configuration is damaged")
        bench.lay_out()
        give_back(home.jetstream, torn, home.aside / now.replace(":", ""))
    report("reading the log")
    mark, reading = bench.read()
    with bench.archive(outcome) as archive:
        outcome.end = max(reading.last, mark.last, known_end(home), archive.last() if archive else 0)
        missing = _missing(reading, outcome.end, lost(home))
        if missing:
            if archive is None and not give_up:
                advice = _NO_WAREHOUSE.format(len(missing), home.command("recover --give-up"))
                raise Stop(Exit.UNREACHABLE, f"{outcome.without_warehouse}\n{advice}")
            report(f"restoring {len(missing)} messages")
            _require_same_history(home, reading, archive)
            aside = home.aside / now.replace(":", "") / "LOG"
            cipher = BlockCipher(bus_store_key(home))
            insert(bench.blocks, _records(missing, archive, now, outcome), aside, cipher)
            outcome.aside = str(aside)
    if missing:
        report("reading the log again")
        bench.check(outcome, lost(home))
        add(home, Recovery(now, runs(outcome.restored), runs(outcome.lost), outcome.aside))
    Mark(mark.created, outcome.end).save(home)
    return outcome


def known_end(home: Home) -> int:
    """The last sequence in the home's mark; tiles count leaves, not sequences."""
    mark = known(home)
    return mark.last if mark is not None and mark.created else 0


def _missing(reading: Reading, end: int, given_up: set[int]) -> list[int]:
    """Sequences to restore; sequences given up earlier have a placeholder in the store, unless that is missing too."""
    inside = (sequence for sequence in reading.missing if sequence not in given_up)
    return [*inside, *range(reading.last + 1, end + 1)]


def _require_same_history(home: Home, reading: Reading, archive: Archive | None) -> None:
    ours = reading.newest
    if archive is None or ours is None:
        return
    theirs = next(archive.rows([(ours.seq, ours.seq)]), None)
    if theirs is not None and (theirs.event_id, theirs.subject) != (ours.event_id, ours.subject):
        raise Stop(
            Exit.REFUSED,
            f"sequence {ours.seq} is {ours.subject} in the log and {theirs.subject} in the warehouse: they are of "
            "different histories, so neither can repair the other; restore a backup of the whole home, or give up all "
            f"jobs, money and receipts so far: {home.command('recover --begin-anew')}",
        )


def _records(missing: Sequence[int], archive: Archive | None, now: str, outcome: Outcome) -> Iterator[Record]:
    """A record for each sequence: the message, or a placeholder."""
    rows = archive.rows(runs(missing)) if archive else iter(())
    row = next(rows, None)
    stored_ns = 0
    for sequence in missing:
        while row is not None and row.seq < sequence:
            row = next(rows, None)
        record = None
        if row is not None and row.seq == sequence:
            record = record_of(row, now)
            if len(outcome.what) < _DESCRIBED:
                outcome.what[sequence] = row
        (outcome.lost if record is None else outcome.restored).append(sequence)
        record = record or Record(sequence, stored_ns)
        stored_ns = record.stored_ns
        yield record


class _Servers:
    """The bus and the warehouse of a home, each started alone while it is used."""

    def __init__(self, home: Home, ports: Mapping[str, int]) -> None:
        self._home = home
        self._port = ports[NATS]
        self._specs = {spec.name: spec for spec in process_specs(home, ports)}
        self._stack = Stack("down", dict(ports), {name: spec.listens for name, spec in self._specs.items()})

    @property
    def blocks(self) -> Path:
        """The folder of the messages."""
        (folder,) = self._home.jetstream.glob("**/streams/LOG/msgs")
        return folder

    def lay_out(self) -> None:
        """Make the server create missing streams."""
        with running(self._home, self._specs[NATS]):
            lay_out_again(self._home, self._port)

    def read(self) -> tuple[Mark, Reading]:
        """Make the server read the whole log; create a missing stream first."""
        home = self._home
        home.jetstream.mkdir(mode=0o700, exist_ok=True)
        with running(home, self._specs[NATS]):
            lay_out_again(home, self._port)
            try:
                mark = log_mark(home.seed_file("system"), self._port)
                reading = asyncio.run(read_log(self._specs[NATS].listens, read_secret(home.seed_file("operator"))))
            except (Unavailable, OSError) as error:
                raise Stop(Exit.UNREACHABLE, f"the log cannot be examined: {error}") from error
        if mark is None:
            raise Stop(Exit.UNREACHABLE, f"nats-server has no stream LOG: see {home.log_file(NATS)}")
        return mark, reading

    @contextmanager
    def archive(self, outcome: Outcome) -> Iterator[Archive | None]:
        """The warehouse; None if it cannot be started, and the reason is noted."""
        with ExitStack() as started:
            archive: Archive | None = Archive(self._home, self._stack)
            try:
                started.enter_context(running(self._home, self._specs[WAREHOUSE]))
            except Stop as error:
                outcome.without_warehouse, archive = str(error), None
            yield archive

    def check(self, outcome: Outcome, given_up: set[int]) -> None:
        """Make the server read what was written, and undo it if the server cannot."""
        good = False
        try:
            with suppress(Stop):
                mark, reading = self.read()
                good = mark.last == outcome.end and set(reading.missing) <= {*outcome.lost, *given_up}
        finally:  # also after an interrupt: records that the server has not read must not stay
            if not good:
                put_back(self.blocks, Path(outcome.aside))
        if not good:
            raise Stop(
                Exit.REFUSED,
                "nats-server cannot read the restored messages; the store is unchanged: restore a backup of the home, "
                f"and attach {self._home.root} to a bug report",
            )
