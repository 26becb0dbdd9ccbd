"""`qb template`: ready workloads, and what their results mean."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from queuebit_cli.connecting import client_of
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_tables import plan_rows
from queuebit_cli.tables import Row
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.template_runs import AsyncTemplateRun
    from queuebit_templates import Program, Template

__all__ = ["list_", "run", "show"]

_CELL = 60
"""The longest value in a table for people; JSON has all of it."""


def list_(args: Namespace, out: Output) -> Exit:
    """The installed templates."""
    from queuebit_templates import Template, installed

    rows: list[Row] = [
        {"template": it.name, "summary": it.summary}
        if isinstance(it, Template)
        else {"template": it.name, "summary": "", "reason": it.reason}
        for it in installed()
    ]
    out.rows(rows, none="no template is installed: install queuebit-templates")
    out.say()
    out.say("next: qb template show NAME, then qb template run NAME")
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """Parameters, values and an example of a template."""
    from queuebit_templates import described

    template = _found(args.name)
    parameters = described(template)
    out.document(
        {
            "template": template.name,
            "summary": template.summary,
            "parameters": parameters,
            "values": dict(template.values),
            "example": dict(template.example),
            "source": template.source,
        }
    )
    out.say(f"{template.name}: {template.summary}")
    out.say()
    out.table([{**it, "default": _short(it["default"])} for it in parameters])
    out.say()
    out.table([{"value": name, "meaning": meaning} for name, meaning in template.values.items()])
    out.say()
    out.paragraph(f"source: {template.source}")
    out.say(f"example: qb template run {template.name}{_words(template.example)}")
    return Exit.DONE


def run(args: Namespace, out: Output) -> Exit:
    """Submit the jobs of a template, and print what their results mean; with `--dry-run`, only program and cost."""
    import asyncio

    from queuebit_templates import BadParameters, from_texts

    template = _found(args.name)
    try:
        given = from_texts(template, dict(map(_parameter, args.set)))
    except BadParameters as error:
        raise Stop(Exit.USAGE, f"{error}: see `qb template show {template.name}`") from None
    return asyncio.run(_run(args, out, given.model_dump()))


async def _run(args: Namespace, out: Output, parameters: Mapping[str, Any]) -> Exit:  # of the template's types
    async with client_of(args) as client:
        wanted = _wanted(client, args, parameters)
        if args.dry_run:
            await _print_plan(wanted, out)
        else:
            await _print_reading(wanted, args, out)
    return Exit.DONE


def _wanted(client: AsyncClient, args: Namespace, parameters: Mapping[str, Any]) -> AsyncTemplateRun:
    from queuebit.amounts import money_of

    max_cost = None if args.max_cost is None else money_of(args.max_cost, "--max-cost")
    return client.template(
        args.name,
        backend=args.backend,
        max_cost=max_cost,
        project=args.project,
        key=args.key,
        tags=args.tag,
        **parameters,
    )


async def _print_plan(wanted: AsyncTemplateRun, out: Output) -> None:
    program = wanted.program
    out.say(program.items[0].source.rstrip())
    out.say()
    out.say(_size(program, wanted.most_jobs))
    with Progress(out.as_json, "asking the executors"):
        rows = await wanted.plan()
    out.document(
        {
            "template": wanted.name,
            "parameters": wanted.parameters,
            "most_jobs": wanted.most_jobs,
            "shots": program.shots,
            "items": [_item(it.source, it.parameters, it.observables, it.shots) for it in program.items],
            "plan": list(rows),
        }
    )
    out.say()
    out.table(plan_rows(rows), fit=True)


def _item(source: str, parameters: object, observables: Sequence[object], shots: int | None) -> Mapping[str, object]:
    return {"circuit": source, "parameters": parameters, "observables": list(observables), "shots": shots}


def _size(program: Program, most_jobs: int) -> str:
    several = len(program.items) > 1
    items = f"this and {len(program.items) - 1:,} more circuits or bindings" if several else "this circuit"
    jobs = "one job" if most_jobs == 1 else f"the first of at most {most_jobs:,} jobs of this size"
    return f"{items}, {program.shots:,} shots each unless it says otherwise; {jobs}, each of which costs:"


async def _print_reading(wanted: AsyncTemplateRun, args: Namespace, out: Output) -> None:
    with Progress(out.as_json, "submitting") as progress:

        def report(number: int, most: int) -> None:
            progress.update(f"job {number} of at most {most}")

        reading = await wanted.result(args.timeout, report)
        charge = await wanted.charge()
    jobs = [it.id for it in wanted.jobs]
    out.document(
        {
            "template": wanted.name,
            "parameters": wanted.parameters,
            "summary": reading.summary,
            "values": dict(reading.values),
            "jobs": jobs,
            "charge": None if charge is None else str(charge),
        }
    )
    out.paragraph(reading.summary)
    out.say()
    out.table([{"value": name, "result": _short(it)} for name, it in reading.values.items()])
    out.say()
    counted = f"job {jobs[0]}" if len(jobs) == 1 else f"{len(jobs)} jobs, the last {jobs[-1]}"
    out.say(f"{counted}; charged {charge}")


def _found(name: str) -> Template[Any]:  # each template has parameters of its own type
    from queuebit_templates import BrokenTemplate, UnknownTemplate, find

    try:
        return find(name)
    except UnknownTemplate as error:
        raise Stop(Exit.USAGE, f"{error}: see `qb template list`") from None
    except BrokenTemplate as error:
        raise Stop(Exit.USAGE, str(error)) from None


def _parameter(text: str) -> tuple[str, str]:
    name, given, value = text.partition("=")
    if not given or not name:
        raise Stop(Exit.USAGE, f"--set {text} is no parameter: write it like n=5")
    return name, value


def _short(value: object) -> str:
    """A value on one line, cut where a table has no room."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def _words(example: Mapping[str, object]) -> str:
    """An example as arguments; values with brackets are quoted for a shell."""
    words = []
    for name, value in example.items():
        text = value if isinstance(value, str) else json.dumps(value)
        plain = text.replace("-", "").replace(".", "").isalnum()
        words.append(f" --set {name}={text}" if plain else f" --set '{name}={text}'")
    return "".join(words)
