"""Cells in a shell of IPython, on a platform in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from queuebit import InvalidInput
from queuebit_jupyter import CostMeter, NotebookJob, Session
from queuebit_jupyter.magics import install
from queuebit_testing.local_platform import LocalPlatform

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""


@pytest.fixture
def shell(session: Session, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell.instance()
    install(shell, session)
    yield shell
    assert shell.history_manager is not None
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def cell(shell: InteractiveShell, line: str, source: str = BELL) -> NotebookJob:
    job = shell.run_cell_magic("qb", line, source)  # type: ignore[no-untyped-call]
    assert isinstance(job, NotebookJob)
    return job


def test_the_same_cell_is_the_same_job(shell: InteractiveShell, platform: LocalPlatform) -> None:
    first = cell(shell, "--shots 100")
    assert sum(first.result().counts.values()) == 100
    assert cell(shell, "--shots 100 --max-cost 1").id == first.id
    assert len(platform.submissions) == 1
    others = {cell(shell, line).id for line in ("--shots 101", "--shots 100 --run 2", "--shots 100 --project q")}
    assert len(others - {first.id}) == 3


def test_words_reach_the_submission(shell: InteractiveShell, platform: LocalPlatform) -> None:
    cell(shell, "--backend aer --shots 7 --max-cost '0.50 EUR' --project q")
    asked = platform.submissions[0].data
    assert (asked.backend, asked.shots, asked.project) == ("aer", 7, "q")
    assert asked.max_cost is not None
    assert (asked.max_cost.amount, asked.max_cost.currency) == ("0.50", "EUR")


@pytest.mark.parametrize("line", ["--shot 3", "--shots many", "bell", "--max-cost much", "--max-cost"])
def test_a_wrong_word_submits_nothing(shell: InteractiveShell, platform: LocalPlatform, line: str) -> None:
    with pytest.raises(InvalidInput):
        shell.run_cell_magic("qb", line, BELL)  # type: ignore[no-untyped-call]
    assert platform.submissions == []


def test_a_cap_limits_each_job_to_what_is_left(shell: InteractiveShell, platform: LocalPlatform) -> None:
    meter = shell.run_line_magic("qb_meter", "--cap 0.015")
    assert isinstance(meter, CostMeter)
    for shots in (1, 2, 3):
        cell(shell, f"--shots {shots}")
    most = [it.data.max_cost and it.data.max_cost.amount for it in platform.submissions]
    assert most == ["0.015", "0.005", "0.00"]
    shell.run_line_magic("qb_meter", "--cap none")
    cell(shell, "--shots 4")
    assert platform.submissions[-1].data.max_cost is None
    assert meter._repr_mimebundle_()[0]["text/plain"].startswith("0.04 USD")


async def test_a_card_follows_its_job_on_the_loop_of_the_kernel(session: Session, shell: InteractiveShell) -> None:
    job = session.submit(BELL, shots=50)
    shell.display_pub = published = CapturingDisplayPublisher()  # type: ignore[no-untyped-call]
    job._ipython_display_()
    async with asyncio.timeout(10):
        while len(published.outputs) < 2:
            await asyncio.sleep(0.01)
    view = job.card.view
    assert view["charge"] == "0.01 USD"
    assert sum(bar["count"] for bar in view["bars"]) == 50
    first, last = published.outputs[0], published.outputs[-1]
    assert last["update"]
    assert last["transient"] == first["transient"], "it replaces the output of the cell"
    assert "completed" in last["data"]["text/plain"]
    assert (await job).counts == {bar["bits"]: bar["count"] for bar in view["bars"]}


def test_a_saved_meter_has_the_newest_sum(session: Session, shell: InteractiveShell) -> None:
    shell.display_pub = published = CapturingDisplayPublisher()  # type: ignore[no-untyped-call]
    session.meter._ipython_display_()
    cell(shell, "--shots 1")
    first, last = published.outputs[0], published.outputs[-1]
    assert "nothing charged yet" in first["data"]["text/html"]
    assert last["update"]
    assert last["transient"] == first["transient"], "it replaces the output of the cell"
    assert "0.01 USD" in last["data"]["text/html"]


def test_a_page_gets_neither_key_nor_token(session: Session) -> None:
    job = session.submit(BELL, shots=50)
    seed = job._job._credential.seed
    assert seed not in str(job.card.get_state())
    assert seed not in str(session.meter.get_state()) + str(session.picker.get_state())
