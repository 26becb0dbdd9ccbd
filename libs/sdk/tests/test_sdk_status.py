"""The status of a job whose history holds events that this version does not know."""

from __future__ import annotations

from queuebit.log_client import Entry
from queuebit.status import status_of
from queuebit_contracts.wire import UnknownEvent
from queuebit_testing.build import accepted, submitted


def test_an_event_of_an_unknown_type_changes_nothing() -> None:
    asked, known = submitted(), [Entry(submitted(), 1), Entry(accepted(), 2)]
    later = UnknownEvent("qb.job.praised.v1", "qb.job.acme.j1.praised", b'{"type": "qb.job.praised.v1"}')
    assert status_of(asked.data, [*known, Entry(later, 3)]) == status_of(asked.data, known)
