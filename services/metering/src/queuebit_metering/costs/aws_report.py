"""A Cost and Usage Report in a bucket of S3, in gzip and CSV: a manifest for each month, and the files that it names.

Source: AWS Data Exports user guide, "Understanding export delivery", "Data Exports manifest file reference" and
"Understanding your report versions" (docs.aws.amazon.com/cur), read 2026-11-30.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from queuebit_kernel import Clock
from queuebit_kernel.exact import total
from queuebit_metering.costs.aws_keys import keys_of
from queuebit_metering.costs.calls import Calls, Document, single_currency
from queuebit_metering.costs.config import AwsReport
from queuebit_metering.costs.port import Cost, cost_of_day
from queuebit_reconciliation import BadBill, aws_lines
from queuebit_runtime.aws_signature import AwsKeys, object_url, sign

__all__ = ["AwsReportCosts"]

_MANIFEST: Final = 4 << 20
"""Bytes of a manifest."""
_FILE: Final = 64 << 20
"""Bytes of a file, compressed."""
_UNPACKED: Final = 256 << 20
"""Bytes of a file, decompressed."""
_FILES: Final = 100
"""Files of a month."""

_Days = Mapping[date, Decimal]


class AwsReportCosts:
    """Reads the unblended cost of Amazon Braket by day. A month is read again only if AWS delivered it again."""

    vendor = "aws"

    def __init__(self, settings: AwsReport, calls: Calls, clock: Clock) -> None:
        self._settings = settings
        self._calls = calls
        self._clock = clock
        self._known: dict[date, tuple[str, _Days]] = {}
        """By month: the delivery that was read, and its costs."""

    async def read(self, first: date, last: date) -> list[Cost]:
        """The costs of each day of the months that were delivered."""
        keys = await keys_of(self._settings)
        found: list[Cost] = []
        for month in _months(first, last):
            if (days := await self._month(keys, month)) is not None:
                due = (it for it in _days(first, last) if it.replace(day=1) == month)
                found += [cost_of_day(it, {self._settings.currency: days.get(it, Decimal(0))}) for it in due]
        if not found:
            self._calls.unavailable("its bucket has no manifest of the report: check bucket, prefix, report and legacy")
        return found

    async def _month(self, keys: AwsKeys, month: date) -> _Days | None:
        content = await self._fetch(keys, self._manifest(month), _MANIFEST)
        if content is None:
            return None
        manifest = self._calls.object_in(content)
        delivery = str(manifest.get("assemblyId" if self._settings.legacy else "executionId") or "")
        known = self._known.get(month)
        if delivery and known is not None and known[0] == delivery:
            return known[1]
        days: defaultdict[date, list[Decimal]] = defaultdict(list)
        for key in self._files(manifest):
            packed = await self._fetch(keys, key, _FILE)
            if packed is None:
                self._calls.unavailable("a file of its report is gone: AWS replaces it now")
            for day, amount in await asyncio.to_thread(self._amounts, packed):
                days[day].append(amount)
        found = {day: total(amounts) for day, amounts in days.items()}
        self._known[month] = (delivery, found)
        return found

    def _manifest(self, month: date) -> str:
        settings = self._settings
        folder = "/".join(it for it in (settings.prefix.strip("/"), settings.report) if it)
        if not settings.legacy:
            return f"{folder}/metadata/BILLING_PERIOD={month:%Y-%m}/{settings.report}-Manifest.json"
        following = (month + timedelta(days=31)).replace(day=1)
        return f"{folder}/{month:%Y%m%d}-{following:%Y%m%d}/{settings.report}-Manifest.json"

    def _files(self, manifest: Document) -> list[str]:
        """The keys of the files, all in the same bucket."""
        name = "reportKeys" if self._settings.legacy else "dataFiles"
        found = manifest.get(name)
        if not isinstance(found, list) or not found or len(found) > _FILES:
            self._calls.unavailable(f"its manifest has no {name}, or more than {_FILES}: the format has changed")
        keys = [str(it) for it in found]
        if not self._settings.legacy:
            bucket = f"s3://{self._settings.bucket}/"
            if not all(it.startswith(bucket) for it in keys):
                self._calls.unavailable("its manifest names a file in another bucket")
            keys = [it.removeprefix(bucket) for it in keys]
        if len(set(keys)) < len(keys):
            self._calls.unavailable("its manifest names a file twice")
        if not all(it.endswith(".csv.gz") for it in keys):
            self._calls.unavailable("its report is not in gzip and CSV: choose this format for the report at AWS")
        return keys

    async def _fetch(self, keys: AwsKeys, key: str, most: int) -> bytes | None:
        url = object_url(self._settings.url, self._settings.bucket, key)
        return await self._calls.fetch(url, sign(keys, "s3", "GET", url, b"", self._clock.now(), {}), most)

    def _amounts(self, packed: bytes) -> list[tuple[date, Decimal]]:
        try:
            lines = aws_lines(self._unpacked(packed))
        except BadBill as error:
            self._calls.unavailable(f"its report cannot be read: {error}")
        for it in lines:
            single_currency(self._calls, it.currency, self._settings.currency)
        return [(it.usage_start.date(), it.amount) for it in lines]

    def _unpacked(self, packed: bytes) -> bytes:
        """All members of the file (RFC 1952, section 2.2)."""
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
                content = file.read(_UNPACKED + 1)
        except EOFError:
            self._calls.unavailable("a file of its report is cut off")
        except (gzip.BadGzipFile, zlib.error):
            self._calls.unavailable("a file of its report is not gzip")
        if len(content) > _UNPACKED:
            self._calls.unavailable(f"a file of its report is larger than {_UNPACKED >> 20} MiB")
        return content


def _days(first: date, last: date) -> Iterator[date]:
    for it in range((last - first).days + 1):
        yield first + timedelta(days=it)


def _months(first: date, last: date) -> list[date]:
    return sorted({it.replace(day=1) for it in _days(first, last)})
