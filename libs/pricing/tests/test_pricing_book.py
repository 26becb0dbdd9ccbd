"""A price book is valid, or refused with all its problems."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_kernel import Settle
from queuebit_pricing import BadPriceBook, PriceBook, Unpriced, load, parse

HEAD = 'version = "2026-11-01"\ncurrency = "USD"\n'
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def row(price_id: str, backend: str, terms: str = 'per_task = "1"', since: str = "2026-01-01", until: str = "") -> str:
    end = f"valid_until = {until}T00:00:00Z" if until else ""
    return f"""
[[price]]
id = "{price_id}"
backend = "{backend}"
valid_from = {since}T00:00:00Z
{end}
source = "test"
as_of = 2026-01-01
confidence = "low"
{terms}
"""


def book(*rows: str) -> PriceBook:
    return parse(HEAD + "".join(rows))


def problems(text: str) -> list[str]:
    with pytest.raises(BadPriceBook) as refused:
        parse(text)
    return [str(problem) for problem in refused.value.problems]


def test_the_most_specific_price_has_precedence_in_any_order() -> None:
    rows = [row("all", "emulated-*"), row("ibm", "emulated-ibm-*"), row("torino", "emulated-ibm-torino")]
    for prices in (book(*rows), book(*reversed(rows))):
        chosen = {
            backend: prices.price_for(backend, NOW).id
            for backend in ("emulated-ibm-torino", "emulated-ibm-fez", "emulated-ionq")
        }
        assert chosen == {"emulated-ibm-torino": "torino", "emulated-ibm-fez": "ibm", "emulated-ionq": "all"}


def test_an_exact_id_has_precedence_over_a_pattern_with_the_same_text() -> None:
    assert book(row("pattern", "aer*"), row("exact", "aer")).price_for("aer", NOW).id == "exact"


def test_a_price_is_valid_from_its_start_until_before_its_end() -> None:
    prices = book(row("old", "aer", until="2026-06-01"), row("new", "aer", since="2026-06-01"))
    turn = datetime(2026, 6, 1, tzinfo=UTC)
    assert prices.price_for("aer", turn.replace(month=5)).id == "old"
    assert prices.price_for("aer", turn).id == "new"


def test_in_a_gap_the_wider_price_applies_or_none() -> None:
    closed = row("once", "emulated-ibm-torino", until="2026-02-01")
    assert book(closed, row("ibm", "emulated-ibm-*")).price_for("emulated-ibm-torino", NOW).id == "ibm"
    with pytest.raises(Unpriced, match=r"once is valid from .* until 2026-02-01T00:00:00"):
        book(closed).price_for("emulated-ibm-torino", NOW)


@given(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True).filter(lambda name: name != "aer"))
def test_an_unknown_backend_is_never_free(backend: str) -> None:
    with pytest.raises(Unpriced, match=r"add a \[\[price\]\]") as refused:
        book(row("aer", "aer")).price_for(backend, NOW)
    assert refused.value.settle is Settle.DEAD_LETTER
    assert refused.value.code == "unpriced"


def test_a_quoted_price_is_found_by_id_after_its_end() -> None:
    prices = book(row("old", "aer", until="2026-02-01"))
    assert prices.price("old").per_task == 1
    with pytest.raises(Unpriced, match="no price 'gone'"):
        prices.price("gone")


def test_a_price_refers_to_its_book() -> None:
    prices = book(row("aer", "aer"))
    price = prices.price("aer")
    assert (price.currency, price.book, price.book_digest) == ("USD", "2026-11-01", prices.digest)


def test_the_digest_depends_on_content_not_on_spelling() -> None:
    plain = book(row("aer", "aer", 'per_task = "1"'))
    assert plain.digest == book("# words\n", row("aer", "aer", 'per_task = "1.00"\njbu = { task = "0" }')).digest
    assert plain.digest != book(row("aer", "aer", 'per_task = "1.01"')).digest


def test_times_in_other_zones_are_converted_to_utc() -> None:
    text = row("aer", "aer").replace("2026-01-01T00:00:00Z", "2026-01-01T02:00:00+02:00")
    assert book(text).price("aer").valid_from == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("terms", "complaint"),
    [
        ("per_task = 0.1", 'price 1 (p), per_task: put the number in quotes: "0.1"'),
        ("per_task = 1e-7", 'price 1 (p), per_task: put the number in quotes: "0.0000001"'),
        ("per_task = 1", 'price 1 (p), per_task: put the number in quotes: "1"'),
        ('per_task = "-1"', "price 1 (p), per_task: '-1' is not an amount: write digits"),
        ('per_task = "1e3"', "price 1 (p), per_task: '1e3' is not an amount: write digits"),
        ("per_task = true", "price 1 (p), per_task: True is not an amount: write digits"),
        ('per_second = "1.60"', "price 1 (p), per_second: must be a table, such as { amount"),
        ('per_second = { amount = "1", quantum = "0" }', "price 1 (p), per_second.quantum: must be longer than 0"),
        ('per_second = { amount = "1", quantum = "0.0000001" }', "price 1 (p), per_second.quantum: '0.0000001' is not"),
        (
            'per_second = { amount = "1", minimun = "3" }',
            "minimun: is not a key of a price book: did you mean minimum?",
        ),
        ('per_shots = "1"\nper_task = "1"', "price 1 (p), per_shots: is not a key of a price book: did you mean per_"),
        ("", "price 1 (p): the price has no component: add per_task, per_shot"),
        ('per_task = "1"\nbogus = ["failed"]', "price 1 (p), bogus: is not a key of a price book: remove it"),
        ('per_task = "1"\njbu = { shot = 2.5 }', 'price 1 (p), jbu.shot: put the number in quotes: "2.5"'),
    ],
)
def test_an_invalid_price_is_refused_with_its_position_and_what_to_do(terms: str, complaint: str) -> None:
    (found,) = problems(HEAD + row("p", "aer", terms))
    assert complaint in found


@pytest.mark.parametrize("backend", ["*", "emulated-*-torino", "Aer", "emulated-ibm-**", "a b"])
def test_a_pattern_that_could_tie_or_price_everything_is_refused(backend: str) -> None:
    (found,) = problems(HEAD + row("p", backend))
    assert 'one "*" at the end' in found


def test_a_time_without_zone_is_refused() -> None:
    (found,) = problems(HEAD + row("p", "aer").replace("00:00:00Z", "00:00:00"))
    assert "write it in UTC" in found


def test_all_problems_are_reported_together() -> None:
    text = (
        'version = "soon"\n'
        + row("a", "aer", "per_task = 0.1")
        + row("b", "cirq", until="2025-01-01")
        + row("c", "cirq")
        + row("c", "cirq", since="2026-03-01")
    )
    found = "\n".join(problems(text))
    assert [line.split(":")[0] for line in found.splitlines()] == [
        "version",
        "currency",
        "price 1 (a), per_task",
        "price 2 (b), valid_until",
        "price 4 (c)",
        "price 4 (c)",
    ]
    assert "same id" in found
    assert "overlaps 'c' for backend 'cirq'" in found


def test_different_patterns_may_have_the_same_times() -> None:
    assert len(book(row("a", "aer"), row("b", "aer*"), row("c", "cirq")).prices) == 3


@pytest.mark.parametrize("text", ["version = ", HEAD, HEAD + "price = 3", HEAD + "price = []", HEAD + "price = [1]"])
def test_a_file_that_is_not_a_price_book_is_refused(text: str) -> None:
    assert problems(text)


def test_the_error_for_an_unreadable_file_names_it(tmp_path: Path) -> None:
    missing, binary = tmp_path / "missing.toml", tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    for path in (missing, binary):
        with pytest.raises(BadPriceBook, match=path.name):
            load(path)


def test_spot_jobs_have_prices_of_their_own() -> None:
    prices = book(row("usual", "aer"), row("spot", "aer", 'spot = true\nper_task = "0.4"'))
    assert (prices.price_for("aer", NOW).id, prices.price_for("aer", NOW, spot=True).id) == ("usual", "spot")
    with pytest.raises(Unpriced, match=r"'cirq' has no price of spot jobs at .*: it runs none"):
        book(row("cirq", "cirq")).price_for("cirq", NOW, spot=True)
    with pytest.raises(Unpriced, match="has no price at"):
        book(row("spot", "aer", 'spot = true\nper_task = "0.4"')).price_for("aer", NOW)


@pytest.mark.parametrize(
    ("usual", "spot", "terms"),
    [
        ("aer", "aer*", 'per_task = "2"'),
        ("aer*", "aer", 'per_task = "2"'),
        ("ae*", "aer*", 'per_task = "2"'),
        ("aer", "aer", 'per_task = "1"\nminimum = { amount = "5", rule = "floor" }'),
    ],
    ids=["the wider one", "the narrower one", "two patterns", "the least amount"],
)
def test_a_price_of_spot_jobs_is_compared_with_what_others_pay_there(usual: str, spot: str, terms: str) -> None:
    (problem,) = problems(HEAD + row("usual", usual) + row("spot", spot, f"spot = true\n{terms}"))
    assert "is above that of 'usual'" in problem


def test_a_price_that_never_counts_beside_it_is_no_limit_of_that_of_spot_jobs() -> None:
    higher = 'spot = true\nper_task = "2"'
    exact = row("exact", "aer", 'per_task = "1"') + row("spot-exact", "aer", 'spot = true\nper_task = "1"')
    assert book(row("usual", "aer*", 'per_task = "3"'), row("spot", "aer*", higher), exact)
    earlier = row("usual", "cirq", until="2026-06-01") + row("later", "cirq", 'per_task = "2"', since="2026-06-01")
    assert book(earlier, row("spot", "cirq", higher, since="2026-06-01"))


def test_a_price_of_spot_jobs_is_not_above_the_other_one() -> None:
    higher = row("spot", "aer", 'spot = true\nper_task = "1"\nper_shot = "0.1"')
    (problem,) = problems(HEAD + row("usual", "aer") + higher)
    assert "shot is above that of 'usual': spot jobs cost no more" in problem
    assert problems(
        HEAD + row("s", "aer", "spot = true\nper_task = '1'") + row("t", "aer", "spot = true\nper_task = '1'")
    )
