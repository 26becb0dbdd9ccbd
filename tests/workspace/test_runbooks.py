"""Runbooks: one for each alert, and every command in them is one that `qb` takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from queuebit_cli.parser import build
from queuebit_contracts.indicators import INDICATORS
from queuebit_contracts.runbooks import RUNBOOKS, runbook_of

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
PAGES = sorted(it for it in FOLDER.glob("*.md") if it.name != "README.md")
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`(qb [^`]+)`")


def test_every_indicator_and_every_other_alert_has_a_runbook() -> None:
    assert set(RUNBOOKS) >= set(INDICATORS)
    assert {it.stem for it in PAGES} == set(RUNBOOKS.values())
    assert runbook_of("success") == "docs/runbooks/success.md"
    assert runbook_of("queue-wait-interactive") == "docs/runbooks/queue-wait.md"
    assert runbook_of("job-success") == "docs/runbooks/success.md"
    assert runbook_of("something new") == "docs/runbooks/README.md"


def test_the_index_names_each() -> None:
    assert {*re.findall(r"\(([a-z-]+)\.md\)", (FOLDER / "README.md").read_text())} == {it.stem for it in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda it: it.stem)
def test_it_ends_in_a_command_and_the_parser_takes_each(page: Path) -> None:
    text = page.read_text()
    assert text.endswith("\n```\n"), "it ends in a command"
    blocks = [line for block in _BLOCK.findall(text) for line in block.splitlines() if not line.startswith("#")]
    assert blocks[-1].startswith("qb ")
    for command in [*blocks, *_INLINE.findall(text)]:
        words = shlex.split(command, comments=True)
        assert words[0] == "qb"
        try:
            build().parse_args(words[1:])
        except SystemExit:
            pytest.fail(f"`{command}` is no command of qb")
