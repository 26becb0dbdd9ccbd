"""What `qb status` says of a stack that runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from queuebit_stack import config_check
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.home import Home
from queuebit_stack.ports import DEFAULTS
from queuebit_stack.process import Identity
from queuebit_stack.stack import Running, Stack


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ({"undelivered": 3}, []),
        (
            {"undelivered": 3, "unreached": "chat, pager"},
            ["alerting does not reach chat, pager; 3 notifications wait: `qb logs alerting` says why"],
        ),
        ({"unmeasured": "the warehouse is away"}, ["alerts are not measured, and stay as they are: the warehouse"]),
    ],
)
def test_people_who_are_not_notified_are_a_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detail: dict[str, object], said: list[str]
) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    bootstrap(home)
    me = Identity.of(os.getpid())
    stack = Stack("up", dict(DEFAULTS), {}, Running(), {"alerting": Running.of(me)})
    monkeypatch.setattr(config_check, "get_json", lambda *_: {"detail": detail})
    before = set(config_check.troubles(home, None))
    found = [it for it in config_check.troubles(home, stack) if it not in before]
    assert len(found) == len(said)
    assert all(it.startswith(start) for it, start in zip(found, said, strict=True))
