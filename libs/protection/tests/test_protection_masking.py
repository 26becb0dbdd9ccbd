"""Output with what the rules found replaced."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from queuebit_protection import Masker, Rules, mask_json, parse_protection

_RULES = Rules(
    parse_protection(
        '[rule.card]\nbuiltin = "payment_card"\naction = "mask"\n'
        '[rule.key]\nbuiltin = "private_key"\naction = "mask"\n'
        '[rule.mail]\nbuiltin = "email"\naction = "mask"\ntenants = ["clinic"]\n'
    )
)
_SECRET = "-----BEGIN PRIVATE KEY-----\nMHcCAQEE\nabcdefgh\n-----END PRIVATE KEY-----"


def _masked(pieces: list[bytes], tenant: str = "acme") -> bytes:
    masker = Masker(_RULES, tenant)
    return b"".join([*map(masker.write, pieces), masker.end()])


def test_a_match_is_replaced_by_the_name_of_its_rule() -> None:
    assert _masked([b"paid with 4111111111111111\nann@lab.example.org\n"]) == (
        b"paid with [masked: card]\nann@lab.example.org\n"
    )
    assert _masked([b"ann@lab.example.org"], "clinic") == b"[masked: mail]"


def test_the_lines_of_a_private_key_are_one_match() -> None:
    assert _masked([f"before\n{_SECRET}\nafter\n".encode()]) == b"before\n[masked: key]\nafter\n"


@given(st.lists(st.integers(0, 120)))
def test_pieces_of_output_make_no_difference(cuts: list[int]) -> None:
    whole = f"loss 0.5\n{_SECRET}\ncard 4111 1111 1111 1111 end\nlast 5555555555554444".encode()
    at = sorted({0, *(min(it, len(whole)) for it in cuts), len(whole)})
    pieces = [whole[begin:end] for begin, end in pairwise(at)]
    assert _masked(pieces) == b"loss 0.5\n[masked: key]\ncard [masked: card] end\nlast [masked: card]"


def test_a_tenant_without_rules_gets_its_output_at_once() -> None:
    masker = Masker(Rules(parse_protection("")), "acme")
    assert masker.write(b"no end of line") == b"no end of line"
    assert masker.end() == b""


def test_a_line_without_end_is_not_held_for_ever() -> None:
    masker = Masker(_RULES, "acme")
    assert masker.write(b"x" * 20_000) == b"x" * 20_000


def test_masked_json_has_the_same_form_and_its_numbers() -> None:
    content = b'{"4111111111111111": [4111111111111111, "card 4111-1111-1111-1111", null]}'
    assert json.loads(mask_json(_RULES, "acme", content)) == {
        "[masked: card]": [4111111111111111, "card [masked: card]", None]
    }
    assert mask_json(Rules(parse_protection("")), "acme", content) == content


def test_a_pattern_that_also_matches_a_place_without_text_ends() -> None:
    rules = Rules(parse_protection("[rule.letter]\npattern = 'a|\\b'\naction = 'mask'\n"))
    masker = Masker(rules, "acme")
    assert masker.write(b"x a\n") + masker.end() == b"x [masked: letter]\n"


def test_a_pattern_that_splits_a_character_leaves_json() -> None:
    rules = Rules(parse_protection("[rule.a]\npattern = 'x\\C'\naction = 'mask'\n"))
    assert json.loads(mask_json(rules, "acme", '{"name": "xé"}'.encode())) == {"name": "[masked: a]\ufffd"}
