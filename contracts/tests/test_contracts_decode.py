"""Messages that no reader accepts as an event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.catalog import decode
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed
from queuebit_testing.build import submission, submitted


def document(**data: Any) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(submitted().to_bytes())
    return {**event, "data": {**event["data"], **data}}


@pytest.mark.parametrize("depth", [40, 900, 60_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
def test_brackets_outside_the_data_are_no_deeper_than_a_reader_follows(depth: int, brackets: str) -> None:
    body = submitted().to_bytes()
    deep = brackets[:-1] * depth + "1" + brackets[-1] * depth
    with pytest.raises(Malformed):
        decode(body[:-1] + f',"extra":{deep}}}'.encode())


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"])
def test_a_time_that_is_none_in_utc_is_malformed(moment: str) -> None:
    with pytest.raises(Malformed):
        decode(json.dumps(document(limits={"deadline": moment})).encode())


def test_a_text_that_never_ends_costs_no_more_than_its_length() -> None:
    with pytest.raises(Malformed):
        decode(b"[" * 33 + b'"' + b'\\"' * 1_000_000)


DOCUMENT = st.recursive(
    st.none() | st.integers() | st.text('"\\\\[]{}a\u20ac'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('"\\\\[]{}a'), inner, max_size=3),
    max_leaves=20,
)


def levels(value: object) -> int:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(levels, inner), default=0)
    return 0


@given(value=DOCUMENT, around=st.integers(0, 34))
def test_a_document_is_too_deep_exactly_above_the_limit(value: object, around: int) -> None:
    for _ in range(around):
        value = [value]
    body = json.dumps({"type": "qb.later.event.v1", "extra": value}).encode()
    if levels(value) + 1 > 32:
        with pytest.raises(Malformed, match="32 levels"):
            decode(body)
    else:
        assert isinstance(decode(body), UnknownEvent)


def test_brackets_inside_a_circuit_are_text() -> None:
    source = "OPENQASM 3.0; qubit q; " + "if (true) { " * 80 + r'x q; // "\" {{{' + "}" * 80
    event = JobSubmitted(source="qb/client", data=submission(source=source))
    decoded = decode(event.to_bytes())
    assert isinstance(decoded, JobSubmitted)
    assert decoded.data.circuit.inline == source


@pytest.mark.parametrize("field", ["shots", "seed"])
@pytest.mark.parametrize("value", [True, "100", 100.0])
def test_a_number_is_neither_a_text_nor_a_truth(field: str, value: object) -> None:
    with pytest.raises(Malformed, match=field):
        decode(json.dumps(document(**{field: value})).encode())
    decoded = decode(json.dumps(document(**{field: 100})).encode())
    assert isinstance(decoded, JobSubmitted)
    assert getattr(decoded.data, field) == 100


@pytest.mark.parametrize("count", [9, 10_000])
def test_a_job_has_at_most_eight_tags(count: int) -> None:
    tags = [f"t{number}" for number in range(count)]
    assert decode(json.dumps(document(tags=tags[:8])).encode()).type == "qb.job.submitted.v1"
    with pytest.raises(Malformed, match="tags"):
        decode(json.dumps(document(tags=tags)).encode())
