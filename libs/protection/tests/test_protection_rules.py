"""What rules find in submissions, and that a finding never has the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_protection import FIELDS, Finding, Rules, parse_protection
from queuebit_protection.detectors import BUILTINS
from queuebit_protection.document import EXAMPLE

_KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"


def _rules(text: str) -> Rules:
    return Rules(parse_protection(text))


def _matches(builtin: str, text: str) -> list[str]:
    encoded = text.encode()
    return [encoded[begin:end].decode() for begin, end in BUILTINS[builtin].spans(encoded)]


def _with_check_digit(body: str) -> str:
    """The number with the digit that Luhn's formula asks for, computed in another way than the detector does."""
    table = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    total = sum(table[int(it)] if at % 2 == 0 else int(it) for at, it in enumerate(reversed(body)))
    return body + str(-total % 10)


@pytest.mark.parametrize(
    ("builtin", "text", "found"),
    [
        ("email", "by ann@lab.example.org, today", ["ann@lab.example.org"]),
        ("email", "ctrl @ x q[0], q[1]; inv @ h q[0];", []),
        ("payment_card", "refund 4111 1111 1111 1111 today", ["4111 1111 1111 1111"]),
        ("payment_card", "378282246310005", ["378282246310005"]),
        ("payment_card", "5555-5555-5555-4444,6011111111111117", ["5555-5555-5555-4444", "6011111111111117"]),
        ("payment_card", "52 4111111111111111", ["4111111111111111"]),
        ("payment_card", "4111111111111111 12", ["4111111111111111"]),
        ("payment_card", "4111111111111112", []),
        ("payment_card", "rz(0.4111111111111111) q[0];", []),
        ("payment_card", "0000000000000000 1111111111111111", []),
        ("payment_card", "41111111111111111111111", []),
        ("iban", "to DE89 3704 0044 0532 0130 00 AND more", ["DE89 3704 0044 0532 0130 00"]),
        ("iban", "GB29NWBK60161331926819", ["GB29NWBK60161331926819"]),
        ("iban", "DE88370400440532013000", []),
        ("iban", "ZZ89370400440532013000", []),
        ("us_ssn", "536-90-4399", ["536-90-4399"]),
        ("us_ssn", "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000", []),
        ("private_key", f"x {_KEY} y", [_KEY]),
        ("private_key", "-----BEGIN PRIVATE KEY-----\ncut off", ["-----BEGIN PRIVATE KEY-----\ncut off"]),
        ("private_key", "-----BEGIN PUBLIC KEY-----", []),
        ("access_key", "key=" + "AKIA" + "IOSFODNN7EXAMPLE", ["AKIA" + "IOSFODNN7EXAMPLE"]),
        ("access_key", "SU" + "A" * 56, ["SU" + "A" * 56]),
    ],
)
def test_a_builtin_detector_finds(builtin: str, text: str, found: list[str]) -> None:
    assert _matches(builtin, text) == found


@given(st.text("0123456789", min_size=14, max_size=14), st.text("0123456789", min_size=1, max_size=1))
def test_cards_are_those_with_the_right_check_digit(body: str, wrong: str) -> None:
    number = _with_check_digit("4" + body)
    assert _matches("payment_card", f"({number})") == [number]
    if wrong != number[-1]:
        assert _matches("payment_card", f"({number[:-1]}{wrong})") == []


def test_a_finding_names_rule_and_field() -> None:
    rules = _rules(
        '[rule.card]\nbuiltin = "payment_card"\naction = "block"\n'
        '[rule.mrn]\npattern = \'MRN-[0-9]{4}\'\naction = "flag"\nfields = ["source"]\ntenants = ["clinic"]\n'
    )
    fields = {"purpose": "4111111111111111", "source": "// MRN-1234", "names": "MRN-1234"}
    assert rules.find("acme", fields) == (Finding("card", "block", "purpose"),)
    assert rules.find("clinic", fields) == (Finding("card", "block", "purpose"), Finding("mrn", "flag", "source"))


def test_rules_that_mask_refuse_no_submission() -> None:
    rules = _rules('[rule.mail]\nbuiltin = "email"\naction = "mask"\n')
    assert rules.find("acme", dict.fromkeys(FIELDS, "ann@lab.example.org")) == ()
    assert not rules.looks_at("acme", "source")


@given(st.sampled_from(FIELDS), st.text(), st.text())
def test_a_finding_never_has_the_text_that_matched(field: str, before: str, after: str) -> None:
    secret = "4111 1111 1111 1111"
    found = _rules('[rule.card]\nbuiltin = "payment_card"\naction = "block"\n').find(
        "acme", {field: f"{before} | {secret} | {after}"}
    )
    assert [it.field for it in found] == [field]
    assert secret not in repr(found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[rule.a]\naction = "block"\n', "builtin or pattern"),
        ('[rule.a]\nbuiltin = "email"\npattern = "x"\naction = "block"\n', "builtin or pattern"),
        ('[rule.a]\npattern = "(?=x)"\naction = "block"\n', "no pattern of RE2"),
        ('[rule.a]\npattern = "x*"\naction = "block"\n', "empty text"),
        ("[rule.a]\npattern = '\\b(?:MRN)?'\naction = 'mask'\n", "place without text"),
        ('[rule.a]\npattern = "((x{1,30}){1,30}){1,30}"\naction = "block"\n', "no pattern of RE2"),
        ('[rule.a]\nbuiltin = "email"\naction = "mask"\nfields = ["purpose"]\n', "signed by its author"),
        ('[rule.a]\nbuiltin = "email"\naction = "block"\nfields = []\n', "looks nowhere"),
        ('[rule.a]\nbuiltin = "passport"\naction = "block"\n', "rule.a.builtin"),
        ("[rule", "TOML|Expected"),
    ],
)
def test_a_document_that_breaks_its_rules_says_where(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_protection(text)


def test_the_example_is_a_document() -> None:
    assert [*parse_protection(EXAMPLE).rule] == ["keys"]


def test_a_pattern_that_backtracks_elsewhere_ends() -> None:
    rules = _rules("[rule.a]\npattern = '(a+)+c'\naction = \"block\"\n")
    assert rules.find("acme", {"source": "a" * 1_000_000 + "b"}) == ()
