"""Ready workloads on a real stack: keys, bills and a common limit."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from queuebit import Client, JobFailed, Money, Refused
from queuebit.credentials import find
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


def test_templates_run_are_billed_and_stay_below_their_limit(stack: EmbeddedStack, tenant: str) -> None:
    words = ("--tenant", tenant, "--key", "one")
    caught = stack.ask("template", "run", "bb84", "--set", "eavesdropper=true", *words)
    assert 0.15 < caught["values"]["error_rate"] < 0.35
    assert caught["values"]["accepted"] is False
    assert stack.ask("template", "run", "bb84", "--set", "eavesdropper=true", *words) == caught
    assert "costs up to" in stack.qb("template", "run", "bell", "--dry-run", "--tenant", tenant)

    with Client(find(stack.home, tenant)) as client:
        run = client.template("qaoa-maxcut", max_cost="5", grid=3, shots=200, tags=["cut"])
        reading = run.result(60)
        assert reading.values["cut"] == reading.values["largest_cut"] == 4.0
        assert len(run.jobs) == 3
        total = Money.zero()
        for job in run.jobs:
            total += job.charge(30)
        assert run.charge() == total
        assert Decimal(0) < total.amount < 5
        while (session := client.sessions()[0])["state"] != "closed":
            time.sleep(0.1)  # the test's own time limit ends this
        assert (len(client.sessions()), Decimal(str(session["charged"]))) == (1, total.amount)
        with pytest.raises((Refused, JobFailed)):
            client.template("qaoa-maxcut", max_cost="0.000001").result(60)
        assert {it["state"] for it in client.jobs(tag="cut")} == {"completed"}
