"""Compares thousands of random programs: `make fuzz SEED=1 PROGRAMS=2000`."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.differential import programs2, programs3
from tests.differential.compare import Mismatch, Refused, judge
from tests.differential.programs import Program

_CHUNK = 100
"""Programs of one run of Hypothesis: it stops at its first mismatch and shrinks it, so each chunk may find one."""
_STRATEGIES = {"OpenQASM 2": programs2.programs(), "OpenQASM 3": programs3.programs()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another seed draws other programs")
    parser.add_argument("--programs", type=int, default=2_000, help="how many, half of them in each language")
    asked = parser.parse_args()
    started = time.monotonic()
    seen: Counter[str] = Counter()
    mismatches: dict[str, int] = {}
    for language, strategy in _STRATEGIES.items():
        for chunk in range(max(1, asked.programs // 2 // _CHUNK)):
            found = _mismatch(strategy, asked.seed * 1_000_003 + chunk, language, seen)
            if found and found not in mismatches:
                mismatches[found] = asked.seed
                print(found, flush=True)
    print(f"\nseed {asked.seed}: {seen.total():,} programs in {time.monotonic() - started:.0f} s")
    for verdict, count in sorted(seen.items()):
        print(f"  {count:6,}  {verdict}")
    print(f"  {len(mismatches):6,}  mismatches")
    return 1 if mismatches else 0


def _mismatch(strategy: st.SearchStrategy[Program], seed: int, language: str, seen: Counter[str]) -> str:
    """Compare a chunk of programs and return the smallest that differs, or an empty text."""

    @hypothesis.seed(seed)
    @settings(
        max_examples=_CHUNK,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(strategy)
    def compare(program: Program) -> None:
        verdict = judge(program)
        refusal = f", refused: {_masked(verdict)}" if isinstance(verdict, Refused) else ", same"
        seen[language + refusal] += 1

    try:
        compare()
    except Exception as failure:  # noqa: BLE001  (whatever breaks on a program is a finding)
        if isinstance(failure, Mismatch):
            return str(failure)
        return "\n".join([f"{type(failure).__name__}: {failure}", *getattr(failure, "__notes__", [])])
    return ""


def _masked(refusal: Refused) -> str:
    """Return a refusal without the program's own names, so that equal ones are counted together."""
    message = re.sub(r"'[^']*'", "'…'", refusal.message)
    return f"{refusal.code}: {message[:90]}"


if __name__ == "__main__":
    sys.exit(main())
