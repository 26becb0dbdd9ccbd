"""Hybrid jobs on a real stack: a killed script that runs again pays nothing twice; sessions and maps add up."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from examples.hybrid import handler, qaoa, vqe

from queuebit import Client, InvalidInput, Money, Refused, Session, SessionCost, Workflow
from queuebit.credentials import find
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

SCRIPT = """
import sys
from pathlib import Path
from examples.hybrid import vqe
from queuebit import Client, Workflow
from queuebit.credentials import find
home, tenant, store = sys.argv[1:]
with Client(find(Path(home), tenant)) as client:
    vqe.main(client, Workflow("h2", store=store), rounds=1)
"""


def submitted(output: str) -> list[str]:
    return [line.split()[1] for line in output.splitlines() if line.startswith("submitted")]


def paid(client: Client, tag: str) -> set[str]:
    """The jobs with the tag, each with its bill."""
    jobs = {str(it["job"]) for it in client.jobs(tag=tag)}
    assert all(client.job(it).charge(30) > Money.zero() for it in jobs)
    return jobs


def test_a_killed_script_run_again_pays_nothing_twice(
    stack: EmbeddedStack, tenant: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "steps"
    argv = [sys.executable, "-c", SCRIPT, str(stack.home), tenant, str(store)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=root) as script:
        assert script.stdout is not None
        before: list[str] = []
        while len(before) < 3:
            before += submitted(script.stdout.readline())
        script.kill()  # the third step has a job and has not returned

    with Client(find(stack.home, tenant)) as client:
        energy = vqe.main(client, Workflow("h2", store=store), rounds=1)
        after = submitted(capsys.readouterr().out)
        assert before[2] in after
        assert {*before[:2]}.isdisjoint(after)
        assert paid(client, "h2") == {*before, *after}

        assert vqe.main(client, Workflow("h2", store=store), rounds=1) == energy
        assert submitted(capsys.readouterr().out) == []  # every step returned before
        assert vqe.main(client, Workflow("h2", store=tmp_path / "lost"), rounds=1) == energy
        assert {*submitted(capsys.readouterr().out)} == {*before, *after}  # the log has every job
        assert paid(client, "h2") == {*before, *after}

        assert vqe.main(client, Workflow("unbroken", store=tmp_path / "unbroken"), rounds=1) == energy
        assert len(paid(client, "unbroken")) == len({*before, *after})
        group = client.group("unbroken", kind="workflow")
        verified = group.receipt(30).verify(stack.home / "trust.json")
        assert {it.receipt.job for it in verified.receipts} == paid(client, "unbroken")
        assert group.summary()["charged"] == verified.charged
    assert energy == pytest.approx(vqe.GROUND, abs=0.05)


def settled(session: Session) -> SessionCost:
    """The cost of a session once nothing is held for its jobs."""
    until(lambda: session.cost().held is None)
    return session.cost()


def until(true: Callable[[], bool]) -> None:
    while not true():  # the test's own time limit ends this
        time.sleep(0.1)


def balance(client: Client, what: str) -> Decimal:
    (row,) = (it for it in client.balances() if it["kind"] == "account")
    return Decimal(str(row[what]))


def test_a_session_adds_up_what_its_jobs_cost_and_closes(stack: EmbeddedStack, tenant: str) -> None:
    with Client(find(stack.home, tenant)) as client:
        with client.session(backend="aer", name="sums") as session:
            found = session.map([BELL, "no circuit", BELL], seed=1)
            assert isinstance(found[1], Refused)
            assert found[0] != found[2]
            cost = settled(session)
        assert (cost.charged, cost.jobs, cost.left) == (found.charged, 2, None)
        assert {it["job"] for it in client.jobs(tag="sums")} == {*found.jobs}
        (row,) = client.sessions(session=session.id)
        assert (row["state"], row["reason"], row["label"]) == ("closed", "asked", "sums")
        late = client.submit(BELL, backend="aer", session=session.id)
        with pytest.raises(Refused, match="is closed"):
            late.result(30)


def test_a_cap_stops_every_program_of_its_session(stack: EmbeddedStack, tenant: str) -> None:
    with Client(find(stack.home, tenant)) as client, Client(find(stack.home, tenant)) as other:
        hold = client.submit(BELL, backend="aer").until(("accepted",), 30).data.hold.money
        until(lambda: balance(client, "held") == 0)
        before, cap = balance(client, "left"), Money(hold.amount * Decimal("1.5"))
        with client.session(backend="aer", max_cost=cap, key="shared") as session:
            joined = other.session(backend="aer", max_cost=cap, key="shared")
            assert balance(client, "left") == before - cap.amount, "the cap is a hold"
            outcomes = [*session.map([BELL] * 3), *joined.map([BELL] * 3)]
            refused = [it for it in outcomes if isinstance(it, Refused)]
            assert {it.reasons[0].code for it in refused} == {"session_cap"}
            assert len(refused) == len(outcomes) - session.cost().jobs
            charged = settled(session).charged or Money.zero()
            assert Money.zero() < charged <= cap
            assert joined.id == session.id
            assert balance(client, "left") == before - cap.amount, "what no job used is still held"
        until(lambda: balance(client, "left") == before - charged.amount)
        with pytest.raises(Refused, match="the session would hold"):
            client.session(max_cost=1000).open()
        with pytest.raises(InvalidInput, match=r"is closed \(asked\)"):
            client.session(backend="aer", max_cost=cap, key="shared").submit(BELL)


def test_a_grid_of_angles_is_paid_once(stack: EmbeddedStack, tenant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Client(find(stack.home, tenant)) as client:
        assert [qaoa.main(client), qaoa.main(client)] == [5, 5]
        assert len(paid(client, "qaoa")) == 9
    first, again = capsys.readouterr().out.splitlines()
    assert first == again


def test_an_event_that_is_delivered_again_is_one_job(stack: EmbeddedStack, tenant: str) -> None:
    event = {"id": "order-17", "circuit": BELL, "shots": 10}
    with Client(find(stack.home, tenant)) as client:
        first, again = handler.handle(event, client), handler.handle(event, client)
        assert first == again
        assert (first["status"], sum(first["counts"].values())) == (200, 10)
        assert handler.handle({**event, "shots": 11}, client)["status"] == 409
        assert handler.handle({**event, "id": "a", "circuit": "no"}, client)["status"] == 422
        assert handler.handle({"id": "b"}, client)["status"] == 400
