"""Renders jobs and their events for people."""

from __future__ import annotations

from collections.abc import Iterable

from queuebit import LoggedEvent, UnknownEvent
from queuebit.records import Prediction, Status, Step
from queuebit.text import visible
from queuebit.waits import UsualWait
from queuebit_cli.output import Output
from queuebit_cli.render_tables import clock, took
from queuebit_cli.tables import wrapped
from queuebit_kernel import Money
from queuebit_stack.errors import Exit

__all__ = [
    "describe",
    "event_line",
    "exit_of",
    "plan_lines",
    "step_lines",
    "waiting_lines",
]

_HEAD = 25
"""Columns of a step's time and name."""


def exit_of(states: Iterable[str]) -> Exit:
    """The exit code for these states: a refusal outweighs a failure, which outweighs success."""
    ends = set(states)
    if ends & {"rejected", "refused"}:
        return Exit.REFUSED
    return Exit.DONE if ends <= {"completed", "submitted"} else Exit.JOB_FAILED


def step_lines(step: Step, out: Output, indent: str = "") -> list[str]:
    """An event, for people."""
    return _beside(f"{indent}{out.paint(clock(step.at), 'dim')}  {step.event:<10} ", step.detail, out, len(indent))


def waiting_lines(reason: str, out: Output, indent: str = "") -> list[str]:
    """Why the job waits, for people; printed under the steps."""
    return _beside(f"{indent}{' ' * 12}  {out.paint('waiting', 'warn')}    ", reason, out, len(indent))


def _beside(head: str, text: str, out: Output, indent: int) -> list[str]:
    """The text beside its heading, wrapped to the terminal."""
    left = " " * (indent + _HEAD)
    first, *more = wrapped(visible(text), out.room, left) or [left]
    return [(head + first[len(left) :]).rstrip(), *more]


def describe(status: Status, out: Output, waiting: str | None = None, usual: UsualWait | None = None) -> list[str]:
    """A job for people, why it waits, if it does, and what came of its plan.

    Args:
        status: of the job.
        out: where it is printed.
        waiting: why it waits.
        usual: how long jobs waited for its backend before it.
    """
    styles = {"completed": "good", "failed": "bad", "rejected": "bad", "cancelled": "warn", "expired": "warn"}
    day = f"{status.steps[0].at.astimezone():%Y-%m-%d}" if status.steps else ""
    words = (status.job, out.paint(status.state, styles.get(status.state, "")), out.paint(day, "dim"))
    lines = ["  ".join(word for word in words if word), *wrapped(visible(status.label), out.room, "  ")]
    lines += [line for step in status.steps for line in step_lines(step, out, "  ")]
    lines += waiting_lines(waiting, out, "  ") if waiting else []
    lines += [f"  {line}" for line in plan_lines(status.plan, usual)]
    for reason in status.reasons:
        lines += wrapped(visible(f"{reason.code}: {reason.text}"), out.room, "  ")
    return lines


def plan_lines(plan: Prediction | None, usual: UsualWait | None = None) -> list[str]:
    """What was expected of a job, beside what came of it, one line each; only what has both.

    Args:
        plan: of the job.
        usual: how long jobs waited for its backend before it, if that is known.
    """
    if plan is None:
        return []
    found = [
        ("cost", _money(plan.charge), _money(plan.most_cost), "at most"),
        ("run", _time(plan.run_s), _time(plan.expected_run_s), "expected"),
        ("result", _time(plan.took_s), _time(plan.expected_s), "expected"),
        ("fidelity", _share(plan.fidelity), _share(plan.expected_fidelity), "expected"),
    ]
    lines = [f"{name:<10}{was}, {how} {said}" for name, was, said, how in found if was and said]
    if usual is not None and (waited := _time(plan.waited_s)):
        low, high = _time(usual.low_ms / 1000), _time(usual.high_ms / 1000)
        lines.append(f"{'wait':<10}{waited}, usual {low} to {high} ({usual.jobs} jobs before it)")
    return lines and ["plan and outcome:", *(f"  {it}" for it in lines)]


def _money(amount: Money | None) -> str | None:
    return None if amount is None else str(amount)


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else took(seconds * 1000)


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


def event_line(logged: LoggedEvent, out: Output) -> str:
    """When it happened, to which job, what, and who says so."""
    event, moment = logged.event, ""
    if isinstance(event, UnknownEvent):
        source = f"{event.type}: this version of qb does not know it"
    else:
        moment, source = clock(event.time), event.source
    what = f"{visible(logged.job)}  {visible(logged.name):<10}"
    return f"{out.paint(f'{moment:<12}', 'dim')}  {what} {out.paint(visible(source), 'dim')}"
