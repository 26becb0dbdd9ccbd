"""Who may be on a device at the same time."""

from __future__ import annotations

import itertools

import pytest

from queuebit_contracts.sharing import may_share

WORDS = (None, "never", "tenant", "anyone", "friends")


@pytest.mark.parametrize(("one", "other"), [*itertools.product(WORDS, WORDS)])
def test_two_tenants_share_only_if_both_say_anyone(one: str | None, other: str | None) -> None:
    assert may_share(("acme", one), ("globex", other)) == (one == other == "anyone")


@pytest.mark.parametrize(("one", "other"), [*itertools.product(WORDS, WORDS)])
def test_two_projects_of_a_tenant_share_if_both_allow_it(one: str | None, other: str | None) -> None:
    allowed = one in ("tenant", "anyone") and other in ("tenant", "anyone")
    assert may_share(("acme", one), ("acme", other)) == allowed
