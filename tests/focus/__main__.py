"""Has `focus-validator` 1.0.0 read an invoice's export, and altered copies of it that it must refuse.

The validator knows FOCUS 0.5 to 1.0, so the columns of that version are added under their old names. It ends with 0
also when rows are wrong: its last line says what counts. Rules of 1.2 are in `libs/billing/tests/focus_rules.py`.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from queuebit_billing import AgreementLine, Bounds, Document, Earlier, Heading, Party, Usage, build
from queuebit_billing.focus import as_focus
from queuebit_billing.queries import UsageSum
from queuebit_pricing import UNITS
from queuebit_pricing.listing import Component

FOLDER: Final = Path("build/focus")
DIGEST: Final = "sha256:" + "ab" * 32
OLD_NAMES: Final = {
    "ProviderName": "Provider",
    "PublisherName": "Publisher",
    "InvoiceIssuerName": "InvoiceIssuer",
    "ResourceId": "ResourceID",
    "ChargeCategory": "ChargeType",
}
ALWAYS_IN_1_0: Final = (
    *(f"CommitmentDiscount{it}" for it in ("Category", "Id", "Name", "Status", "Type")),
    *("RegionId", "RegionName"),
)
"""Columns that 1.0 always has, and 1.2 only where they apply."""
NUMBERS: Final = ("Cost", "UnitPrice", "Quantity")
WRONG: Final[Mapping[str, str]] = {"ChargeClass": "Fix", "BilledCost": "a lot", "BillingCurrency": "QBT"}
SUCCEEDED: Final = "Validation succeeded."


def example() -> Document:
    """An invoice with everything that an export can have, but for rounded totals."""

    def used(origin: int, component: Component, unit_price: str, quantity: str) -> UsageSum:
        amount = Decimal(unit_price) * Decimal(quantity)
        return UsageSum(
            *(origin, "chemistry", "garnet-2026", component, UNITS[component], "USD"),
            *(Decimal(unit_price), Decimal(quantity), amount, 214, DIGEST),
        )

    reduced = AgreementLine(
        period="2026-11",
        agreement="volume",
        kind="discount",
        project="chemistry",
        price="garnet-2026",
        component="shot",
        currency="USD",
        quantity="1070000",
        unit_price="-0.000145",
        amount="-155.15",
    )
    bounds = Bounds("acme", "2026-11", 104211, (Earlier("2026-10", date(2026, 11, 1), 51234),))
    sums = [used(1, "task", "0.3", "214"), used(1, "shot", "0.00145", "1070000"), used(0, "shot", "0.00145", "-2500")]
    return build(bounds, Usage(sums, 428), [reduced], DIGEST, Heading(Party(name="Example"), Party(name="Acme")))


def said(rows: list[dict[str, str]], name: str) -> str:
    """The last line of the validator about rows."""
    path = (FOLDER / f"{name}.csv").absolute()
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    program = (FOLDER / ".venv/bin/focus-validator").absolute()
    (packages,) = (FOLDER / ".venv/lib").glob("python*/site-packages")  # it looks for its currencies from there
    done = subprocess.run([program, "--data-file", path], cwd=packages, capture_output=True, text=True, check=True)
    (FOLDER / f"{name}.txt").write_text(done.stdout)
    return done.stdout.strip().splitlines()[-1]


def old(row: Mapping[str, str]) -> dict[str, str]:
    """A row with the columns of FOCUS 1.0 under their old names, too, and numbers that look like floats."""
    numbers = {name: f"{Decimal(it):.12f}" for name, it in row.items() if name.endswith(NUMBERS) and it}
    return {
        **row,
        **dict.fromkeys(ALWAYS_IN_1_0, ""),
        **{there: row[name] for name, there in OLD_NAMES.items()},
        **numbers,
    }


def main() -> int:
    """Return 0 if the validator accepts the export, and refuses each altered copy."""
    rows = [old(it) for it in csv.DictReader(io.StringIO(as_focus(example()).decode()))]
    results = {"export": said(rows, "export")}
    for column, value in WRONG.items():
        changed = {column: value, **({OLD_NAMES[column]: value} if column in OLD_NAMES else {})}
        results[f"wrong {column}"] = said([{**rows[0], **changed}, *rows[1:]], f"wrong-{column}")
    good = results.pop("export")
    print(f"the export of an invoice with {len(rows)} rows: {good}")
    for name, line in results.items():
        print(f"{name}: {line}")
    return int(good != SUCCEEDED or any(it == SUCCEEDED for it in results.values()))


if __name__ == "__main__":
    sys.exit(main())
