"""Requests for another tenant's subjects that the bus refused are a ticket about the tenant that tried."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from queuebit_alerting.walls import Attempt, WallsTried, attempt_of
from queuebit_contracts.runbooks import runbook_of
from queuebit_runtime.bus_log import BusLogFile

KEY = "UBCJX32EEKSFTRB6ZFNUZSZVRWIWYJ7RAOEROM4WXJSZ3VJDSZ2VDEVM"
LOCAL = datetime(2026, 11, 30, 11, 7, 46).astimezone(UTC)
"""The time of each line: that of the machine's clock on the wall."""


def line(subject: str, kind: str = "Publish", tenant: str = "acme", cid: int = 312) -> str:
    return (
        f'[27707] 2026/11/30 11:07:46.662854 [ERR] 127.0.0.1:56852 - cid:{cid} - "v2.16.0:python3" - '
        f'"{tenant}/nkey:{KEY}" - {kind} Violation - Subject "{subject}"' + (", SID 1" if kind != "Publish" else "")
    )


CHECK = [
    line("qb.job.demo.>", "Subscription"), line("qb.stored.demo.>", "Subscription"),
    line("$JS.API.DIRECT.GET.LOG.qb.job.demo.>"), line("qb.job.demo.wall-probe.submitted"), line("qb.query.demo.jobs"),
    line(f"$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.queuebit-decisions.{'0' * 64}.0"),
]  # fmt: skip
"""What `qb verify` leaves in the log, as recorded."""


@pytest.mark.parametrize(
    ("subject", "owner"),
    [
        ("qb.job.demo.>", "demo"),
        ("qb.job.*.*.completed", "*"),
        ("qb.job.>", ">"),
        ("qb.query.demo.jobs", "demo"),
        ("qb.query.queuebit.jobs", "queuebit"),
        ("$JS.API.DIRECT.GET.LOG.qb.account.demo.main.held", "demo"),
        ("$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.demo.abc.0", "demo"),
        ("qb.job.acme.j1.completed", None),
        ("qb.backend.torino.registered", None),
        ("_INBOX.demo.>", None),
    ],
)
def test_a_refusal_is_an_attempt_if_it_names_another_tenant(subject: str, owner: str | None) -> None:
    found = attempt_of(line(subject))
    assert found == (Attempt(LOCAL, "312", "acme", KEY, owner, subject) if owner else None)


def test_an_attempt_with_a_token_names_its_user_and_delegation() -> None:
    text = line("qb.job.demo.>").replace(f"nkey:{KEY}", "user:acme/ci/d1")
    assert attempt_of(text) == Attempt(LOCAL, "312", "acme", "acme/ci/d1", "demo", "qb.job.demo.>")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1] 2026/11/30 11:07:46.6 [INF] Server is ready",
        line("qb.job.demo.>").replace("Violation", "Allowed"),
        # what a client may choose is quoted by the server: its name and the subject blame no other tenant
        line(f'x\\" - \\"beta/nkey:{KEY}\\" - Publish Violation - Subject \\"qb.job.demo.x'),
    ],
)
def test_other_lines_are_none(text: str) -> None:
    assert attempt_of(text) is None


class Lines:
    """A log that has some lines more each time."""

    def __init__(self, *lines: str) -> None:
        self.new: Sequence[str] = lines

    async def lines(self) -> Sequence[str]:
        new, self.new = self.new, ()
        return new


async def test_an_attempt_is_a_ticket_for_a_day() -> None:
    source = WallsTried(Lines(line("qb.job.demo.>"), line("qb.query.beta.jobs"), line("qb.job.acme.x")).lines)
    assert await source.signals(LOCAL + timedelta(seconds=4)) == []
    (signal,) = await source.signals(LOCAL + timedelta(seconds=6))
    assert signal.firing
    assert signal.labels == {
        "alertname": "DataLeakAttempt", "severity": "ticket", "source": "walls", "owner": "security", "tenant": "acme",
    }  # fmt: skip
    summary = f"acme: 2 requests for what belongs to beta, demo were refused; key {KEY}"
    assert (signal.annotations["summary"], signal.evidence.since) == (summary, LOCAL)
    (signal,) = await source.signals(LOCAL + timedelta(days=1))
    assert signal.firing is False
    assert runbook_of("DataLeakAttempt") == "docs/runbooks/data-leak-attempt.md"


async def test_what_verify_tries_is_none_unless_more_is_tried_beside_it() -> None:
    later = LOCAL + timedelta(seconds=6)
    assert await WallsTried(Lines(*CHECK).lines).signals(later) == []
    (signal,) = await WallsTried(Lines(*CHECK, line("qb.job.demo.j1.completed")).lines).signals(later)
    assert signal.values["requests"] == "7"
    (signal,) = await WallsTried(Lines(*CHECK, line("qb.job.demo.>", cid=313)).lines).signals(later)
    assert signal.values["requests"] == "1"
    (signal,) = await WallsTried(Lines(*CHECK, line("qb.job.demo.>")).lines).signals(later)
    assert signal.values["requests"] == "7", "a check tries each of them once"
    (signal,) = await WallsTried(Lines(*CHECK, line("qb.job.beta.>")).lines).signals(later)
    assert signal.values["requests"] == "7", "a check tries those of one tenant"


async def test_a_connection_that_never_stops_trying_is_a_ticket() -> None:
    lines = Lines()
    source = WallsTried(lines.lines)
    for second in range(0, 30, 3):
        lines.new = [line("qb.job.demo.>").replace("11:07:46", f"11:08:{second:02}")]
        found = await source.signals(LOCAL + timedelta(seconds=14 + second))
    assert [it.firing for it in found] == [True]
    assert int(found[0].values["requests"]) >= 8


def test_a_client_does_not_choose_the_number_of_its_connection() -> None:
    text = line("qb.job.demo.>").replace("v2.16.0:python3", "v2.16.0:python3:x - cid:7 - y")
    found = attempt_of(text)
    assert found is not None
    assert found.connection == "312"


async def test_the_file_is_read_once_and_may_be_missing_or_rotated(tmp_path: Path) -> None:
    file = tmp_path / "nats-server.log"
    log = BusLogFile(file)
    assert await log.lines() == []
    file.write_text("one\ntw")
    assert await log.lines() == ["one"]
    with file.open("a") as more:
        more.write("o\nthree\n")
    assert await log.lines() == ["two", "three"]
    assert await log.lines() == []
    file.rename(tmp_path / "old")
    file.write_text("four\n")
    assert await log.lines() == ["four"]
