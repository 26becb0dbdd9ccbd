"""A tenant tries to read another one's work."""

from __future__ import annotations

import asyncio

from queuebit.credentials import find
from queuebit.errors import QueuebitError, Refused
from queuebit.nats_transport import NatsTransport
from queuebit_contracts import subjects
from queuebit_gameday.days import BELL, completed, state_of
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator

__all__ = ["play"]

_OWNER, _OTHER = "owner", "curious"


def play(stack: Operator, score: Score) -> None:
    """Ask for a job, its events, its bill and its rows as a user of another tenant."""
    for name in (_OWNER, _OTHER):
        stack.qb("tenant", "add", name, "--budget", "10")
    jobs = stack.submit(BELL, "--tenant", _OWNER)
    if not score.check("before", "a job of the owner completed", completed(jobs) is not None):
        return
    job = str(jobs[0]["job"])
    score.injected()
    for words in (("job", "show"), ("job", "result"), ("job", "cancel"), ("receipt", "get")):
        done = stack.run(*words, job, "--tenant", _OTHER)
        shown = "nothing is shown" if not done.stdout else done.stdout[:80]
        name = f"`qb {' '.join(words)}` of the owner's job is refused"
        score.check("containment", name, done.returncode != 0 and not done.stdout, shown)
    answered = asyncio.run(_asked(stack, job))
    score.check("containment", "the bus answers none of these requests", not answered, ", ".join(answered) or "refused")
    rows = stack.ask("sql", f"SELECT count() AS n FROM events WHERE subject LIKE '%{job}%'", "--tenant", _OTHER)  # noqa: S608
    seen = "no row" if rows and not int(rows[0]["n"]) else str(rows)
    score.check("containment", "the warehouse shows no row of the owner", seen == "no row", seen)

    def logged() -> str | None:
        lines = stack.run("logs", "nats-server", "--lines", "500").stdout.splitlines()
        found = [it for it in lines if "Violation" in it and job in it and f'"{_OTHER}/' in it]
        return f"{len(found)} refusals, with the key of the user" if found else None

    score.wait("detection", "the log of the bus names the tenant that tried", logged, 10)
    score.wait(
        "detection",
        "the ticket DataLeakAttempt names the tenant",
        lambda: stack.firing(alertname="DataLeakAttempt", tenant=_OTHER, severity="ticket"),
        60,
    )
    state = state_of(stack, job, "--tenant", _OWNER)
    score.check("repair", "the owner's job is as it was", state == "completed", state)
    score.check("repair", "`qb verify` finds every invariant, I3 among them", stack.is_verified())


async def _asked(stack: Operator, job: str) -> list[str]:
    """The subjects that were answered, of those that no user of the other tenant may use."""
    credential = find(stack.home.root, _OTHER)
    transport = NatsTransport(credential.url, credential.seed, credential.inbox)
    theirs = subjects.job(_OWNER, job)
    wanted = [
        f"$JS.API.DIRECT.GET.LOG.{theirs.event('completed')}",
        theirs.event("cancelled"),
        subjects.query("jobs", _OWNER),
        subjects.query("receipt", _OWNER),
    ]
    answered = []
    try:
        for subject in wanted:
            try:
                await transport.request(subject, b"{}")
            except Refused:
                continue
            except QueuebitError as error:
                answered.append(f"{subject}: {error}")
            else:
                answered.append(subject)
    finally:
        await transport.close()
    return answered
