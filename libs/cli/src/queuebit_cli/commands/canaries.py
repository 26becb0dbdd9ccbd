"""`qb canary`, as the operator."""

from __future__ import annotations

import tomllib
from argparse import Namespace
from dataclasses import asdict
from datetime import date, time
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from queuebit_cli.output import Output
from queuebit_cli.policy_replay import compared, replayed
from queuebit_cli.render_canaries import canary_lines, canary_rows
from queuebit_contracts.canaries import CanaryPlan, CanaryRow
from queuebit_stack.canaries import canaries
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.tenant_facts import author

__all__ = ["abort", "draft", "promote", "replay", "start", "status"]

_VALUES = ("baseline", "candidate")
"""Fields that may be any JSON; in all others, numbers with a point are exact."""


def draft(args: Namespace, out: Output) -> Exit:
    """Store a plan."""
    row = _changed(args, out, draft=_plan(Path(args.file)))
    out.say(f"{row.plan.canary} is drafted: `qb canary start {row.plan.canary}` begins to assign jobs")
    return Exit.DONE


def start(args: Namespace, out: Output) -> Exit:
    """Assign jobs from now on."""
    row = _changed(args, out, start=args.canary)
    share = f"{row.plan.share_percent} % of {'tenants' if row.plan.unit == 'tenant' else 'jobs'} have the candidate"
    out.say(f"{args.canary} runs: of the flag {row.plan.flag}, {share}")
    return Exit.DONE


def promote(args: Namespace, out: Output) -> Exit:
    """Release the candidate."""
    order = {"canary": args.canary, "reason": args.reason, "unproven": args.unproven}
    row = _changed(args, out, promote=order)
    out.say(f"{args.canary} is promoted: the flag {row.plan.flag} is {row.plan.candidate!r} for every job")
    return Exit.DONE


def abort(args: Namespace, out: Output) -> Exit:
    """Withdraw the candidate."""
    row = _changed(args, out, abort={"canary": args.canary, "reason": args.reason})
    out.say(f"{args.canary} is aborted: the flag {row.plan.flag} is {row.plan.baseline!r} for every job")
    return Exit.DONE


def replay(args: Namespace, out: Output) -> Exit:
    """Try both policies of a plan on the recorded queue; refused if the candidate is beyond a limit of the plan."""
    plan = _policy_plan(Path(args.file))
    try:
        found = compared(plan, *replayed(plan, hours=args.hours, per_hour=args.rate, seed=args.seed))
    except ImportError as error:
        raise Stop(Exit.USAGE, f"{error.name} is missing: install the extra `lab` of queuebit-cli") from error
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    names = (str(plan.baseline), str(plan.candidate))
    for it in found:
        out.document({"canary": plan.canary, "policies": [*names], **asdict(it)})
    rows = [
        {
            "figure": it.figure,
            names[0]: f"{it.baseline:.4g}",
            names[1]: f"{it.candidate:.4g}",
            "limit": "" if it.limit is None else f"{it.limit:.4g}",
            "fits": "yes" if it.fits else "no",
        }
        for it in found
    ]
    out.table(rows, fit=True)
    fits = all(it.fits for it in found)
    out.say(
        f"{names[1]} fits the plan on the recorded queue: `qb canary draft {args.file}` compares it in shadow"
        if fits
        else f"{names[1]} is beyond a limit of the plan on the recorded queue"
    )
    return Exit.DONE if fits else Exit.REFUSED


def _policy_plan(file: Path) -> CanaryPlan:
    try:
        plan = CanaryPlan.model_validate(_plan(file))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Stop(Exit.USAGE, f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if plan.subject != "policy":
        raise Stop(Exit.USAGE, f"{file} is about a {plan.subject}: only policies are replayed, jobs show the rest")
    return plan


def status(args: Namespace, out: Output) -> Exit:
    """List canaries, or show one."""
    found = canaries(Home(args.home), by=author(), canary=args.canary)
    if args.canary is None:
        rows = [it.model_dump(mode="json", exclude_none=True) for it in found]
        none = "no canary yet: `qb canary draft FILE` begins one"
        out.rows(rows, none=none, shown=lambda _: canary_rows(found))
        return Exit.DONE
    out.document(found[0].model_dump(mode="json", exclude_none=True))
    for line in canary_lines(found[0]):
        out.say(line)
    return Exit.DONE


def _changed(args: Namespace, out: Output, **order: Any) -> CanaryRow:  # as the fields of the request
    row = canaries(Home(args.home), by=args.by or author(), **order)[0]
    out.document(row.model_dump(mode="json", exclude_none=True))
    return row


def _plan(file: Path) -> dict[str, Any]:  # JSON
    try:
        plan = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Stop(Exit.USAGE, f"{file} is not TOML: {error}") from error
    metrics = plan.get("metrics", {})
    if not isinstance(metrics, dict):
        raise Stop(Exit.USAGE, f"{file}: metrics is a table of limits, such as metrics = {{ latency = 1.1 }}")
    if broken := [it for it in _VALUES if not _is_json(plan.get(it))]:
        raise Stop(Exit.USAGE, f"{file}: {broken[0]} is no JSON: it has a time, or a number that is not finite")
    plan["metrics"] = [{"name": name, "ratio": str(ratio)} for name, ratio in metrics.items()]
    return {
        name: _json(value) if name in _VALUES else str(value) if isinstance(value, Decimal) else value
        for name, value in plan.items()
    }


def _is_json(value: Any) -> bool:  # TOML
    if isinstance(value, (list, dict)):
        return all(map(_is_json, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, (date, time)) and (not isinstance(value, Decimal) or isfinite(float(value)))


def _json(value: Any) -> Any:  # TOML to JSON
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_json(it) for it in value]
    return {name: _json(it) for name, it in value.items()} if isinstance(value, dict) else value
