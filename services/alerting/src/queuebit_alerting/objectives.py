"""Objectives as a source of alerts: counts cases in the warehouse, and judges how fast error budgets burn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from queuebit_alerting.ports import PartlyMeasured, Rows
from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import Evidence
from queuebit_kernel import Unavailable
from queuebit_slo import Objective, Verdict, counted, judge, query

__all__ = ["Objectives", "signals_of"]

_ALERTNAME: Final = "ErrorBudgetBurn"

_SIDE_BY_SIDE: Final = 4
"""Objectives that are counted at once: the warehouse answers people, too."""

_WHOLE_S: Final = 7.0
"""How long a round may take: below the time between two evaluations. What it does not reach has the first turns in the
next one, because on a small machine all objectives together take longer."""

_NAMED: Final = 3
"""Objectives that a text names."""
_logger = logging.getLogger(__name__)


class Objectives:
    """Evaluates all objectives; of one that cannot be counted, alerts stay as they are."""

    def __init__(
        self,
        objectives: Sequence[Objective],
        warehouse: Rows,
        complete: Callable[[], Awaitable[None]] | None = None,
        whole_s: float = _WHOLE_S,
    ) -> None:
        """Prepare; `complete` raises `Unavailable` while the warehouse lacks a part of the log."""
        self._objectives = objectives
        self._warehouse = warehouse
        self._complete = complete
        self._whole_s = whole_s
        self._failing: dict[str, str] = {}
        self._order = list(range(len(objectives)))

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """One signal for each objective, group and severity.

        Raises:
            PartlyMeasured: at least one objective could not be counted in time.
        """
        start = asyncio.get_running_loop().time()
        if self._complete is not None:
            try:
                async with asyncio.timeout_at(start + self._whole_s):
                    await self._complete()
            except TimeoutError as error:
                raise Unavailable(self._late) from error
        free = asyncio.Semaphore(_SIDE_BY_SIDE)
        turns = [self._objectives[it] for it in self._order]
        answers = await asyncio.gather(*(self._turn(it, now, free, start) for it in turns))
        reached = {place for place, answer in zip(self._order, answers, strict=True) if answer is not None}
        self._order.sort(key=reached.__contains__)  # those without a turn first; else the order stays
        self._note({it.name: answer for it, answer in zip(turns, answers, strict=True)})
        found = [signal for answer in answers if isinstance(answer, list) for signal in answer]
        if self._failing:
            names = ", ".join([*self._failing][:_NAMED])
            more = f" and {len(self._failing) - _NAMED} more" if len(self._failing) > _NAMED else ""
            raise PartlyMeasured(f"objectives {names}{more}: {next(iter(self._failing.values()))}", found)
        return found

    def _note(self, answers: Mapping[str, list[Signal] | str | None]) -> None:
        """Keep why objectives cannot be counted, until they are; and say it once of each."""
        for name, answer in answers.items():
            if isinstance(answer, str):
                if name not in self._failing:
                    _logger.warning("objective %s cannot be counted, its alerts stay as they are: %s", name, answer)
                self._failing[name] = answer
            elif answer is not None:
                self._failing.pop(name, None)

    async def _turn(
        self, objective: Objective, now: datetime, free: asyncio.Semaphore, start: float
    ) -> list[Signal] | str | None:
        """The signals of one objective, why there are none, or None: it had no turn, or one that began late."""
        loop, begun = asyncio.get_running_loop(), None
        try:
            async with asyncio.timeout_at(start + self._whole_s), free:
                begun = loop.time()
                return await self._of(objective, now)
        except Unavailable as error:
            return str(error)
        except TimeoutError:
            return self._late if begun is not None and begun - start < self._whole_s / 2 else None

    @property
    def _late(self) -> str:
        return f"the warehouse did not answer within {self._whole_s:g} s"

    async def _of(self, objective: Objective, now: datetime) -> list[Signal]:
        spans = sorted({it for alert in objective.alerts for it in (alert.long, alert.short)})
        if not spans:
            return []
        wanted = query(objective, now, spans)
        rows = await self._warehouse.rows(wanted.sql, wanted.parameters)
        return [
            signal
            for group, counts in counted(objective, rows)
            for signal in signals_of(judge(objective, group, counts), now)
        ]


def signals_of(verdicts: Sequence[Verdict], now: datetime) -> list[Signal]:
    """One signal for each severity: it fires if one of its burn alerts does, and ends when all are measured and quiet.

    So a budget that burns fast and slowly at once is one page.
    """
    found: list[Signal] = []
    for severity in dict.fromkeys(it.alert.severity for it in verdicts):
        mine = [it for it in verdicts if it.alert.severity == severity]
        states = {it.state for it in mine}
        firing = True if "firing" in states else None if "unmeasurable" in states else False
        found.append(_signal(mine, severity, firing, now))
    return found


def _signal(verdicts: Sequence[Verdict], severity: str, firing: bool | None, now: datetime) -> Signal:
    objective, group = verdicts[0].objective, verdicts[0].group
    labels = {
        "alertname": _ALERTNAME,
        "severity": severity,
        "objective": objective.name,
        "indicator": objective.indicator,
        "owner": objective.owner,
        **objective.where,
        **group,
    }
    worst = next((it for it in verdicts if it.state == "firing"), verdicts[0])
    whose = ", ".join(f"{name} {value}" for name, value in group.items() if value)
    burn = f"{float(worst.long_burn):.1f}" if worst.long_burn is not None else "?"
    summary = (
        f"{objective.display or objective.name}{f' ({whose})' if whose else ''}: the error budget burns {burn} times "
        f"as fast as it may (over {_span(worst.alert.long)}, and over {_span(worst.alert.short)})"
    )
    values = {
        f"{it.alert.name}.{which}": f"{float(burned):.3f}"
        for it in verdicts
        for which, burned in (("long", it.long_burn), ("short", it.short_burn))
        if burned is not None
    }
    annotations = {"summary": summary, **({"runbook": objective.runbook} if objective.runbook else {})}
    shown = {name: value for name, value in labels.items() if value}
    return Signal(shown, annotations, firing, now, Evidence(), values)


def _span(it: timedelta) -> str:
    minutes = int(it.total_seconds()) // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} d"
