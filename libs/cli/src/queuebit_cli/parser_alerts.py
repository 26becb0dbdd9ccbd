"""The grammar of `qb alerts` and `qb silence`."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import Group, lifetime, moment

__all__ = ["alert_commands", "silence_commands"]

_BY = "who, as the fact names it (your account)"


def alert_commands(words: Group) -> None:
    """What is wrong now, and who knows; without a command it is listed."""
    alone = words.command("alerts", "alerts:alerts", "what is wrong now, and who was notified")
    alone.set_defaults(resolved=False)
    alerts = Group(alone, required=False)
    listed = alerts.command("list", "alerts:alerts", "what fires, who was notified, and why some notify no receiver")
    listed.add_argument("--resolved", action="store_true", help="also what was resolved")
    acknowledge = alerts.command("ack", "alerts:acknowledge", "say that you have a group in hand: it is not escalated")
    acknowledge.add_argument("group", metavar="GROUP", help="as `qb alerts list` names it, or its beginning")
    _by(acknowledge)
    test = alerts.command("test", "alerts:test", "send a test message to a receiver")
    test.add_argument("receiver", metavar="RECEIVER", help="as alerts.toml names it")


def silence_commands(silence: Group) -> None:
    """Alerts that notify no receiver for a time."""
    add = silence.command("add", "alerts:silence", "silence what has all of these labels")
    add.add_argument("matchers", nargs="+", metavar="LABEL=VALUE", help="also LABEL!=VALUE; all must hold")
    until = add.add_mutually_exclusive_group(required=True)
    until.add_argument("--for", dest="lasts_s", type=lifetime, metavar="2h", help="how long, such as 90s, 15m or 12h")
    until.add_argument("--until", type=moment, metavar="TIME", help="its end, such as 2026-11-01T12:00:00Z")
    add.add_argument("--reason", required=True, metavar="TEXT", help="stored with the silence")
    _by(add)
    silence.command("list", "alerts:silences", "silences that did not end")
    end = silence.command("end", "alerts:end", "end a silence before its time")
    end.add_argument("silence", metavar="SILENCE", help="as `qb silence list` names it")
    _by(end)


def _by(command: ArgumentParser) -> None:
    command.add_argument("--by", metavar="NAME", help=_BY)
