"""`qb alerts` and `qb silence`, as the operator."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta

from queuebit_cli.output import Output
from queuebit_cli.render_alerts import alert_rows, silence_rows
from queuebit_contracts.alerts import Matcher
from queuebit_kernel import SystemClock
from queuebit_stack.alerting import answered
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.tenant_facts import author

__all__ = ["acknowledge", "alerts", "end", "silence", "silences", "test"]


def alerts(args: Namespace, out: Output) -> Exit:
    """What fires; with `--resolved`, also what fired before."""
    found = answered(Home(args.home), by=author(), resolved=args.resolved).alerts
    rows = [it.model_dump(mode="json", exclude_none=True) for it in found]
    out.rows(rows, none="no alert fires", shown=lambda _: alert_rows(found))
    return Exit.DONE


def acknowledge(args: Namespace, out: Output) -> Exit:
    """Say that a person has a group in hand."""
    home, by = Home(args.home), args.by or author()
    groups = {it.group for it in answered(home, by=by).alerts if it.group.startswith(args.group)}
    if len(groups) != 1:
        what = "several groups begin" if groups else "no group that fires begins"
        raise Stop(Exit.USAGE, f"{what} with {args.group!r}: `qb alerts list` has them")
    answer = answered(home, by=by, acknowledge={"group": groups.pop()})
    out.document({"sequence": answer.sequence})
    out.say("it is in your hands: it is not escalated, until it is resolved and fires again")
    return Exit.DONE


def test(args: Namespace, out: Output) -> Exit:
    """Send a test message."""
    outcome = answered(Home(args.home), by=author(), test={"receiver": args.receiver}).test
    assert outcome is not None
    out.document(outcome.model_dump(mode="json", exclude_none=True))
    if not outcome.delivered:
        raise Stop(Exit.UNREACHABLE, f"{outcome.receiver} was not reached: {outcome.error}")
    out.say(f"{outcome.receiver} answered with {outcome.status}")
    return Exit.DONE


def silence(args: Namespace, out: Output) -> Exit:
    """Silence alerts until a moment."""
    ends_at = args.until or SystemClock().now() + timedelta(seconds=args.lasts_s)
    matchers = [_matcher(it).model_dump() for it in args.matchers]
    order = {"matchers": matchers, "reason": args.reason, "ends_at": ends_at}
    made = answered(Home(args.home), by=args.by or author(), silence=order).silences
    out.rows([it.model_dump(mode="json") for it in made], shown=lambda _: silence_rows(made))
    return Exit.DONE


def silences(args: Namespace, out: Output) -> Exit:
    """Silences whose end is not past."""
    found = answered(Home(args.home), by=author()).silences
    rows = [it.model_dump(mode="json") for it in found]
    out.rows(rows, none="no alert is silenced", shown=lambda _: silence_rows(found))
    return Exit.DONE


def end(args: Namespace, out: Output) -> Exit:
    """End a silence before its time."""
    answer = answered(Home(args.home), by=args.by or author(), end={"silence": args.silence})
    out.document({"silence": args.silence, "sequence": answer.sequence})
    out.say(f"{args.silence} is ended: what fires notifies its receivers again")
    return Exit.DONE


def _matcher(text: str) -> Matcher:
    label, found, value = text.partition("=")
    op = "!=" if label.endswith("!") else "="
    label = label.removesuffix("!")
    is_pattern = value.startswith("~")  # `=~` of an Alertmanager: as a value it would silence nothing
    if not found or is_pattern or not label.isidentifier() or not label.islower():
        known = "write LABEL=VALUE, such as backend=torino, or LABEL!=VALUE; a value is no pattern"
        raise Stop(Exit.USAGE, f"{text!r} is no condition on a label: {known}")
    return Matcher.model_validate({"label": label, "op": op, "value": value})
