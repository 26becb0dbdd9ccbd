"""A reserved slot on a stack: only jobs of its holder run in it, its time is billed, and what is given back is not."""

from __future__ import annotations

import json
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack


def _until(stack: EmbeddedStack, name: str, tenant: str, state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        row = stack.ask("reserve", "show", name, "--tenant", tenant)
        if row["state"] == state or time.monotonic() > deadline:
            assert row["state"] == state, row
            found: dict[str, Any] = row
            return found
        time.sleep(0.2)


def test_a_slot_is_kept_free_for_its_holder_billed_and_given_back(second: EmbeddedStack, circuits: Path) -> None:
    bell = str(circuits / "bell.qasm")
    for name in ("holder", "other"):
        second.qb("tenant", "add", name, "--budget", "100")
    booked = second.ask("reserve", "book", "aer", "--from", "+5s", "--for", "2m", "--tenant", "holder")
    name = booked["reservation"]
    early = second.qb("submit", bell, "--reservation", name[:12], "--tenant", "holder", "--json").splitlines()[0]
    bound = json.loads(early)["job"]
    refused = second.run("submit", bell, "--reservation", name, "--tenant", "other", "--wait")
    assert "has no reservation" in refused.stdout + refused.stderr
    again = second.run("reserve", "book", "aer", "--from", "+30s", "--for", "1m", "--tenant", "other")
    assert again.returncode == 3
    assert "aer is reserved from" in again.stdout + again.stderr
    assert name not in again.stdout + again.stderr
    refused = second.run("backend", "window", "add", "aer", "--from", "+1m", "--for", "1h")
    assert refused.returncode == 3
    assert name in refused.stdout + refused.stderr
    _until(second, name, "holder", "started")

    foreign = json.loads(second.qb("submit", bell, "--backend", "aer", "--tenant", "other", "--json").splitlines()[0])
    (own,) = second.submit(bell, "--backend", "aer", "--tenant", "holder")
    assert own["state"] == "completed"
    first = second.ask("job", "show", bound, "--tenant", "holder")
    assert first["state"] == "completed"
    placed = next(it["at"] for it in first["steps"] if it["event"] == "placed")
    assert datetime.fromisoformat(placed) >= datetime.fromisoformat(booked["starts_at"]), "it waits for its slot"
    waits = second.ask("job", "show", foreign["job"], "--tenant", "other")
    assert waits["state"] in ("submitted", "accepted")
    second.qb("reserve", "cancel", name, "--tenant", "holder")
    end = _until(second, name, "holder", "ended")
    assert end["reason"] == "given_back"
    assert end["used_s"] + end["idle_s"] + end["unavailable_s"] < 120, "less than it was booked for"
    deadline = time.monotonic() + 60
    while (after := second.ask("job", "show", foreign["job"], "--tenant", "other"))["state"] != "completed":
        assert time.monotonic() < deadline, after
        time.sleep(0.2)

    charge = Decimal(end["used_s"] + end["idle_s"]) * Decimal("0.01")
    deadline = time.monotonic() + 60
    while True:
        (main,) = [it for it in second.ask("balances", "--tenant", "holder") if it["kind"] == "account"]
        if Decimal(main["held"]) == 0 or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    jobs = sum(Decimal(it["charge"]["amount"]) for it in (own, first))
    assert (Decimal(main["held"]), Decimal(main["spent"])) == (Decimal(0), charge + jobs), "jobs have their own price"
    verdicts = {it["invariant"]: it for it in second.ask("verify", accept=(0, 1))}
    ours = {name, bound, own["job"], foreign["job"]}
    assert not [it for v in verdicts.values() for it in v["findings"] if any(one in str(it) for one in ours)]
