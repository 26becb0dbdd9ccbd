"""The grammar of `qb incident` and `qb readiness`."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import Group, moment

__all__ = ["incident_commands", "readiness_commands"]

_INCIDENT = "its id, a prefix of its id, or `latest`"


def incident_commands(incident: Group) -> None:
    """Incidents, and what people do with them."""
    listed = incident.command("list", "incidents:list_", "list incidents that are not over")
    listed.add_argument("--all", action="store_true", help="those that are over, too")
    show = incident.command("show", "incidents:show", "show who and what was hit, and what happened")
    _name(show)
    ack = incident.command("ack", "incidents:ack", "say that you work on it")
    _name(ack)
    _author(ack)
    note = incident.command("note", "incidents:note", "write down what you found or did")
    _name(note)
    note.add_argument("text", metavar="TEXT", help="up to 4,000 characters")
    note.add_argument("--cause", type=moment, metavar="TIME", help="when the fault began, as 2026-11-05T11:55, in UTC")
    _author(note)
    resolve = incident.command("resolve", "incidents:resolve", "say that it is over")
    _name(resolve)
    resolve.add_argument("--reason", metavar="TEXT", help="stored with it")
    _author(resolve)
    reopen = incident.command("reopen", "incidents:reopen", "say that it is not over")
    _name(reopen)
    reopen.add_argument("text", metavar="TEXT", help="why")
    _author(reopen)
    export = incident.command("export", "incidents:export", "write a draft of the post-mortem, and its evidence")
    _name(export)
    export.add_argument("--output", metavar="PATH", help="a new folder, or a file that ends in .zip (incident-ID)")


def _name(command: ArgumentParser) -> None:
    command.add_argument("incident", metavar="INCIDENT", help=_INCIDENT)


def _author(command: ArgumentParser) -> None:
    command.add_argument("--by", metavar="NAME", help="who does it, as the fact names it (your account)")


def readiness_commands(words: Group) -> None:
    """The checklists before production and in production."""
    command = words.command("readiness", "readiness:readiness", "what production needs, and what of it is missing")
    command.add_argument("--stage", choices=("before", "production"), help="only this checklist (both)")
