"""The help of `qb`."""

from __future__ import annotations

import re
from argparse import _SubParsersAction
from itertools import chain

from queuebit_cli.parser import build
from queuebit_cli.topics import TOPICS


def test_help_lists_each_command_once_under_its_topic() -> None:
    parser = build()
    (commands,) = (it for it in parser._actions if isinstance(it, _SubParsersAction))
    listed = [*chain.from_iterable(TOPICS.values())]
    assert sorted(listed) == sorted(commands.choices)
    shown = re.findall(r"^    ([a-z-]+) ", parser.format_help().partition("\njobs:")[2], re.MULTILINE)
    assert shown == listed


def test_help_has_the_text_of_each_command_and_what_comes_after() -> None:
    text = build().format_help()
    assert "\njobs:\n    submit       submit a job for each file\n" in text
    assert (
        "a gateway on a Unix socket, for a program that has no\n                 credentials; Ctrl-C ends it\n" in text
    )
    assert text.index("\nthe stack:\n") < text.index("\n\nfirst steps: ")
