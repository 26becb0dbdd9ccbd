"""`qb prices`: a book is checked, compared with another edition, and shown."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_cli.render_prices import for_people, price_rows
from queuebit_cli.tables import fitted, table
from queuebit_pricing import load

PUBLISHED = Path(__file__).parents[3] / "contracts" / "pricebook"
HEAD = 'version = "{version}"\ncurrency = "{currency}"\n'


def row(price_id: str, backend: str = "aer", since: str = "2026-01-01", until: str = "", terms: str = "") -> str:
    end = f"valid_until = {until}T00:00:00Z\n" if until else ""
    return (
        f'[[price]]\nid = "{price_id}"\nbackend = "{backend}"\nvalid_from = {since}T00:00:00Z\n{end}source = "a test"\n'
        f'as_of = 2026-01-01\nconfidence = "low"\n{terms or _TASK}\n'
    )


_TASK = 'per_task = "1"'
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, *rows: str, version: str = "2026-11-01", currency: str = "USD") -> str:
        path = tmp_path / name
        path.write_text(HEAD.format(version=version, currency=currency) + "".join(rows))
        return str(path)

    return written


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    assert main(["prices", *arguments]) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize("name", ["default", "vendors", "vendors-eur"])
def test_the_published_books_are_good(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is good: edition 2026-11-" in said(capsys, 0, "check", str(PUBLISHED / f"{name}.toml"))


def test_a_bad_book_is_refused_with_all_problems(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    bad = write("bad.toml", row("a"), row("b"), row("c", "cirq", terms="per_task = 0.1"))
    text = said(capsys, 1, "check", bad)
    assert "overlaps 'a' for backend 'aer'" in text
    assert 'price 3 (c), per_task: put the number in quotes: "0.1"' in text
    document = json.loads(said(capsys, 1, "check", bad, "--json"))
    assert (document["usable"], len(document["problems"])) == (False, 2)


def test_a_gap_is_found(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    book = write("gap.toml", row("a", until="2026-02-01"), row("b", since="2026-03-01"))
    assert "gap: aer has no price from 2026-02-01" in said(capsys, 1, "check", book)
    document = json.loads(said(capsys, 1, "check", book, "--json"))
    assert (document["usable"], len(document["gaps"])) == (True, 1)


def test_equal_editions_differ_in_nothing(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing differs" in said(capsys, 0, "diff", write("a.toml", row("a")), write("b.toml", row("a")))


def test_a_new_edition_is_shown_and_has_exit_code_5(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    old = write("old.toml", row("a"))
    new = write("new.toml", row("a", until="2026-12-01"), row("b", since="2026-12-01"), version="2026-12-01")
    rows = json.loads(said(capsys, 5, "diff", old, new, "--json"))
    assert [(it["what"], it["row"], it["allowed"]) for it in rows] == [
        ("book", "book", "yes"),
        ("ended", "price a", "yes"),
        ("added", "price b", "yes"),
    ]


@pytest.mark.parametrize(
    ("rows", "currency", "what"),
    [
        ([row("a", terms='per_task = "2"')], "USD", "price a"),
        ([row("b")], "USD", "price a"),
        ([row("a")], "EUR", "the book's currency"),
    ],
)
def test_an_edition_that_edits_or_removes_a_price_is_refused(
    write: Write, capsys: pytest.CaptureFixture[str], rows: list[str], currency: str, what: str
) -> None:
    text = said(capsys, 3, "diff", write("old.toml", row("a")), write("new.toml", *rows, currency=currency))
    assert f"edits or removes {what}: jobs are billed by the terms at which they were accepted" in text


def test_the_price_of_a_backend_is_shown_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    book = str(PUBLISHED / "vendors.toml")
    (shown,) = json.loads(said(capsys, 0, "show", "azure-quantinuum-h2-1", "--book", book, "--json"))
    assert shown["price"] == (
        "0.0002 HQC a gate on one qubit + 0.002 HQC a gate on two + 0.001 HQC a measurement + 5 HQC a job; "
        "one HQC is 275 USD"
    )
    assert (shown["confidence"], shown["as of"], shown["until"]) == ("low", "2026-08-01", None)
    assert "estimate" in shown["source"]


@pytest.mark.parametrize(
    ("terms", "shown"),
    [
        ('per_second = { amount = "2", quantum = "60", minimum = "3", rounding = "down" }',
         "2 USD a second (at least 3 s, by 60 s, rounded down)"),
        ('per_second = { amount = "2", quantum = "0.001" }', "2 USD a second"),
        ('per_task = "1"\nper_session_second = "1.6"', "1 USD a task; 1.6 USD a second of a session"),
    ],
)  # fmt: skip
def test_a_price_is_shown_with_its_steps_and_its_sessions(
    terms: str, shown: str, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = json.loads(said(capsys, 0, "show", "--book", write("b.toml", row("a", terms=terms)), "--json"))
    assert found["price"].startswith(shown)
    assert ("at least" in found["price"]) == ("minimum" in terms)


def test_agreements_are_shown_below_the_prices(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    agreement = (
        '[[agreement]]\nid = "acme-2026"\ntenant = "acme"\nvalid_from = 2026-01-01\nsource = "contract 17"\n'
        'as_of = 2026-01-01\nconfidence = "high"\ndiscount = [{ prices = "*", percent = "5" }]\n'
    )
    book = write("b.toml", row("a"), agreement)
    lines = said(capsys, 0, "show", "--book", book, "--at", "2026-11-01").splitlines()
    assert lines[-1].split() == ["acme-2026", "acme", "discount", "2026-01-01", "high", "2026-01-01", "contract", "17"]
    assert "acme-2026" not in said(capsys, 0, "show", "--book", book, "--at", "2025-11-01")


@pytest.mark.parametrize("name", ["default", "vendors"])
@pytest.mark.parametrize("room", [80, 120])
def test_prices_fit_a_terminal(name: str, room: int) -> None:
    rows = for_people(price_rows(load(PUBLISHED / f"{name}.toml").prices))
    drawn = fitted(table(rows), room)
    assert sum(drawn.widths) + 2 * (len(drawn.widths) - 1) <= room
    assert max(len(line) for under in drawn.under for line in under) <= room


def test_prices_are_those_of_a_time(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    book = write("book.toml", row("a", until="2026-02-01"), row("b", since="2026-02-01"), row("c", "cirq"))

    def ids(*arguments: str) -> list[str]:
        return [it["id"] for it in json.loads(said(capsys, 0, "show", "--book", book, "--json", *arguments))]

    assert ids("--at", "2026-01-15") == ["a", "c"]
    assert ids("--at", "2026-02-01") == ["b", "c"]
    assert ids("aer", "--at", "2026-02-01") == ["b"]
    assert "backend 'torino' has no price at" in said(capsys, 3, "show", "torino", "--book", book)


def test_without_a_home_the_book_of_a_new_stack_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, 0, "show", "aer", "--home", str(tmp_path))
    assert "0.001 USD a task + 0.01 USD a second + 0.001 USD a qubit-second" in text
    (tmp_path / "pricebook.toml").write_text((PUBLISHED / "vendors.toml").read_text())
    assert "has no price" in said(capsys, 3, "show", "aer", "--home", str(tmp_path))


def test_a_missing_file_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give the path" in said(capsys, 2, "show", "--book", str(tmp_path / "none.toml"))
