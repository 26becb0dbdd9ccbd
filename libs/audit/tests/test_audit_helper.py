"""The second process of a verification gives the results of the first, in order, and its end is reported."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta

import pytest

from queuebit_audit.helper import Helper, second_process
from queuebit_audit.proofs import Proofs
from queuebit_audit.readings import Readings
from queuebit_audit.state import History
from queuebit_contracts.wire import Event
from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Msg
from queuebit_runtime.rows import mark_of, row_of
from queuebit_runtime.view import Raw
from queuebit_testing.build import NOON

from .conftest import Recording


def _own_id(_: None) -> int:
    return os.getpid()


async def test_both_processes_read_alike_and_the_end_of_the_second_is_reported(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_audit.readings._BATCH", 3)
    messages = [
        Raw(it.subject, it.event.to_bytes(), it.sequence, NOON + timedelta(seconds=it.sequence), _NO_MESSAGE)
        for it in recording.stored()
        if isinstance(it.event, Event)
    ]
    end = len(messages)
    messages.append(messages[0]._replace(sequence=end + 1, body=b"{}"))
    messages.append(messages[-2]._replace(sequence=end + 2, subject="qb.proof.other.checkpointed"))
    found = []
    with second_process() as helper:
        other = await helper.share(_own_id, None)
        assert other != os.getpid()
        for each in (helper, Helper()):
            history = History()
            readings = Readings(history, Proofs(recording.ring.trust), each)
            for message in messages:
                if (waiting := readings.take(message)) is not None:
                    await waiting
            await readings.finish()
            folded = (history.jobs, history.accounts, history.leaves, history.heads, history.strays)
            found.append((history.sequences, history.marks, *folded))
            assert [len(it) for it in folded] == [5, 2, 5, 3, 2]
        os.kill(other, signal.SIGKILL)
        with pytest.raises(Unavailable, match="has ended"):
            await helper.share(_own_id, None)
    assert found[0] == found[1]
    assert list(found[0][1]) == [mark_of(row_of(it.subject, it.body, it.sequence, it.stored_at)) for it in messages]


async def test_the_first_process_works_while_the_second_has_enough_to_do() -> None:
    with second_process() as helper:
        ids = await asyncio.gather(*[helper.share(_own_id, None) for _ in range(8)])
    assert os.getpid() in ids
    assert len({*ids}) == 2


_NO_MESSAGE = Msg(None)  # type: ignore[arg-type]  # only dead letters need it
