"""Bodies of requests: what is refused, in words."""

from __future__ import annotations

import pytest
from pydantic import Field

from queuebit_contracts.wire import Amount
from queuebit_gateway.bodies import Body, validated
from queuebit_gateway.problems import Problem


class Order(Body):
    """A body with fields of three kinds."""

    shots: int = Field(1, ge=1)
    cap: Amount | None = None


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"shot": 1}, "shot: there is no such field"),
        ({"shots": 0}, "shots: must be greater than or equal to 1"),
        ({"cap": {"amount": "much"}}, 'cap.amount: write the amount as text, like "0.10"'),
    ],
)
def test_a_field_that_is_refused_says_what_to_write(body: object, detail: str) -> None:
    with pytest.raises(Problem) as refused:
        validated(Order, body)
    assert (refused.value.detail, refused.value.code) == (detail, "invalid_body")
