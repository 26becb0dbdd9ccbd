"""The grammar of the commands of service levels."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import Group

__all__ = ["slo_commands"]

_NAME = "its name, as `qb slo list` shows it"


def slo_commands(words: Group) -> None:
    """Service levels; without a command they are listed."""
    slo = Group(
        words.command("slo", "slo:levels", "service levels, their objectives and budgets", client=True), required=False
    )
    slo.command("list", "slo:levels", "objectives, and how they are kept", client=True)
    check = slo.command("check", "slo:check", "check OpenSLO documents; exit code 2 if they have a problem")
    check.add_argument("path", nargs="?", metavar="PATH", help="a file or a folder (those of the home)")
    _apply(slo.command("apply", "documents:apply", "put OpenSLO documents in force"))
    budget = slo.command("budget", "slo:budget", "the error budget of an objective, day by day over its window")
    budget.add_argument("name", metavar="NAME", help=_NAME)
    _tenant(budget)
    explain = slo.command(
        "explain", "slo:explain", "what an objective counts, its alerts, and how fast its budget burns"
    )
    explain.add_argument("name", metavar="NAME", help=_NAME)
    explain.add_argument("--sql", action="store_true", help="also the query that counts its cases")
    _tenant(explain)
    gate = slo.command("gate", "slo:gate", "whether the budgets allow a release; exit code 3 if they do not")
    gate.add_argument("--release", action="store_true", help="ask about a release")
    gate.add_argument(
        "--objective", action="append", default=[], metavar="NAME", help="of this alone (all with alerts)"
    )
    _tenant(gate)
    rules = slo.command("rules", "slo:rules", "the objectives as recording and alerting rules of Prometheus")
    rules.add_argument("--output", metavar="FILE", help="where (standard output)")


def _tenant(command: ArgumentParser) -> None:
    command.add_argument("--tenant", metavar="T", help="of this tenant's cases (all)")


def _apply(command: ArgumentParser) -> None:
    command.add_argument("-f", dest="folder", metavar="PATH", help="a file, or a folder of files")
    command.add_argument("--dry-run", action="store_true", help="show the plan; exit code 5 if anything differs")
    command.add_argument("--prune", action="store_true", help="also remove objectives that the documents do not name")
    command.add_argument("--by", metavar="NAME", help="who applies it, as the record names it (your account)")
    command.set_defaults(only="slos", plan=None, history=False)
