"""Ids, digests, money and faults."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import uuid
from collections.abc import Callable
from decimal import Decimal, Inexact
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from queuebit_kernel import (
    CurrencyMismatch,
    Fault,
    InvalidId,
    Json,
    Money,
    Settle,
    canonical,
    digest,
    event_id,
    from_base64url,
    job_id,
    require_token,
    to_base64url,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_a_job_id_follows_from_tenant_and_key() -> None:
    assert job_id("acme", "k") == job_id("acme", "k")
    assert len({job_id("acme", "k"), job_id("acme", "l"), job_id("evil", "k"), job_id("acm", "ek")}) == 4
    assert require_token(job_id("acme", "any key at all, even\nwith lines"))


@given(st.text(), st.text())
def test_a_job_id_is_what_the_contract_says(tenant: str, key: str) -> None:
    try:
        image = hashlib.sha256(f"{tenant}\n{key}".encode()).digest()
    except UnicodeEncodeError:
        assume(False)
    assert job_id(tenant, key) == "j" + base64.b32encode(image).decode().lower()[:20]


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,61}[a-z0-9]", fullmatch=True)


@given(NAMES, st.sampled_from(".*> \t\n\x00A"), st.integers(0, 64))
def test_a_token_contains_no_special_characters_of_subjects(name: str, special: str, at: int) -> None:
    inside = 1 + at % (len(name) - 1)
    assert require_token(name) == name
    with pytest.raises(InvalidId):
        require_token(name[:inside] + special + name[inside:])


@pytest.mark.parametrize("text", ["", "a" * 65, "-a", "a_", "é", "²"])
def test_other_texts_are_no_tokens(text: str) -> None:
    with pytest.raises(InvalidId):
        require_token(text)


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_the_id_of_an_event_is_a_uuid_of_version_5(parts: list[str]) -> None:
    assert event_id(*parts) == str(uuid.uuid5(uuid.NAMESPACE_URL, "queuebit:" + "\n".join(parts)))


@given(JSON)
def test_equal_documents_have_the_same_canonical_form(document: object) -> None:
    once = canonical(document)  # type: ignore[arg-type]  # any JSON
    assert canonical(json.loads(once)) == once


class Text(str):
    """A text of a library."""


class Pair(NamedTuple):
    """A tuple with names, as a list in JSON."""

    left: object
    right: object


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats()
    | st.text(st.characters())
    | st.text(st.sampled_from('\x00\x07\b\t\x1f"\\/\x7f\x80\u2028\ud800\udfff\ue000\ufb33\uffff\U0001f600a'))
    | st.text().map(Text)
    | st.binary(max_size=3)
    | st.datetimes()
    | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Pair, inner, inner)
        | st.dictionaries(st.text(st.characters()) | st.text().map(Text) | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=8,
)


def reference(value: object) -> str:
    """RFC 8785 without floats, as its text says it: one step at a time."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        if abs(value) >= 2**53:
            raise ValueError(value)
        return str(value)
    if isinstance(value, str):
        value.encode()
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(reference, value)) + "]"
    if isinstance(value, dict):
        if not all(isinstance(it, str) for it in value):
            raise TypeError(value)
        names = sorted(value, key=lambda it: it.encode("utf-16-be"))
        return "{" + ",".join(f"{reference(it)}:{reference(value[it])}" for it in names) + "}"
    raise ValueError(value) if isinstance(value, float) else TypeError(value)


def outcome(write: Callable[[object], object], value: object) -> object:
    """What a function returns, or that it refuses: which of several faults it names first does not matter."""
    try:
        return write(value)
    except (ValueError, TypeError):
        return "refused"


@given(ODD | JSON)
@settings(max_examples=400)
def test_the_fast_and_the_careful_writer_agree_with_the_standard(document: object) -> None:
    assert outcome(canonical, document) == outcome(lambda it: reference(it).encode(), document)  # type: ignore[arg-type]


@pytest.mark.parametrize("depth", [120, 140])
def test_a_document_may_nest_deeper_than_the_fast_writer_goes(depth: int) -> None:
    document: Json = 1
    for _ in range(depth):
        document = {"a": [document]}
    assert canonical(document) == b'{"a":[' * depth + b"1" + b"]}" * depth


def test_names_are_sorted_as_in_the_standard() -> None:
    """The sample of RFC 8785, section 3.2.3: in UTF-16 the smiley is before U+FB33, by code points after it."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    inner = json.loads(canonical({"list": [dict.fromkeys(names, 0)]}))["list"][0]
    assert list(inner) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_text_and_literals_are_written_as_in_the_standard() -> None:
    """The sample of RFC 8785, section 3.2.2, without its floats, which are refused."""
    document = {"string": '\u20ac$\u000f\nA\'B"\\\\"/', "literals": [None, True, False]}
    written = '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical(document) == written.encode()
    assert canonical("\b\t\f\r\x1f\x7f\u2028") == '"\\b\\t\\f\\r\\u001f\x7f\u2028"'.encode()


@pytest.mark.parametrize("number", [0, -1, 9007199254740991, -9007199254740991])
def test_integers_that_are_exact_as_doubles_are_written_as_digits(number: int) -> None:
    assert canonical(number) == str(number).encode()


FLOATS = """
    0000000000000000 8000000000000000 0000000000000001 8000000000000001 7fefffffffffffff ffefffffffffffff
    4340000000000000 c340000000000000 4430000000000000 7fffffffffffffff 7ff0000000000000 44b52d02c7e14af5
    44b52d02c7e14af6 44b52d02c7e14af7 444b1ae4d6e2ef4e 444b1ae4d6e2ef4f 444b1ae4d6e2ef50 3eb0c6f7a0b5ed8c
    3eb0c6f7a0b5ed8d 41b3de4355555553 41b3de4355555554 41b3de4355555555 41b3de4355555556 41b3de4355555557
    becbf647612f3696 43143ff3c1cb0959
"""
"""The doubles of RFC 8785, appendix B, with integers, infinities, NaN and minus zero."""


@pytest.mark.parametrize("bits", FLOATS.split())
def test_a_float_cannot_be_signed(bits: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    with pytest.raises(ValueError, match="decimal string"):
        canonical({"a": [1, {"b": number}]})


@pytest.mark.parametrize("number", [2**53, -(2**53), 295147905179352825856, 10**400])
def test_an_integer_that_other_languages_round_cannot_be_signed(number: int) -> None:
    with pytest.raises(ValueError, match="bits loses precision"):
        canonical({"a": [number]})


@pytest.mark.parametrize("document", ["\ud800", {"\udc00": 1}])
def test_a_lone_surrogate_cannot_be_signed(document: Json) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        canonical(document)


@pytest.mark.parametrize("document", [{1: "a"}, {None: "a"}, {"a": b"bytes"}, {"a": {1, 2}}])
def test_a_value_that_is_not_json_cannot_be_signed(document: object) -> None:
    with pytest.raises(TypeError):
        canonical(document)  # type: ignore[arg-type]  # the point of the test


def test_a_digest_names_its_algorithm() -> None:
    assert digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_an_event_id_is_random_without_parts() -> None:
    assert event_id("a", "b") == event_id("a", "b") != event_id("ab")
    assert event_id() != event_id()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**12), max_value=10**12))
def test_addition_and_subtraction_are_inverse(amount: Decimal) -> None:
    money = Money(amount)
    assert (money + Money.of("0.000000000001")) - Money.of("0.000000000001") == money


def test_money_is_never_rounded_or_converted() -> None:
    with pytest.raises(TypeError):
        Money(0.1)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(CurrencyMismatch):
        Money.of(1) + Money.of(1, "EUR")
    with pytest.raises(Inexact):
        Money(Decimal("1e100")) + Money(Decimal("1e-100"))


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1", "1.00"), ("1.5", "1.50"), ("0.000023", "0.000023"), ("100", "100.00"), ("-2.1", "-2.10")],
)
def test_an_amount_is_written_as_plain_digits(amount: str, text: str) -> None:
    assert Money.of(amount).text() == text


def test_every_fault_has_a_settlement() -> None:
    settled = {
        fault.code: fault.settle for fault in Fault.__subclasses__() if fault.__module__ == "queuebit_kernel.faults"
    }
    assert settled == {
        "stale": Settle.RETRY,
        "unavailable": Settle.RETRY_LATER,
        "superseded": Settle.ACKNOWLEDGE,
        "malformed": Settle.DEAD_LETTER,
    }


@given(st.binary(max_size=40))
def test_base64url_returns_the_bytes_that_were_written(content: bytes) -> None:
    text = to_base64url(content)
    assert text == base64.urlsafe_b64encode(content).decode().rstrip("=")
    assert from_base64url(text) == from_base64url(base64.urlsafe_b64encode(content).decode()) == content


@pytest.mark.parametrize("text", ["a", "ab+c", "ab/c", "ab c", "ab=c", "äbcd", "ab\n"])
def test_text_that_is_not_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_base64url(text)
