"""The grammar of `qb canary`."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import LINES, Group, number

__all__ = ["canary_commands"]


def canary_commands(canary: Group) -> None:
    """Canaries, from the plan to the release."""
    draft = canary.command("draft", "canaries:draft", "agree on a plan; no job is assigned yet")
    draft.add_argument("file", metavar="FILE", help="the plan, as TOML: docs/canaries.md has one")
    _author(draft)
    start = canary.command("start", "canaries:start", "assign jobs from now on")
    _name(start)
    _author(start)
    replay = canary.command(
        "replay", "canaries:replay", "try both policies of a plan on the recorded queue", json=LINES
    )
    replay.add_argument("file", metavar="FILE", help="the plan, with the subject policy")
    replay.add_argument("--hours", type=number(1, 120), default=24, metavar="N", help="how long jobs arrive (24)")
    replay.add_argument("--rate", type=number(1, 10_000), default=60, metavar="N", help="jobs in an hour (60)")
    replay.add_argument("--seed", type=number(0), default=1, metavar="N", help="of all random choices (1)")
    status = canary.command("status", "canaries:status", "what is counted, and what follows from it")
    status.add_argument("canary", nargs="?", metavar="CANARY", help="only this one, with every rule and its numbers")
    promote = canary.command("promote", "canaries:promote", "release the candidate: every job has it")
    _name(promote)
    promote.add_argument("--unproven", action="store_true", help="also if the rules did not pass it; needs --reason")
    _reason(promote)
    _author(promote)
    abort = canary.command("abort", "canaries:abort", "withdraw the candidate: every job has the baseline")
    _name(abort)
    _reason(abort)
    _author(abort)


def _name(command: ArgumentParser) -> None:
    command.add_argument("canary", metavar="CANARY", help="its name, as the plan has it")


def _reason(command: ArgumentParser) -> None:
    command.add_argument("--reason", default="", metavar="TEXT", help="stored with the decision")


def _author(command: ArgumentParser) -> None:
    command.add_argument("--by", metavar="NAME", help="who does it, as the fact names it (your account)")
