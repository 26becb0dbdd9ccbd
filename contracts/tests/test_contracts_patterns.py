"""Several patterns as one."""

from __future__ import annotations

from itertools import product

import pytest

from queuebit_contracts.patterns import Patterns
from queuebit_contracts.subjects import covers


@pytest.mark.parametrize(
    ("patterns", "everything"),
    [
        (["qb.tenant.>", "qb.account.>", "qb.job.*.*.placed.*"], "qb.>"),
        (["qb.job.*.*.placed.*", "qb.job.*.*.started"], "qb.job.>"),
        (["a.>", "b"], ">"),
        (["qb.account.>"], "qb.account.>"),
    ],
)
def test_they_cover_what_each_of_them_covers(patterns: list[str], everything: str) -> None:
    both = Patterns(patterns)
    assert both.all == everything
    tokens = ["qb", "job", "account", "placed", "started", "a", "b", "aer"]
    for subject in (".".join(it) for length in (1, 2, 3) for it in product(tokens, repeat=length)):
        assert both.cover(subject) is any(covers(it, subject) for it in patterns), subject
    for subject in ("qb.job.t.j.placed.aer", "qb.job.t.j.placed", "qb.job.t.j.started", "qb.job.t.j.started.x"):
        assert both.cover(subject) is any(covers(it, subject) for it in patterns), subject
