"""The grammar of `qb template`."""

from __future__ import annotations

from queuebit_cli.grammar import Group, seconds

__all__ = ["template_commands"]

_ANYWHERE = "where to run; default: the cheapest ideal simulator that fits (or of the project's default kind)"


def template_commands(template: Group) -> None:
    """Commands of ready workloads."""
    template.command("list", "templates:list_", "list the installed templates")
    template.command("show", "templates:show", "show the parameters and the values of a template", "NAME")
    run = template.command("run", "templates:run", "run a template, and say what the results mean", "NAME", client=True)
    run.add_argument("--set", action="append", default=[], metavar="N=V", help="a parameter; may be repeated")
    run.add_argument("--backend", metavar="B", help=_ANYWHERE)
    run.add_argument("--max-cost", metavar="1.50", help="the most that its jobs may cost together")
    run.add_argument("--project", metavar="P", help="the project that pays (the credential's project)")
    run.add_argument("--key", metavar="K", help="idempotency key: the same key and parameters have the same jobs")
    run.add_argument("--tag", action="append", default=[], metavar="T", help="name for the bill; may be repeated")
    run.add_argument("--timeout", type=seconds, metavar="S", help="wait no longer for each job; it continues")
    run.add_argument("--dry-run", action="store_true", help="print the first program and its cost; submit nothing")
