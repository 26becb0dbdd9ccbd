"""The grammar of `qb alerts`."""

from __future__ import annotations

import pytest

from queuebit_cli.parser import build


@pytest.mark.parametrize(("words", "resolved"), [([], False), (["list"], False), (["list", "--resolved"], True)])
def test_alerts_alone_lists_what_fires(words: list[str], resolved: bool) -> None:
    args = build().parse_args(["alerts", *words])
    assert (args.run, args.resolved) == ("alerts:alerts", resolved)
