"""Renders what jobs returned for people: counts, values of observables, and what the steps after the run computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from queuebit.records import ItemResult, PostResult, Result, Uncertainty, is_program, item_rows, value_text
from queuebit.text import visible
from queuebit_cli.output import Output
from queuebit_cli.tables import wrapped

__all__ = ["count_rows", "result_lines"]

_MOST_COUNTS = 20
_BAR, _BAR_BESIDE_STEPS = 30, 10
"""Columns of the longest bar; with a step, the table of a few qubits fits 80 columns."""
_LONGEST_BITS = 32
_ENDS = 10
"""Bits shown at either end of a longer string."""


def result_lines(result: Result, out: Output) -> list[str]:
    """What a job returned, for people: its counts, or a line for each item; then remarks about the run.

    What the steps after the run computed is beside what was measured, a column for each step. Why a step has no values
    is printed below the table.
    """
    remarks = [*_failed_steps(result.items)]
    if not is_program(result):
        steps = result.items[0].post if result.items else ()
        lines = out.lines(count_rows(result.counts, how=result.uncertainty, steps=steps))
    elif any(it.post and it.expectations for it in result.items):
        alone = len(result.items) == 1
        lines = out.lines([row for it in result.items for row in _value_rows(it, alone=alone)], fit=True)
    else:
        lines, remarks = out.lines(item_rows(result.items)), []  # which name these reasons
    remarks += [f"quality: {it.text}" for it in result.checks if it.name == "fidelity" or not it.passed]
    if result.fallback:
        remarks.append(f"fallback: it ran on {result.backend} {result.fallback.text}")
    if result.shared:
        remarks.append(f"shared device: it ran {result.shared.text}, and pays its share of the time")
    if result.suspect:
        remarks += [f"suspect: {result.suspect.text}", f"`qb job rerun {result.job}` runs it again, within the budget"]
    return [*lines, *(out.paint(line, "warn") for it in remarks for line in wrapped(visible(it), out.room))]


def count_rows(
    counts: Mapping[str, int],
    most: int = _MOST_COUNTS,
    how: Uncertainty | None = None,
    steps: Sequence[PostResult] = (),
) -> list[dict[str, object]]:
    """The most frequent outcomes, with the interval of their share by this method, and a bar each.

    Each step after the run has a column with its shares and their standard errors.
    """
    total = sum(counts.values()) or 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ends = how.intervals(counts) if how is not None else {}
    bar = _BAR_BESIDE_STEPS if steps else _BAR
    rows: list[dict[str, object]] = [
        {
            "bits": _bits(bits),
            "count": count,
            "share": f"{count / total:.1%}",
            **({_interval(how): "{:.1%} to {:.1%}".format(*ends[bits])} if how is not None and ends else {}),
            **{it.step: _share(it, bits) for it in steps},
            "": "█" * round(bar * count / total),
        }
        for bits, count in ranked[:most]
    ]
    if rest := ranked[most:]:
        share = sum(count for _, count in rest)
        rows.append({"bits": f"{len(rest)} more", "count": share, "share": f"{share / total:.1%}", "": ""})
    return rows


def _share(step: PostResult, bits: str) -> str | None:
    """The share of an outcome in percent, with its standard error."""
    found = (step.quasi or {}).get(bits)
    if found is None:
        return None
    return f"{found.value:z.1%}" + ("" if found.stderr is None else f" ± {found.stderr:.1%}")


def _value_rows(item: ItemResult, *, alone: bool) -> Iterator[dict[str, object]]:
    """A row for each observable of an item, with the value that was measured and that of each step after the run."""
    head = {} if alone else {"item": item.number}
    if not item.expectations:
        (short,) = item_rows([item])
        reason = item.reason.text if item.reason else None
        yield {**head, "observable": None, "measured": short["result"], "reason": reason}
    for number, it in enumerate(item.expectations or ()):
        steps = {step.step: value_text(step.expectations[number]) for step in item.post if step.expectations}
        yield {**head, "observable": it.observable or number, "measured": value_text(it), **steps}


def _failed_steps(items: Sequence[ItemResult]) -> Iterator[str]:
    """Which steps have no values, and why."""
    for it in items:
        where = f"item {it.number}: " if len(items) > 1 else ""
        yield from (f"{where}{step.step}: {step.reason.text}" for step in it.post if step.reason)


def _interval(how: Uncertainty) -> str:
    """The heading of the intervals of a method."""
    return f"{float(how.level or 0):.0%} {how.method}"


def _bits(bits: str) -> str:
    """Bits, shortened to leave room for the count."""
    if len(bits) <= _LONGEST_BITS:
        return bits
    return f"{bits[:_ENDS]}…{bits[-_ENDS:]} ({len(bits.replace(' ', ''))} bits)"
