"""Does what the operator asks about canaries, and answers the questions of tenants' clients about flags."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from queuebit_alerting.canaries import COUNTED_SUBJECTS, CanaryWriter, design_of
from queuebit_alerting.canary_book import Canary, CanaryBook
from queuebit_alerting.errors import Denied
from queuebit_alerting.handlers import until_first
from queuebit_contracts.canaries import (
    METRICS,
    CanaryAborted,
    CanaryAnswer,
    CanaryDrafted,
    CanaryEnd,
    CanaryPlan,
    CanaryPromoted,
    CanaryRequest,
    CanaryRow,
    CanaryStart,
    CanaryStarted,
    Draft,
    Shadow,
)
from queuebit_contracts.query import Answer, Question
from queuebit_experiments import ASSIGNING, BadDesign
from queuebit_kernel import Unavailable
from queuebit_scheduling.registry import POLICIES

__all__ = ["MOST_LIVE", "MOST_VALUE", "AnswerCanaries", "flags_for"]

MOST_LIVE: Final = 20
"""The most canaries that run at a time: each is counted in every round."""

MOST_VALUE: Final = 4_000
"""The most characters of a value as JSON: all flags of a tenant are one answer."""

_POLICY: Final = "policy"
"""The subject that the scheduler compares in shadow; a person decides."""

_NAMED: Final = ("backend", _POLICY)
"""The subjects whose values are names."""

_SUBJECTS: Final = (*COUNTED_SUBJECTS, _POLICY)


def flags_for(book: CanaryBook, tenant: str, _: Question) -> Answer:
    """What a client of a tenant needs to evaluate flags."""
    return Answer(rows=tuple(book.flags(tenant)), sequence=max(book.tails.values(), default=0))


class AnswerCanaries(CanaryWriter):
    """Drafts, starts, promotes, aborts and lists, as the operator asks."""

    async def __call__(self, request: CanaryRequest) -> CanaryAnswer:
        """Do what is asked; without an order, list.

        Raises:
            Stale: others changed the canary again and again.
        """
        try:
            return await until_first(lambda: self._answer(request))
        except Denied as error:
            return CanaryAnswer(errors=(error.reason,))

    async def _answer(self, request: CanaryRequest) -> CanaryAnswer:
        orders = (request.draft, request.start, request.promote, request.abort)
        if sum(it is not None for it in orders) > 1:
            raise Denied("malformed", "a request has one order at most: send one for each")
        if request.draft is not None:
            return await self._draft(request.draft, request.by)
        if request.start is not None:
            return await self._start(self._known(request.start), request.by)
        if request.promote is not None:
            order = request.promote
            return await self._promote(self._known(order.canary), order.reason, request.by, unproven=order.unproven)
        if request.abort is not None:
            return await self._abort(self._known(request.abort.canary), request.abort.reason, request.by)
        return await self._list(request.canary)

    def _known(self, name: str) -> Canary:
        if name not in self._book.canaries:
            raise Denied("no_canary", f"there is no canary {name}: `qb canary status` has all")
        return self._book.canaries[name]

    async def _draft(self, plan: CanaryPlan, by: str) -> CanaryAnswer:
        draft = Draft.model_validate({**plan.model_dump(), "by": by})
        if (known := self._book.canaries.get(plan.canary)) is not None:
            if known.plan.model_copy(update={"by": by}) == draft:
                return self._done(plan.canary)
            text = f"{plan.canary} is drafted with another plan: a plan does not change, give this one another name"
            raise Denied("drafted", text)
        if plan.subject not in _SUBJECTS:
            subjects = ", ".join(_SUBJECTS)
            raise Denied("bad_subject", f"{plan.subject!r} is no subject of this version: {subjects}")
        if max(len(json.dumps(it)) for it in (plan.baseline, plan.candidate)) > MOST_VALUE:
            raise Denied("large_value", f"a value has at most {MOST_VALUE} characters of JSON: every client reads it")
        is_named = isinstance(plan.baseline, str) and isinstance(plan.candidate, str)
        if plan.subject in _NAMED and not is_named:
            raise Denied("bad_value", f"the values of a {plan.subject} are names")
        if plan.subject == _POLICY and plan.candidate not in POLICIES:
            policies = ", ".join(sorted(POLICIES))
            raise Denied("no_policy", f"there is no policy {plan.candidate!r}; there are: {policies}")
        if unknown := [it.name for it in plan.metrics if it.name not in METRICS]:
            raise Denied("bad_metric", f"{unknown[0]!r} is no metric of this version: {', '.join(METRICS)}")
        if plan.baseline == plan.candidate:
            raise Denied("no_difference", "baseline and candidate are equal: there is nothing to compare")
        try:
            design_of(plan)
        except BadDesign as error:
            raise Denied("bad_design", str(error)) from error
        return self._done(plan.canary, await self._append(CanaryDrafted, draft))

    async def _start(self, canary: Canary, by: str) -> CanaryAnswer:
        if canary.state in ASSIGNING:
            return self._done(canary.id)
        if canary.state != "draft":
            raise Denied("not_draft", f"{canary.id} is {canary.state}: draft another canary")
        live = self._book.live()
        if len(live) >= MOST_LIVE:
            raise Denied("too_many", f"{MOST_LIVE} canaries run already: promote or abort one")
        for it in live:
            if it.plan.flag == canary.plan.flag:
                raise Denied("flag_in_use", f"{it.id} runs with the flag {it.plan.flag}: promote or abort it first")
        return self._done(canary.id, await self._append(CanaryStarted, CanaryStart(canary=canary.id, by=by)))

    async def _promote(self, canary: Canary, reason: str, by: str, *, unproven: bool) -> CanaryAnswer:
        if canary.state == "promoted":
            return self._done(canary.id)
        if canary.state not in (*ASSIGNING, "paused"):
            raise Denied("not_running", f"{canary.id} is {canary.state}: only a canary that runs can be promoted")
        proven = canary.state == "passed"
        if not proven and not unproven:
            row = await self._row(canary)
            text = f"{canary.id} did not pass ({row.reason}): to release it all the same, use --unproven and --reason"
            raise Denied("not_passed", text)
        if not proven and not reason:
            raise Denied("no_reason", "say why it is released although it did not pass: --reason TEXT")
        data = CanaryEnd(
            canary=canary.id,
            by=by,
            reason=reason or canary.reason,
            unproven=not proven,
            evidence=(await self._row(canary)).evidence,
        )
        return self._done(canary.id, await self._append(CanaryPromoted, data, by))

    async def _abort(self, canary: Canary, reason: str, by: str) -> CanaryAnswer:
        if canary.state == "aborted":
            return self._done(canary.id)
        if canary.state == "promoted":
            raise Denied(
                "promoted", f"{canary.id} is promoted: start a canary whose candidate is what was in use before"
            )
        evidence = (await self._row(canary)).evidence
        data = CanaryEnd(canary=canary.id, by=by, reason=reason or f"aborted by {by}", evidence=evidence)
        return self._done(canary.id, await self._append(CanaryAborted, data, by))

    def _done(self, name: str, sequence: int = 0) -> CanaryAnswer:
        return CanaryAnswer(canaries=(_row_of(self._book.canaries[name]),), sequence=sequence)

    async def _list(self, name: str | None) -> CanaryAnswer:
        if name is not None:
            return CanaryAnswer(canaries=(await self._row(self._known(name)),))
        found = sorted(self._book.canaries.values(), key=_order, reverse=True)
        return CanaryAnswer(canaries=tuple(_row_of(it) for it in found[:100]))

    async def _row(self, canary: Canary) -> CanaryRow:
        """The row of a canary; of one that is not decided, with what is counted now."""
        row = _row_of(canary)
        if canary.plan.subject == _POLICY:
            return row if canary.is_over else row.model_copy(update={"reason": _agreed(canary.shadow)})
        if canary.state != "running":
            return row
        try:
            verdict, evidence = await self._judged(canary)
        except BadDesign as error:
            return row.model_copy(update={"reason": f"it cannot be judged: {error}"})
        except Unavailable as error:
            return row.model_copy(update={"reason": f"its jobs cannot be counted now: {error}"})
        return row.model_copy(update={"reason": verdict.reason, "evidence": evidence})


def _row_of(it: Canary) -> CanaryRow:
    return CanaryRow(
        plan=it.plan,
        state=it.state,
        drafted_at=it.drafted_at,
        started_at=it.started_at,
        ended_at=it.ended_at,
        ended_by=it.end.by if it.end else None,
        extended=it.extended,
        reason=it.reason,
        evidence=it.evidence,
        shadow=it.shadow,
    )


def _agreed(found: Shadow | None) -> str:
    if found is None or not found.placed:
        return "not decided: the scheduler has compared no placement yet"
    share = 100 * found.same / found.placed
    return f"{share:.1f} % of {found.placed} placements are the same; a person compares, and decides"


def _order(it: Canary) -> tuple[bool, datetime]:
    return not it.is_over, it.drafted_at
