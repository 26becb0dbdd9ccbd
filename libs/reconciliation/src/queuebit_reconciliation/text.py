"""Reads the text of a bill: strict, so that a number is never guessed. Errors name the line and the column."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, NoReturn

from queuebit_kernel.exact import places
from queuebit_reconciliation.errors import BadBill

__all__ = ["Cells", "decoded", "exact_json", "number", "read_table"]

_LARGEST = 1 << 28
"""Bytes of a file: 256 MiB."""
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")
_PLACES = 18
"""The most decimal places, and the most digits before them: the log stores no more."""
_WHOLE = Decimal(10) ** 18
_EXPONENT = 100
"""The most places by which JSON may move a point: `1e999999999` has a gigabyte of zeros as a plain number."""
_CURRENCY = re.compile("[A-Z]{3}")


def decoded(content: bytes, *, bom: bool = False) -> str:
    """The text of a file in UTF-8.

    Args:
        content: the file.
        bom: whether the vendor's files begin with a byte order mark, which is then left out.

    Raises:
        BadBill: it is compressed, empty, too large, or not UTF-8.
    """
    if len(content) > _LARGEST:
        raise BadBill(f"the file has more than {_LARGEST >> 20} MiB: export a shorter period")
    if content.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        raise BadBill("the file is compressed: unpack it (gunzip, unzip) and give the file that is inside")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadBill("the file is UTF-16: save it as UTF-8", 1, 1)
    if content.startswith(codecs.BOM_UTF8):
        if not bom:
            raise BadBill(
                "the file begins with a byte order mark, which this vendor's files do not have: a program has saved "
                "it again and may have changed numbers; use the file as it was downloaded",
                1,
                1,
            )
        content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise BadBill(
            f"byte 0x{content[error.start]:02x} is not UTF-8: use the file as it was downloaded", line, column
        ) from error
    if not text.strip():
        raise BadBill("the file is empty: download it again")
    return text


@dataclass(frozen=True, slots=True)
class Cells:
    """One row of a table."""

    line: int
    columns: Mapping[str, int]
    """The position of each column, from 0."""
    values: Sequence[str]

    def text(self, name: str, *, empty: bool = False) -> str:
        """A cell; an empty one is an error unless `empty`."""
        found = self.values[self.columns[name]].strip()
        if not found and not empty:
            raise self.fault(name, "the cell is empty: download the file again")
        return found

    def optional(self, name: str) -> str:
        """A cell of a column that may be missing; empty then."""
        return self.values[self.columns[name]].strip() if name in self.columns else ""

    def decimal(self, name: str) -> Decimal:
        """An exact decimal."""
        try:
            return number(self.text(name))
        except BadBill as error:
            raise error if error.line else self.fault(name, error.text) from error

    def currency(self, name: str) -> str:
        """Three capital letters."""
        found = self.text(name)
        if not _CURRENCY.fullmatch(found):
            raise self.fault(name, f"{found[:20]!r} is no currency: it must be three capital letters, such as USD")
        return found

    def moment(self, name: str, *forms: str) -> datetime:
        """A time in UTC, in one of the forms of `strptime`."""
        found = self.text(name)
        for form in forms:
            try:
                return datetime.strptime(found, form).replace(tzinfo=UTC)
            except ValueError:
                continue
        raise self.fault(name, f"{found[:40]!r} is no time of the form {' or '.join(forms)}")

    def fault(self, name: str, text: str) -> BadBill:
        """An error about a cell."""
        return BadBill(text, self.line, self.columns[name] + 1, name)


def number(text: str) -> Decimal:
    """An exact decimal, with a point and without separators.

    Raises:
        BadBill: it is none, without a place; or it has more digits than an amount can have.
    """
    if not _NUMBER.fullmatch(text):
        shown = repr(text[:40])
        if "," in text or "'" in text or "\u00a0" in text or "\u202f" in text or " " in text:
            raise BadBill(
                f"{shown} has a thousand separator or a decimal comma, so that its value is not certain: export with "
                "a decimal point and without separators"
            )
        if text.strip("+-").lower() in ("nan", "inf", "infinity"):
            raise BadBill(f"{shown} is not a number: the vendor has no amount there; download the file again")
        raise BadBill(f"{shown} is not a decimal number, such as 12.50: use the file as it was downloaded")
    found = Decimal(text)
    if found.copy_abs() >= _WHOLE or places(found) > _PLACES:
        raise BadBill(f"{text[:40]!r} has more than 18 digits before or after the point")
    return found


def exact_json(content: str | bytes) -> Any:  # JSON
    """Any JSON, with exact numbers.

    Raises:
        BadBill: it is not JSON, is nested too deeply, or a number of it is none or far too large or small.
    """

    def refuse(word: str) -> NoReturn:
        raise BadBill(f"{word} is not a number: download it again")

    try:
        return json.loads(content, parse_float=_exact, parse_int=_exact, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise BadBill(f"this is not JSON: {error.msg}", error.lineno, error.colno) from error
    except UnicodeDecodeError as error:
        raise BadBill(f"this is not JSON in Unicode: {error.reason}") from error
    except RecursionError as error:
        raise BadBill("its lists or objects are nested too deeply") from error


def _exact(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("Infinity")
    if not found.is_finite() or ("e" in text.lower() and abs(found.adjusted()) > _EXPONENT):
        raise BadBill(f"{text[:40]!r} has more than 18 digits before or after the point")
    return found


def read_table(text: str, required: Sequence[str], *, first_line: int = 1) -> Iterator[Cells]:
    """The rows of a table in CSV whose first line is its header; columns that are not required may be there.

    Raises:
        BadBill: a column is missing or there twice, or a row does not have as many cells as the header.
    """
    lines = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline="")  # `StringIO` takes four bytes a letter
    reader = csv.reader(lines, strict=True)
    try:
        header = [it.strip() for it in next(reader, [])]
        columns = _columns(header, required, first_line)
        line = first_line + reader.line_num
        for row in reader:
            if row:
                if len(row) != len(header):
                    raise BadBill(
                        f"the row has {len(row)} cells, and the header has {len(header)} columns: a separator inside "
                        "of a number, or a broken quote? Use the file as it was downloaded",
                        line,
                    )
                yield Cells(line, columns, row)
            line = first_line + reader.line_num
    except csv.Error as error:
        raise BadBill(f"this is not CSV: {error}", first_line - 1 + reader.line_num) from error


def _columns(header: Sequence[str], required: Sequence[str], line: int) -> dict[str, int]:
    missing = [it for it in required if it not in header]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if missing and len(header) == 1 and separator in header[0]:
            raise BadBill(f"the columns are separated by {name}: export the file with commas", line, 1)
    if missing:
        near = get_close_matches(missing[0], header, 1)
        hint = f"; is {near[0]!r} its new name?" if near else "."
        raise BadBill(
            f"the header has no column {', '.join(map(repr, missing))}{hint} The format has changed, or this is "
            "another report: see docs/reconciliation.md for the report that is read",
            line,
        )
    if twice := next((it for it in required if header.count(it) > 1), None):
        raise BadBill(f"the header has the column {twice!r} twice", line, header.index(twice) + 1)
    return {name: at for at, name in enumerate(header)}
