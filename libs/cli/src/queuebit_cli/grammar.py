"""The parts that the grammar of `qb` is made of: groups, commands and kinds of arguments."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from math import inf
from typing import NoReturn

from queuebit_cli.output import on_lines

__all__ = [
    "DOCUMENT",
    "LINES",
    "Group",
    "Help",
    "Parser",
    "deadline",
    "lifetime",
    "moment",
    "names",
    "none_or",
    "number",
    "overlap",
    "seconds",
    "share",
    "whole",
]

DOCUMENT = "JSON for programs instead of text for people"
LINES = "JSON for programs: one object per line"
"""What `--json` prints, of commands that print as they go."""
_COMMAND = re.compile(r"^    (\S+) .*\n(?:      .*\n)*", re.MULTILINE)
"""A command in the help, with the lines of its text."""
_CHOICE = re.compile(r"argument COMMAND: invalid choice: '(.*)' \(choose from (.*)\)")


class Help(RawDescriptionHelpFormatter):
    """With room for the longest command beside its help."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=17)
        self._action_max_length = 15


class Parser(ArgumentParser):
    """Lists the commands if none is given, by topic; suggests the nearest for a mistyped one."""

    topics: Mapping[str, Sequence[str]] = {}
    """The commands of each topic, in the order in which help lists them."""

    def format_help(self) -> str:
        """The help; commands that no topic has are not in it."""
        text = super().format_help()
        listed = {it[1]: it[0] for it in _COMMAND.finditer(text)}
        if not self.topics or not listed:
            return text
        head, _, rest = text.partition("commands:\n")
        *_, foot = rest.split("\n\n", 1)
        parts = [
            f"{topic}:\n{''.join(listed[word] for word in words if word in listed)}"
            for topic, words in self.topics.items()
        ]
        return "\n".join([head.rstrip() + "\n", *parts, foot])

    def error(self, message: str) -> NoReturn:
        if message.endswith("required: COMMAND"):
            self.exit(2, self.format_help())
        if wrong := _CHOICE.match(message):
            words = re.findall(r"'([^']+)'", wrong[2])
            near = get_close_matches(wrong[1], words, 1)
            hint = f"did you mean `{self.prog} {near[0]}`?" if near else f"choose one of {', '.join(words)}"
            message = f"invalid choice: {wrong[1]!r}; {hint}"
        self.print_usage(sys.stderr)
        self.exit(2, on_lines(f"{self.prog}: error: {message}") + "\n")


class Group:
    """A group of commands."""

    def __init__(self, parser: ArgumentParser, *, required: bool = True) -> None:
        """Commands of a parser; if none is required, it is a command itself."""
        self._commands = parser.add_subparsers(metavar="COMMAND", required=required, title="commands")

    def command(
        self,
        word: str,
        run: str,
        text: str,
        *places: str,
        client: bool = False,
        json: str = DOCUMENT,
        anywhere: bool = True,
    ) -> ArgumentParser:
        """Add a command.

        Args:
            word: its name.
            run: `module:function` under `queuebit_cli.commands`.
            text: its help.
            places: names of positional arguments that need no help.
            client: whether it acts as a user of a tenant.
            json: describes its JSON output.
            anywhere: whether a client may also speak to a gateway.
        """
        parser = self._commands.add_parser(word, help=text, description=text, allow_abbrev=False)
        for place in places:
            parser.add_argument(place.lower(), metavar=place)
        parser.set_defaults(run=run, misused=parser.error)
        parser.add_argument("--home", metavar="DIR", help="the stack's folder (QUEUEBIT_HOME, else ~/.queuebit)")
        parser.add_argument("--json", action="store_true", help=json)
        if client:
            parser.add_argument("--tenant", metavar="T", help="act as a user of this tenant (demo)")
            parser.add_argument("--user", metavar="U", help="which of the tenant's users, if the home has several")
            if anywhere:
                parser.add_argument("--url", metavar="URL", help="of a gateway, or of the bus (QUEUEBIT_URL)")
        return parser

    def group(self, word: str, text: str) -> Group:
        """Add a group of commands."""
        return Group(self._commands.add_parser(word, help=text, description=text, allow_abbrev=False))


def names(text: str) -> tuple[str, ...]:
    """Words between commas."""
    return tuple(name.strip() for name in text.split(","))


def whole(text: str) -> int:
    """A whole number, even a negative one: the service says which it takes."""
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a whole number") from None


def seconds(text: str) -> float:
    """Seconds from 0 on."""
    with suppress(ValueError):
        if 0 <= (found := float(text)) < inf:
            return found
    raise ArgumentTypeError(f"{text!r} is not a number of seconds from 0 on")


def share(text: str) -> float:
    """A number between 0 and 1, and neither of them."""
    with suppress(ValueError):
        if 0 < (found := float(text)) < 1:
            return found
    raise ArgumentTypeError(f"{text!r} is not a number between 0 and 1, such as 0.001")


def lifetime(text: str) -> int:
    """A time such as 90s, 15m or 12h, in seconds."""
    if found := re.fullmatch(r"([1-9][0-9]{0,5})([smh])", text):
        return int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
    raise ArgumentTypeError(f"{text!r} is not a time: write it like 90s, 15m or 12h")


def overlap(text: str) -> int:
    """A time as `lifetime` reads it, or none: 0."""
    return 0 if text == "0" else lifetime(text)


def none_or(read: Callable[[str], int]) -> Callable[[str], int | str]:
    """What `read` takes, or the word `none`."""
    return lambda text: text if text == "none" else read(text)


def deadline(text: str) -> datetime | timedelta:
    """A time as `moment` reads it, or a duration as `lifetime` does, from now on."""
    try:
        return timedelta(seconds=lifetime(text))
    except ArgumentTypeError:
        return moment(text)


def moment(text: str) -> datetime:
    """A time or a date; without a zone it is in UTC."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is not a time: write it like 2026-11-01 or 2026-11-01T12:00:00Z") from None


def number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A number from `least` on, or up to `most`."""

    def read(text: str) -> int:
        if text.isdigit() and least <= (found := int(text)) <= (found if most is None else most):
            return found
        raise ArgumentTypeError(f"{text!r} is not a number from {least} {'on' if most is None else f'to {most}'}")

    return read
