"""The second process of a verification gives the results of the first, in order, and its end is reported."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

import pytest

from queuebit_audit.helper import Helper, second_process
from queuebit_audit.marks import Marks, marks_of
from queuebit_audit.state import History
from queuebit_contracts.wire import Event
from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Msg
from queuebit_runtime.view import Raw
from queuebit_testing.build import NOON

from .conftest import Recording


def _own_id(_: None) -> int:
    return os.getpid()


async def test_the_second_process_computes_the_marks_of_all_rows_in_order_until_it_ends(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_audit.marks._BATCH", 3)
    messages = [
        Raw(it.subject, it.event.to_bytes(), it.sequence, NOON + timedelta(seconds=it.sequence), _NO_MESSAGE)
        for it in recording.stored()
        if isinstance(it.event, Event)
    ]
    found = []
    async with second_process() as helper:
        other = await helper.call(_own_id, None)
        assert other != os.getpid()
        for each in (helper, Helper()):
            history = History()
            marks = Marks(history, each)
            for message in messages:
                if (waiting := marks.take(message)) is not None:
                    await waiting
            await marks.finish()
            found.append((history.sequences, history.marks))
        os.kill(other, signal.SIGKILL)
        with pytest.raises(Unavailable, match="has ended"):
            await helper.call(_own_id, None)
    assert found[0] == found[1]
    assert list(found[0][1]) == list(marks_of([(it.subject, it.body, it.sequence, it.stored_at) for it in messages]))


_NO_MESSAGE = Msg(None)  # type: ignore[arg-type]  # only dead letters need it
