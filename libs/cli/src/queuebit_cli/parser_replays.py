"""The grammar of `qb replay`, `qb compare` and `qb lineage`."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import Group, number, seconds, share
from queuebit_replay import ALPHA, FLOOR

__all__ = ["FORMATS", "replay_commands"]

FORMATS = ("prov-json", "ro-crate", "openlineage", "qlprov")
"""The formats of `qb lineage --format`."""

_JOB = "its id, a prefix of its id, or `latest`"


def replay_commands(words: Group) -> None:
    """Whether work that is done twice gives the same, and what results came from."""
    replay = words.command("replay", "replays:replay", "run a job again as it ran, and compare", client=True)
    replay.add_argument("job", metavar="JOB|FILE", help=f"{_JOB}; or its receipt, which is verified first")
    replay.add_argument("--trust", metavar="FILE", help="the trust document of the receipt (trust.json of the home)")
    replay.add_argument("--backend", metavar="B", help="run it there instead (where the job ran)")
    replay.add_argument("--max-cost", metavar="1.50", help="refuse it if it could cost more (as the first job)")
    replay.add_argument("--key", metavar="K", help="idempotency key: the same key is the same replay (a new one)")
    replay.add_argument("--timeout", type=seconds, metavar="S", help="wait no longer; the new job continues")
    _limits(replay)
    text = "compare the results of two jobs, such as one of a simulator and one of a device"
    compare = words.command("compare", "replays:compare", text, client=True)
    compare.add_argument("one", metavar="JOB", help=_JOB)
    compare.add_argument("other", metavar="JOB", help="the other one")
    _limits(compare)
    text = "what a job, circuit, calibration or data set has to do with others"
    lineage = words.command("lineage", "lineage:lineage", text, client=True)
    lineage.add_argument(
        "name",
        metavar="NAME",
        help=f"a job: {_JOB}; a digest or the begin of one; a circuit or data set: NAME@VERSION; or a receipt's file",
    )
    lineage.add_argument("--trust", metavar="FILE", help="the trust document of the receipt (trust.json of the home)")
    lineage.add_argument("--limit", type=number(1, 10_000), default=200, metavar="N", help="newest jobs to read (200)")
    lineage.add_argument("--svg", metavar="FILE", help="also draw it there")
    lineage.add_argument("--format", choices=FORMATS, help="write it in a format of others, to --output")
    lineage.add_argument("--output", metavar="FILE", help="where; of ro-crate a folder")


def _limits(command: ArgumentParser) -> None:
    command.add_argument(
        "--alpha", type=share, default=ALPHA, metavar="P", help="how often equal work may be called drifted (0.001)"
    )
    command.add_argument(
        "--floor", type=share, default=FLOOR, metavar="F", help="fidelity below which results are different (0.9)"
    )
