"""What these tests share: the stacks that are installed, looked for once."""

from __future__ import annotations

from functools import cache

import pytest

from queuebit_stack import stacks

_listed = cache(stacks._listed)


@pytest.fixture(autouse=True)
def _installed_stacks_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new home asks for them in a process of its own, which imports every quantum SDK: a second each time."""
    monkeypatch.setattr(stacks, "_listed", _listed)
