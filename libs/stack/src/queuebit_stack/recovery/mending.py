"""Examining a log whose stack is down, and restoring from the warehouse what it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from queuebit_kernel import Unavailable
from queuebit_runtime.rows import Row
from queuebit_runtime.secrets import read_secret
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.log_mark import Mark, known
from queuebit_stack.nats_server import log_mark
from queuebit_stack.process_specs import NATS, WAREHOUSE, roster
from queuebit_stack.recovery.blocks import Record, finish, insert, put_back
from queuebit_stack.recovery.configurations import give_back, set_aside_damaged
from queuebit_stack.recovery.reading import Reading, read_log
from queuebit_stack.recovery.record import Recovery, add, lost, runs
from queuebit_stack.recovery.restoring import Archive, record_of
from queuebit_stack.recovery.running import running
from queuebit_stack.stack import Stack
from queuebit_stack.topology_setup import lay_out_again

__all__ = ["Outcome", "mend"]


@dataclass(slots=True)
class Outcome:
    """What was found, and what became of it."""

    end: int = 0
    """The last sequence that the log gave away."""
    restored: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    what: dict[int, Row] = field(default_factory=dict)
    """The rows of what was missing, as far as the warehouse holds them; of many, the first."""
    without_warehouse: str = ""
    """Why the warehouse could not be asked."""
    aside: str = ""


_DESCRIBED = 20
_NO_WAREHOUSE = """\
the log lacks {} messages, and the warehouse, which they could be restored from, cannot be asked: nothing was changed
mend the warehouse or restore a backup of the home; to give these messages up: {}"""


def mend(
    home: Home, ports: Mapping[str, int], now: str, tell: Callable[[str], None], *, give_up: bool = False
) -> Outcome:
    """Restore what the log lacks; write down what cannot be restored, also without a warehouse if that is given up.

    Raises:
        Stop: a process does not start, the log and the warehouse are of different histories, or the server does not
            read what was written; the store is as it was.
    """
    finish(home.jetstream)
    bench = _Bench(home, ports)
    outcome = Outcome()
    torn = home.aside / "torn"
    if set_aside_damaged(home.jetstream, torn):
        tell("laying out the streams whose configuration is damaged")
        bench.lay_out()
        give_back(home.jetstream, torn, home.aside / now.replace(":", ""))
    tell("reading the log")
    mark, reading = bench.read()
    with bench.archive(outcome) as archive:
        outcome.end = max(reading.last, mark.last, known_end(home), archive.last() if archive else 0)
        missing = _missing(reading, outcome.end, lost(home))
        if missing:
            if archive is None and not give_up:
                advice = _NO_WAREHOUSE.format(len(missing), home.command("recover --give-up"))
                raise Stop(Exit.UNREACHABLE, f"{outcome.without_warehouse}\n{advice}")
            tell(f"restoring {len(missing)} messages")
            _require_same_history(home, reading, archive)
            aside = home.aside / now.replace(":", "") / "LOG"
            insert(bench.blocks, _records(missing, archive, now, outcome), aside)
            outcome.aside = str(aside)
    if missing:
        tell("reading the log again")
        bench.check(outcome, lost(home))
        add(home, Recovery(now, runs(outcome.restored), runs(outcome.lost), outcome.aside))
    Mark(mark.created, outcome.end).save(home)
    return outcome


def known_end(home: Home) -> int:
    """How far the home knows that its log went; tiles count leaves, not sequences."""
    mark = known(home)
    return mark.last if mark is not None and mark.created else 0


def _missing(reading: Reading, end: int, given_up: set[int]) -> list[int]:
    """Sequences to restore; what was given up earlier has its place in the store already, unless that went, too."""
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
            "different histories, so neither can mend the other; restore a backup of the whole home, or give up all "
            f"jobs, money and receipts so far: {home.command('recover --begin-anew')}",
        )


def _records(missing: Sequence[int], archive: Archive | None, now: str, outcome: Outcome) -> Iterator[Record]:
    """A record for each sequence: the message, or a place that stays empty."""
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


class _Bench:
    """The bus and the warehouse of a home, each running alone while it is asked."""

    def __init__(self, home: Home, ports: Mapping[str, int]) -> None:
        self._home = home
        self._port = ports[NATS]
        self._specs = {spec.name: spec for spec in roster(home, ports)}
        self._stack = Stack("down", dict(ports), {name: spec.listens for name, spec in self._specs.items()})

    @property
    def blocks(self) -> Path:
        """Where the messages lie."""
        (folder,) = self._home.jetstream.glob("**/streams/LOG/msgs")
        return folder

    def lay_out(self) -> None:
        """Have the server make the streams that it lacks."""
        with running(self._home, self._specs[NATS]):
            lay_out_again(self._home, self._port)

    def read(self) -> tuple[Mark, Reading]:
        """Have the server read the whole log; a stream that is gone is made first."""
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
        """The warehouse; nothing where it cannot be started, which is then written down."""
        with ExitStack() as started:
            archive: Archive | None = Archive(self._home, self._stack)
            try:
                started.enter_context(running(self._home, self._specs[WAREHOUSE]))
            except Stop as error:
                outcome.without_warehouse, archive = str(error), None
            yield archive

    def check(self, outcome: Outcome, given_up: set[int]) -> None:
        """Have the server read what was written, and undo it where it cannot."""
        good = False
        try:
            with suppress(Stop):
                mark, reading = self.read()
                good = mark.last == outcome.end and set(reading.missing) <= {*outcome.lost, *given_up}
        finally:  # also where this is interrupted: what was never read again must not stay
            if not good:
                put_back(self.blocks, Path(outcome.aside))
        if not good:
            raise Stop(
                Exit.REFUSED,
                "nats-server does not read what was restored, so the store is as it was: restore a backup of the home, "
                f"and keep {self._home.root} for a report of this defect",
            )
