"""Canaries on a real stack: one whose jobs fail is withdrawn, another is released, and a policy is only compared."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

PLAN = """\
canary = "NAME"
subject = "SUBJECT"
flag = "NAME"
baseline = BASELINE
candidate = CANDIDATE
tenant = "TENANT"
cases = 20
margin = 0.3
"""


def started(stack: EmbeddedStack, folder: Path, **words: str) -> str:
    """Draft and start a canary; its name."""
    text = PLAN
    for word, value in words.items():
        text = text.replace(word, value)
    (folder / "plan.toml").write_text(text)
    stack.qb("canary", "draft", str(folder / "plan.toml"))
    assert stack.ask("canary", "start", words["NAME"])["state"] == "running"
    return words["NAME"]


def decided(stack: EmbeddedStack, name: str) -> dict[str, Any]:
    """The canary when it no longer runs."""
    end = time.monotonic() + 60
    while (found := stack.ask("canary", "status", name))["state"] == "running":
        assert time.monotonic() < end, f"it is not decided: {found}"
        time.sleep(0.5)
    return dict(found)


def compared(stack: EmbeddedStack, name: str) -> dict[str, Any]:
    """What a policy in shadow was found to do."""
    end = time.monotonic() + 60
    while "shadow" not in (found := stack.ask("canary", "status", name)):
        assert time.monotonic() < end, f"nothing was compared: {found}"
        time.sleep(0.5)
    return dict(found["shadow"])


def test_the_bad_candidate_is_withdrawn_and_the_good_one_is_released(
    stack: EmbeddedStack, tenant: str, circuits: Path, tmp_path: Path
) -> None:
    whose = {"TENANT": tenant, "BASELINE": '"aer"', "CANDIDATE": '"nowhere"'}
    bad = started(stack, tmp_path, NAME=f"{tenant}-place", SUBJECT="backend", **whose)
    good = started(stack, tmp_path, NAME=f"{tenant}-same", SUBJECT="backend", **{**whose, "CANDIDATE": '"cirq"'})
    policies = {"TENANT": tenant, "BASELINE": '"fair-share/4"', "CANDIDATE": '"fair-share/3"'}
    shadow = started(stack, tmp_path, NAME=f"{tenant}-policy", SUBJECT="policy", **policies)
    bell = str(circuits / "bell.qasm")
    asked = ("--shots", "100", "--tenant", tenant)
    refused = stack.submit(*[bell] * 40, "--flag", bad, *asked, accept=(0, 1, 2, 3))
    assert {it["state"] for it in refused} == {"completed", "rejected"}, "the candidate's backend does not exist"
    done = stack.submit(*[bell] * 80, "--flag", good, *asked)
    assert {it["state"] for it in done} == {"completed"}

    aborted = decided(stack, bad)
    assert (aborted["state"], aborted.get("ended_by")) == ("aborted", None)
    assert aborted["evidence"]["candidate"]["failures"] == sum(it["state"] == "rejected" for it in refused)
    assert aborted["evidence"]["misassigned"] == 0
    passed = decided(stack, good)
    assert passed["state"] == "passed"
    assert passed["reason"].startswith("not worse in success")
    assert stack.ask("canary", "promote", good, "--reason", "as good")["state"] == "promoted"

    (back,) = stack.submit(bell, "--flag", bad, *asked)
    (on,) = stack.submit(bell, "--flag", good, *asked)
    assert (back["backend"], on["backend"]) == ("aer", "cirq")

    found = compared(stack, shadow)
    assert found["placed"] == found["same"] > 0, "without sessions, both versions have the same rules"
    assert found["faults"] == 0
    stack.qb("canary", "abort", shadow, "--reason", "compared")
