"""The published files in `contracts/pricebook`: a valid default book, and a current schema that accepts it."""

import json
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from queuebit_kernel import digest_of
from queuebit_pricing import PriceBook, Usage, gaps, load, rate, reserved_charge
from queuebit_pricing.schema import document, main

PUBLISHED = Path(__file__).parents[3] / "contracts" / "pricebook"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return load(PUBLISHED / "default.toml")


@pytest.mark.parametrize(
    ("backend", "qpu_us", "expected"),
    [
        ("aer", 1_100, "0.001023"),
        ("cirq", 1_100, "0.002"),
        ("emulated-ibm-torino", 1_250_000, "2"),
        ("emulated-ibm-fez", 250_000, "0.4"),
    ],
)
def test_a_first_job_of_2_qubits_and_1000_shots_costs_a_readable_amount(
    book: PriceBook, backend: str, qpu_us: int, expected: str
) -> None:
    usage = Usage(shots_requested=1000, shots_completed=1000, qpu_us=qpu_us, qubits=2)
    charge = rate(book.price_for(backend, NOW), usage)
    assert charge.amount == Decimal(expected)
    assert charge.jbu > 0


def test_published_terms_never_change(book: PriceBook) -> None:
    """Add a line for a new price. A line that fails means that a price was edited instead of ended and replaced."""
    terms = {
        listing.id: digest_of(listing.model_dump(mode="json", exclude_defaults=True, exclude={"valid_until"}))[:19]
        for listing in book.listings
    }
    assert terms == {
        "aer-2026": "sha256:2f3c054f343f",
        "aer-2026-11": "sha256:3e8ba8c4cb7b",
        "aer-spot-2026-11": "sha256:c9e21aecd517",
        "cirq-2026": "sha256:807d4b08b46f",
        "cirq-2026-11": "sha256:52b2c7d8635f",
        "cirq-spot-2026-11": "sha256:6ff58b77c1cb",
        "emulated-ibm-2026": "sha256:fb46fa31c311",
        "emulated-ibm-2026-11": "sha256:bb5a30257dac",
        "emulated-ibm-spot-2026-11": "sha256:9114b09bed59",
        "hybrid-2026": "sha256:14cd1ad8ecdd",
        "local-2026": "sha256:75d2b1172142",
        "local-2026-11": "sha256:1354c2b8be80",
        "local-spot-2026-11": "sha256:58291c9d171e",
    }


@pytest.mark.parametrize("backend", ["aer", "cirq", "local-sim", "emulated-ibm-torino"])
def test_each_backend_of_a_new_stack_can_be_reserved(book: PriceBook, backend: str) -> None:
    """A slot costs at least what a job would cost in it, alone: an hour at the price of its seconds."""
    price = book.price_for(backend, NOW.replace(day=30))
    assert price.per_reserved_second is not None
    second = price.per_second.amount if price.per_second is not None else Decimal(0)
    assert price.per_reserved_second >= second
    hour = Usage(shots_requested=1, shots_completed=1, qpu_us=3_600_000_000, qubits=20)
    outcome = "reserved" if "reserved" in (price.free_when or ()) else "completed"
    in_slot = reserved_charge(price.per_reserved_second, 3_600, 0).total + rate(price, hour, outcome).amount
    assert in_slot >= rate(price, hour).amount


def test_prices_change_with_the_edition_and_without_a_gap(book: PriceBook) -> None:
    assert gaps(book) == []
    used = Usage(shots_requested=1000, shots_completed=1000, qpu_us=250_000, qubits=2)
    for backend in ("aer", "cirq", "local-sim", "emulated-ibm-fez"):
        before, after = (rate(book.price_for(backend, NOW.replace(day=day)), used).amount for day in (29, 30))
        assert before == after, "a job costs what it cost before"


def test_the_published_schema_is_fresh() -> None:
    assert main([str(PUBLISHED / "pricebook.schema.json"), "--check"]) == 0


def test_a_stale_schema_is_detected_and_rewritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "schema.json"
    assert main([str(path), "--check"]) == 1
    assert "is stale: run" in capsys.readouterr().err
    assert main([str(path)]) == 0
    assert main([str(path), "--check"]) == 0


@pytest.mark.parametrize("name", ["vendors", "vendors-eur"])
def test_the_schema_accepts_the_books_of_vendors(name: str) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(document()))
    validator.validate(_as_json((PUBLISHED / f"{name}.toml").read_text(encoding="utf-8")))


def test_the_schema_accepts_the_default_book_and_refuses_an_unquoted_amount() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(document()))
    text = (PUBLISHED / "default.toml").read_text(encoding="utf-8")
    validator.validate(_as_json(text))
    with pytest.raises(jsonschema.ValidationError, match="not valid under any"):
        validator.validate(_as_json(text.replace('per_task = "0.001"', "per_task = 0.001")))


def _as_json(text: str) -> object:
    """Return a TOML document as validators of editors see it, with times as text."""

    def written(value: object) -> str:
        assert isinstance(value, date)
        return value.isoformat()

    return json.loads(json.dumps(tomllib.loads(text), default=written))
