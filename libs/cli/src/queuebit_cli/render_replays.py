"""How a comparison of two jobs is shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from queuebit_cli.output import Output

if TYPE_CHECKING:
    from queuebit.replays import Compared

__all__ = ["compared_document", "compared_lines"]

_STYLES = {"reproduced": "good", "consistent": "good", "drifted": "warn", "different": "bad"}
_WORDS = {"consistent": "statistically consistent"}


def compared_document(found: Compared) -> dict[str, object]:
    """The comparison for programs."""
    numbers = asdict(found.finding)
    return {
        "verdict": numbers.pop("verdict"),
        "text": found.text,
        "note": found.note,
        "same": found.finding.same,
        "one": found.one,
        "other": found.other,
        **numbers,
        "conditions": [{**asdict(it), "same": it.same} for it in found.conditions],
    }


def compared_lines(found: Compared, out: Output) -> list[str]:
    """The comparison for people."""
    it = found.finding
    word = out.paint(_WORDS.get(it.verdict, it.verdict), _STYLES[it.verdict])
    lines = [f"{found.one} and {found.other}: {word}", f"  {found.text}"]
    if it.items > 1:
        lines.append(f"  of {it.items} items with counts, number {it.item} differs most:")
    limit = f"; without shot noise at most {it.at_most:.4f}" if it.at_most < 1 else ""
    lines.append(
        f"  fidelity {it.fidelity:.4f} of {it.shots[0]:,} and {it.shots[1]:,} shots: shot noise alone gives about "
        f"{it.noise:.4f}{limit}"
    )
    tested = f"chi-squared {it.statistic:.1f} of {it.freedom} degrees of freedom, p = {it.p_value:.2g}"
    lines.append(f"  {tested if it.freedom else 'nothing was tested: too few shots, or one outcome alone'}")
    rows = [
        {"condition": each.name, "one": each.one, "other": each.other} for each in found.conditions if not each.same
    ]
    return [*lines, *([""] if rows else []), *(out.lines(rows) if rows else [])]
