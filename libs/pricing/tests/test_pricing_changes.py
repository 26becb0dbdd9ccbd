"""Editions of a book compared, gaps in time, JSON, and books with two currencies."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from queuebit_pricing import BadPriceBook, BadUsage, Bounds, PriceBook, bill, changes, check, gaps, load, parse

HEAD = 'version = "2026-11-01"\ncurrency = "USD"\n'
DEFAULT = Path(__file__).parents[3] / "contracts" / "pricebook" / "default.toml"


def row(price_id: str, backend: str, since: str, until: str = "", terms: str = 'per_task = "1"') -> str:
    end = f"valid_until = {until}T00:00:00Z\n" if until else ""
    return (
        f'[[price]]\nid = "{price_id}"\nbackend = "{backend}"\nvalid_from = {since}T00:00:00Z\n{end}source = "test"\n'
        f'as_of = 2026-01-01\nconfidence = "low"\n{terms}\n'
    )


def book(*rows: str, head: str = HEAD) -> PriceBook:
    return parse(head + "".join(rows))


def test_a_new_edition_adds_and_ends_rows() -> None:
    old = book(row("a", "aer", "2026-01-01"))
    new = book(
        row("a", "aer", "2026-01-01", "2026-12-01"),
        row("b", "aer", "2026-12-01", terms='per_task = "2"'),
        head=HEAD.replace("11-01", "12-01"),
    )
    found = changes(old, new)
    assert [(it.kind, it.row, it.field, it.before, it.after) for it in found] == [
        ("book", "", "version", "2026-11-01", "2026-12-01"),
        ("ended", "price a", "valid_until", "", "2026-12-01T00:00:00Z"),
        ("added", "price b", "", "", ""),
    ]
    assert all(it.allowed for it in found)
    assert changes(old, old) == ()


def test_edits_and_removals_are_found_and_not_allowed() -> None:
    old = book(row("a", "aer", "2026-01-01", terms='per_second = { amount = "1" }'), row("b", "cirq", "2026-01-01"))
    new = book(row("a", "aer", "2026-01-01", terms='per_second = { amount = "2" }'))
    edited, removed = changes(old, new)
    assert (edited.kind, edited.row, edited.field, edited.before, edited.after) == (
        "edited",
        "price a",
        "per_second",
        "{ amount = 1 }",
        "{ amount = 2 }",
    )
    assert (removed.kind, removed.row) == ("removed", "price b")
    assert not edited.allowed
    assert not removed.allowed


def test_the_spelling_of_an_amount_is_no_change() -> None:
    old, new = (book(row("a", "aer", "2026-01-01", terms=f'per_task = "{it}"')) for it in ("1", "1.00"))
    assert changes(old, new) == ()


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("a", "aer", "2026-01-01", "2026-02-01"), ("b", "aer", "2026-02-01", "")], []),
        ([("a", "aer", "2026-01-01", "2026-02-01"), ("b", "aer", "2026-03-01", "")], ["2026-02-01 2026-03-01"]),
        (
            [("a", "aer", "2026-01-01", "2026-02-01"), ("b", "aer", "2026-03-01", ""), ("c", "ae*", "2026-01-01", "")],
            [],
        ),
        (
            [
                ("a", "aer", "2026-01-01", "2026-02-01"),
                ("b", "aer", "2026-05-01", ""),
                ("c", "ae*", "2026-01-01", "2026-03-01"),
                ("d", "a*", "2026-04-01", ""),
            ],
            ["2026-03-01 2026-04-01"],
        ),
        ([("a", "aer", "2026-01-01", "2026-02-01"), ("b", "cirq", "2026-03-01", "")], []),
    ],
)
def test_a_time_without_a_price_between_two_is_a_gap(rows: list[tuple[str, str, str, str]], found: list[str]) -> None:
    prices = book(*(row(*it) for it in rows))
    assert [f"{it.since.date()} {it.until.date()}" for it in gaps(prices)] == found
    assert all("its jobs are refused" in str(it) for it in gaps(prices))


def test_a_book_may_be_json(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(tomllib.loads(DEFAULT.read_text()), default=str))
    assert load(path).digest == load(DEFAULT).digest


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"version": ', "correct the syntax there"),
        ("[]", "is no object"),
        ("[" * 100_000, "correct the syntax there"),
        ('{"version": "2026-11-01", "version": "2026-11-02"}', "the key 'version' appears twice"),
        ('{"price": NaN}', "NaN is no number"),
    ],
)
def test_text_that_is_no_json_object_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(BadPriceBook, match=complaint):
        parse(text, "prices.json")


@pytest.mark.parametrize("amount", ["0.1", "1e-1", "1"])
def test_a_number_of_json_is_no_amount(amount: str) -> None:
    document = json.dumps(tomllib.loads(HEAD + row("a", "aer", "2026-01-01")), default=str)
    quoted = {"1e-1": "0.1"}.get(amount, amount)
    with pytest.raises(BadPriceBook, match=f'put the number in quotes: "{quoted}"'):
        parse(document.replace('"per_task": "1"', f'"per_task": {amount}'), "prices.json")


def test_a_second_currency_needs_a_book_of_its_own() -> None:
    with pytest.raises(BadPriceBook, match="put prices in another currency into a book of their own"):
        book(row("a", "aer", "2026-01-01", terms='per_task = "1"\ncurrency = "EUR"'))
    virtual = 'per_task = "1"\ncredits = { unit = "HQC", price = "1", currency = "EUR" }'
    with pytest.raises(BadPriceBook, match=r"credits\.currency: a book has one currency"):
        book(row("a", "aer", "2026-01-01", terms=virtual))


@pytest.mark.parametrize("quantity", ["-1", "NaN", "Infinity", "sNaN", "-0.5"])
@pytest.mark.parametrize("metric", ["shots", "qpu-time", "qubits"])
def test_usage_that_is_no_quantity_is_refused(metric: str, quantity: str) -> None:
    price = book(row("a", "aer", "2026-01-01")).price("a")
    limits = Bounds(shots=1, qpu_us=1, qubits=1)
    with pytest.raises(BadUsage, match="state the usage again"):
        bill(price, limits, "completed", {metric: Decimal(quantity)}, final=True)


def test_the_documents_of_a_check_may_be_of_any_reader() -> None:
    document = tomllib.loads(HEAD + row("a", "aer", "2026-01-01"))
    assert check(document).digest == book(row("a", "aer", "2026-01-01")).digest
