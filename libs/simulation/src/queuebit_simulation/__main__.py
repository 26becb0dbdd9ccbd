"""Simulates many seeds on all cores, and prints those that fail and how to see them again."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator

from queuebit_simulation.run import Outcome, simulate

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Simulate; return 1 if a seed fails."""
    parser = argparse.ArgumentParser("python -m queuebit_simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed, with its log")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    args = parser.parse_args(arguments)
    return _one(args.seed) if args.seed is not None else _many(range(args.first, args.first + args.seeds))


def _one(seed: int) -> int:
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stdout)
    it = simulate(seed)
    for message in it.log:
        print(message.sequence, message.subject, message.body.decode(errors="backslashreplace"))
    print(it.plan)
    print(_line(it), it.digest)
    return _report([it] if it.faults else [])


def _many(seeds: range) -> int:
    ends: Counter[str] = Counter()
    injected: Counter[str] = Counter()
    failed, done, again = [], 0, 0
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), initializer=_quiet) as pool:
        for it in _counted(pool.imap_unordered(simulate, seeds), len(seeds)):
            done, again = done + 1, again + it.runs_again
            ends.update(it.ends)
            injected.update(it.injected)
            if it.faults:
                failed.append(it)
    print(f"{done} seeds; jobs {dict(ends)}; faults {dict(injected)}; {again} runs were made again")
    return _report(failed)


def _counted(outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    for number, it in enumerate(outcomes, start=1):
        if it.faults:
            print(_line(it), flush=True)
        elif number % 500 == 0:
            print(f"{number} of {total} seeds", flush=True)
        yield it


def _quiet() -> None:
    logging.disable(logging.CRITICAL)


def _line(it: Outcome) -> str:
    jobs = f"{it.jobs} jobs {dict(it.ends)}, {len(it.log)} events, {it.lasted_s:.0f} s, faults {dict(it.injected)}"
    return f"seed {it.seed}: {jobs}"


def _report(failed: Iterable[Outcome]) -> int:
    status = 0
    for it in sorted(failed, key=lambda it: it.seed):
        status = 1
        print(f"\nseed {it.seed} fails: make simulate SEED={it.seed}")
        for fault in it.faults[:20]:
            print(f"  {fault}")
    return status


if __name__ == "__main__":
    sys.exit(main())
