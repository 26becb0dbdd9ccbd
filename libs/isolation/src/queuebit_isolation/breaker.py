"""The circuit-breaker of one backend: in service or isolated, and what changes that.

It isolates at once, and readmits late: an isolation lasts at least a back-off, which doubles with each isolation until
the backend has been in service for long enough. So the number of changes in any time has a bound, whatever the findings
are (see `Breaker`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from queuebit_isolation.document import Limits

__all__ = ["Breaker", "Change", "Finding", "Proof", "Status", "decide"]

_S = 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a backend now."""

    cause: str
    """Such as `overdue` or `errors`."""
    text: str
    at_us: int
    """When what shows it was stated."""
    lasts: bool = True
    """Whether it ends by itself when a newer fact says so. One that does not, such as failures, ends by isolation."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The newest run of probes on a backend."""

    at_us: int
    """When it was stated."""
    passed: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What the log says of a backend."""

    isolated_us: int | None = None
    """Since when it is isolated; None while it is in service."""
    by_person: bool = False
    """Whether a person isolated it: then only a person readmits it."""
    not_before_us: int = 0
    """It is not readmitted by rule before."""
    readmitted_us: int | None = None
    """When it was readmitted the last time."""
    in_a_row: int = 0
    """Isolations by rule, each before the backend had been in service for long enough."""
    accepted_us: int = 0
    """A person readmitted it at this moment, and so accepts what was known then."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be appended."""

    to: Literal["isolated", "readmitted"]
    cause: str
    text: str
    not_before_us: int = 0
    findings: tuple[Finding, ...] = ()


class Breaker:
    """Folds what the log says of one backend into its status.

    With n isolations in a row, the n-th lasts at least min(back_off · 2^(n-1), most_back_off). n begins again only
    after `calm_s` in service, which is at least `most_back_off_s`. So any time T has at most
    (1 + T / most_back_off) · (2 + log2(most_back_off / back_off)) isolations by rule.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.status = Status()

    def isolated(self, since_us: int, *, by_person: bool, not_before_us: int = 0) -> None:
        """The log says that the backend is isolated."""
        row = self.status.in_a_row if by_person else _row(self.status, since_us, self.limits) + 1
        self.status = replace(
            self.status, isolated_us=since_us, by_person=by_person, not_before_us=not_before_us, in_a_row=row
        )

    def readmitted(self, at_us: int, *, by_person: bool) -> None:
        """The log says that the backend is in service again."""
        accepted = at_us if by_person else self.status.accepted_us
        self.status = replace(
            self.status, isolated_us=None, by_person=False, readmitted_us=at_us, accepted_us=accepted, not_before_us=0
        )


def decide(
    status: Status, findings: Sequence[Finding], proof: Proof | None, now_us: int, limits: Limits
) -> Change | None:
    """Decide what follows from what is known of a backend.

    Args:
        status: whether it is isolated.
        findings: what is wrong with it now, the most serious first.
        proof: the newest run of probes; None if there was none.
        now_us: the moment of the decision.
        limits: those of the backend.
    """
    if status.isolated_us is None:
        new = tuple(it for it in findings if it.at_us > status.accepted_us and (it.lasts or _is_news(it, status)))
        if not new or not limits.isolate:
            return None
        return Change("isolated", new[0].cause, new[0].text, now_us + _back_off_us(status, now_us, limits), new)
    if status.by_person or now_us < status.not_before_us:
        return None
    if any(it.lasts for it in findings):
        return None
    if limits.probe == "never" or (limits.probe == "if_any" and proof is None):
        return Change("readmitted", "no_finding", "nothing speaks against it any more, and no probe runs there")
    if proof is None or not proof.passed or proof.at_us <= status.isolated_us:
        return None
    return Change("readmitted", "probe", proof.text or "a probe passed, and nothing speaks against it any more")


def _is_news(it: Finding, status: Status) -> bool:
    """Whether something that does not end by itself was stated after the last readmission."""
    return status.readmitted_us is None or it.at_us > status.readmitted_us


def _row(status: Status, now_us: int, limits: Limits) -> int:
    """How many isolations in a row came before one at this moment."""
    since = status.readmitted_us
    calm = since is None or now_us - since >= limits.calm_s * _S
    return 0 if calm else status.in_a_row


def _back_off_us(status: Status, now_us: int, limits: Limits) -> int:
    doublings = min(_row(status, now_us, limits), 40)
    return round(min(limits.back_off_s * 2.0**doublings, limits.most_back_off_s) * _S)
