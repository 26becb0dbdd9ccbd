"""Readers of costs against the documented interfaces, and what the poller makes of them."""

from __future__ import annotations

import gzip
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_contracts.vendor_bill import CostRead
from queuebit_kernel import FixedClock
from queuebit_metering.costs.aws import AwsCosts
from queuebit_metering.costs.aws_report import AwsReportCosts
from queuebit_metering.costs.azure import AzureCosts
from queuebit_metering.costs.calls import Calls, Document
from queuebit_metering.costs.config import Aws, AwsReport, Azure, BadCosts, Costs, Ibm, Ionq, read_costs
from queuebit_metering.costs.ibm import IbmCosts
from queuebit_metering.costs.ionq import IonqCosts
from queuebit_metering.costs.ionq_jobs import IonqJobCosts
from queuebit_metering.costs.poller import CostPoller, readers_of
from queuebit_metering.costs.port import CostReader, CostsUnavailable, cost_of_month
from queuebit_testing.memory import MemoryLog
from queuebit_testing.stub_vendor import Garbage, LostReply, Request, Response, Status, StubVendor

from .cost_stubs import (
    AwsReportStub,
    AwsStub,
    AzureStub,
    CostStub,
    IbmStub,
    IonqJobsStub,
    IonqStub,
    LegacyReportStub,
)

NOW = datetime(2026, 11, 7, 12, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 3), date(2026, 11, 7)
ALL = "*"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    file.write_text(f"{CostStub.secret}\n")
    return file


class CostReaderLaws(ABC):
    """What each reader promises, against the stub of its vendor."""

    stub: ClassVar[type[CostStub]]

    @abstractmethod
    def reader(self, vendor: CostStub, calls: Calls, secret: Path) -> CostReader: ...

    @pytest.fixture
    def vendor(self) -> Iterator[CostStub]:
        with self.stub() as running:
            running.costs = {"2026-11-03": "1.25", "2026-11-05": "0.000000000000000001", "2026-11-06": "12.4"}
            yield running

    @pytest.fixture
    def pauses(self) -> list[int]:
        return []

    @pytest.fixture
    def costs(self, vendor: CostStub, secret_file: Path, pauses: list[int]) -> CostReader:
        async def sleep(seconds: int) -> None:
            pauses.append(seconds)

        return self.reader(vendor, Calls(self.stub.__name__, vendor.url, sleep=sleep), secret_file)

    async def sum_of(self, costs: CostReader) -> Decimal:
        return sum((it.amounts["USD"] for it in await costs.read(FIRST, LAST)), Decimal(0))

    async def test_the_costs_are_exact_and_of_each_period_once(self, costs: CostReader) -> None:
        found = await costs.read(FIRST, LAST)
        assert sum(it.amounts["USD"] for it in found) == Decimal("13.650000000000000001")
        periods = [it.period for it in found]
        assert periods == sorted({*periods})
        assert all(it.start < it.end for it in found)

    async def test_no_usage_is_a_cost_of_zero(self, vendor: CostStub, costs: CostReader) -> None:
        vendor.costs = {}
        assert {amount for it in await costs.read(FIRST, LAST) for amount in it.amounts.values()} == {Decimal(0)}

    async def test_all_pages_are_read(self, vendor: CostStub, costs: CostReader) -> None:
        vendor.page_size = 1
        assert await self.sum_of(costs) == Decimal("13.650000000000000001")

    async def test_a_busy_vendor_is_asked_again_when_it_says(
        self, vendor: CostStub, costs: CostReader, pauses: list[int]
    ) -> None:
        vendor.fail(ALL, Status(429, {"Retry-After": "17"}))
        vendor.fail(ALL, Status(503))
        assert await self.sum_of(costs) == Decimal("13.650000000000000001")
        assert pauses == [17, 5]

    @pytest.mark.parametrize("how", [Status(500), Garbage(), LostReply(taken=False), Status(429)])
    async def test_what_is_no_answer_gives_no_costs(
        self, vendor: CostStub, costs: CostReader, how: Status | Garbage | LostReply, pauses: list[int]
    ) -> None:
        vendor.fail(ALL, how, times=99)
        with pytest.raises(CostsUnavailable):
            await costs.read(FIRST, LAST)
        assert len(pauses) <= 3

    @pytest.mark.parametrize(
        "body",
        [
            *(b"[]", b"{}", b'{"properties": {}}', b'{"access_token": 7}', b"\xff", b'{"a": NaN}'),
            pytest.param(b'{"a": ' + b"[" * 200_000, id="nested"),
            b'{"a": 1e9999999999999999999}',
        ],
    )
    async def test_another_document_gives_no_costs(self, vendor: CostStub, costs: CostReader, body: bytes) -> None:
        vendor.fail(ALL, Garbage(body, "application/json"), times=99)
        with pytest.raises(CostsUnavailable):
            await costs.read(FIRST, LAST)

    @pytest.mark.parametrize("cost", ["1e999999999999999999", "1e-999999999999999999"])
    async def test_a_number_of_endless_zeros_takes_no_memory(
        self, vendor: CostStub, costs: CostReader, cost: str
    ) -> None:
        vendor.costs = {"2026-11-05": cost}
        with pytest.raises(CostsUnavailable):
            await costs.read(FIRST, LAST)

    async def test_another_currency_is_not_taken(self, vendor: CostStub, costs: CostReader) -> None:
        vendor.currency = "EUR"
        with pytest.raises(CostsUnavailable, match="answers in EUR"):
            await costs.read(FIRST, LAST)

    async def test_refused_credentials_are_not_tried_again_and_not_shown(
        self, vendor: CostStub, costs: CostReader, pauses: list[int]
    ) -> None:
        vendor.accepts = False
        with pytest.raises(CostsUnavailable, match=r"costs\.toml") as caught:
            await costs.read(FIRST, LAST)
        assert pauses == []
        assert vendor.secret not in str(caught.value)


class TestIonqCosts(CostReaderLaws):
    stub = IonqStub

    def reader(self, vendor: CostStub, calls: Calls, secret: Path) -> CostReader:
        return IonqCosts(Ionq.model_validate({"organization": "org-1", "key_file": secret, "url": vendor.url}), calls)


class TestAwsCosts(CostReaderLaws):
    stub = AwsStub

    def reader(self, vendor: CostStub, calls: Calls, secret: Path) -> CostReader:
        key = secret.with_name("key")
        key.touch(mode=0o600)
        key.write_text("AKIATEST")
        settings = Aws.model_validate({"access_key_id_file": key, "secret_access_key_file": secret, "url": vendor.url})
        return AwsCosts(settings, calls, FixedClock(NOW))


class TestAwsReportCosts(CostReaderLaws):
    stub = AwsReportStub

    def reader(self, vendor: CostStub, calls: Calls, secret: Path) -> CostReader:
        key = secret.with_name("key")
        key.touch(mode=0o600)
        key.write_text("AKIATEST")
        place = {"bucket": "reports", "prefix": "exports", "report": "q", "url": vendor.url}
        legacy = self.stub is LegacyReportStub
        settings = AwsReport.model_validate(
            {"access_key_id_file": key, "secret_access_key_file": secret, "legacy": legacy, **place}
        )
        return AwsReportCosts(settings, calls, FixedClock(NOW))

    async def test_a_month_is_read_again_when_it_was_delivered_again(
        self, vendor: AwsReportStub, costs: CostReader
    ) -> None:
        before = await self.sum_of(costs)
        vendor.costs["2026-11-07"] = "1"
        assert await self.sum_of(costs) == before, "the same delivery"
        vendor.delivery = "delivery-2"
        assert await self.sum_of(costs) == before + 1

    async def test_a_month_without_a_report_has_no_number_yet(self, vendor: AwsReportStub, costs: CostReader) -> None:
        vendor.months = (date(2026, 10, 1),)
        with pytest.raises(CostsUnavailable, match="has no manifest"):
            await costs.read(FIRST, LAST)
        found = await costs.read(date(2026, 10, 30), date(2026, 11, 2))
        assert [it.period for it in found] == ["2026-10-30", "2026-10-31"]

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"a,b\n1,2", "is not gzip"),
            (gzip.compress(b"a,b\n1,2")[:-9], "is cut off"),
            (gzip.compress(b"a,b\n1,2"), "has no column"),
            (gzip.compress(b"\0" * (257 << 20), 1), "larger than 256 MiB"),
        ],
        ids=["plain", "cut", "another table", "a bomb"],
    )
    async def test_a_file_that_is_no_report_gives_no_costs(
        self, vendor: AwsReportStub, costs: CostReader, content: bytes, why: str
    ) -> None:
        vendor.content = content
        with pytest.raises(CostsUnavailable, match=why):
            await costs.read(FIRST, LAST)

    async def test_a_manifest_names_files_of_its_bucket_in_gzip(self, vendor: AwsReportStub, costs: CostReader) -> None:
        for named, why in (
            ("s3://another/x.csv.gz", "another bucket|not in gzip"),
            ("x.parquet", "bucket|not in gzip"),
        ):
            body = json.dumps({"dataFiles": [named], "reportKeys": [named.removesuffix(".gz")]}).encode()
            vendor.fail("*Manifest*", Garbage(body, "application/json"))
            with pytest.raises(CostsUnavailable, match=why):
                await costs.read(FIRST, LAST)

    async def test_all_members_of_a_gzip_file_are_read(self, vendor: AwsReportStub, costs: CostReader) -> None:
        content = vendor.table(sorted(vendor.costs))
        vendor.content, vendor.page_size = gzip.compress(content), 1000
        whole = await self.sum_of(costs)
        middle = content.index(b"\n", len(content) // 2) + 1
        vendor.content, vendor.delivery = (
            gzip.compress(content[:middle]) + gzip.compress(content[middle:]),
            "delivery-2",
        )
        assert await self.sum_of(costs) == whole

    async def test_a_file_that_a_manifest_names_twice_is_not_counted_twice(
        self, vendor: AwsReportStub, costs: CostReader
    ) -> None:
        (month,) = vendor.months
        body = json.dumps(vendor.described([*vendor.files(month)] * 2)).encode()
        vendor.fail("*Manifest*", Garbage(body, "application/json"))
        with pytest.raises(CostsUnavailable, match="names a file twice"):
            await costs.read(FIRST, LAST)


class TestLegacyReportCosts(TestAwsReportCosts):
    stub = LegacyReportStub


class TestIonqJobCosts(CostReaderLaws):
    stub = IonqJobsStub

    def reader(self, vendor: CostStub, calls: Calls, secret: Path) -> CostReader:
        return IonqJobCosts(Ionq.model_validate({"key_file": secret, "url": vendor.url}), calls)

    async def test_a_job_on_two_pages_is_counted_once(self, vendor: CostStub, costs: CostReader) -> None:
        before = await self.sum_of(costs)
        vendor.page_size, vendor.overlap = 2, 1
        assert await self.sum_of(costs) == before

    async def test_the_cost_of_a_job_of_old_days_is_asked_once(self, vendor: CostStub, costs: CostReader) -> None:
        for _ in range(2):
            await costs.read(FIRST, LAST)
        assert [vendor.received(f"GET /jobs/job-2026-11-0{it}/cost") for it in (3, 5, 6)] == [1, 1, 2]

    async def test_a_job_without_a_cost_gives_no_number(self, vendor: CostStub, costs: CostReader) -> None:
        vendor.fail("*cost", Garbage(b'{"dry_run": false, "estimated_cost": {"value": 1}}', "application/json"))
        with pytest.raises(CostsUnavailable, match="has no cost yet"):
            await costs.read(FIRST, LAST)


class TestAzureCosts(CostReaderLaws):
    stub = AzureStub

    def reader(self, vendor: CostStub, calls: Calls, secret: Path) -> CostReader:
        places = {"url": vendor.url, "login_url": vendor.url}
        settings = Azure.model_validate(
            {"tenant_id": "t", "client_id": "c", "client_secret_file": secret, "scope": "subscriptions/s", **places}
        )
        return AzureCosts(settings, calls)

    async def test_the_token_goes_to_no_other_host(self, vendor: CostStub, costs: CostReader) -> None:
        columns = [{"name": it} for it in ("Cost", "UsageDate", "Currency")]
        page = {"nextLink": "https://evil.test/next", "columns": columns, "rows": []}
        body = json.dumps({"properties": page}).encode()
        vendor.fail("POST /subscriptions/*", Garbage(body, "application/json"))
        with pytest.raises(CostsUnavailable, match="another host"):
            await costs.read(FIRST, LAST)


class TestIbmCosts(CostReaderLaws):
    stub = IbmStub

    def reader(self, vendor: CostStub, calls: Calls, secret: Path) -> CostReader:
        return IbmCosts(
            Ibm.model_validate({"account": "a", "key_file": secret, "url": vendor.url, "iam_url": vendor.url}), calls
        )

    async def test_days_of_two_months_are_two_periods(self, vendor: CostStub, costs: CostReader) -> None:
        vendor.costs = {"2026-10-31": "1", "2026-11-01": "2"}
        found = await costs.read(date(2026, 10, 30), date(2026, 11, 2))
        assert [(it.period, it.amounts["USD"]) for it in found] == [("2026-10", Decimal(1)), ("2026-11", Decimal(2))]


class Fixed:
    """A vendor whose costs a test sets."""

    vendor = "ibm"

    def __init__(self) -> None:
        self.amount: Decimal | None = Decimal("1.50")

    async def read(self, first: date, last: date) -> list:  # type: ignore[type-arg]  # of Cost
        assert (first, last) == (date(2026, 11, 1), date(2026, 11, 7))
        if self.amount is None:
            raise CostsUnavailable("it does not answer")
        return [cost_of_month(2026, 11, [("USD", self.amount)])]


async def test_a_number_becomes_a_fact_only_when_it_changed() -> None:
    log, vendor = MemoryLog(), Fixed()
    poller = CostPoller(log, [vendor], FixedClock(NOW), Costs())
    assert [await poller.poll(vendor) for _ in range(2)] == [1, 0]
    vendor.amount = None
    assert await poller.poll(vendor) == 0
    vendor.amount = Decimal("1.5000")
    assert await poller.poll(vendor) == 0, "the same number"
    vendor.amount = Decimal("2")
    assert await poller.poll(vendor) == 1
    facts = log.events(CostRead)
    assert [(it.data.revision, it.data.amounts[0].amount) for it in facts] == [(1, "1.5"), (2, "2")]
    assert [it.subject for it in log.stored] == [f"qb.bill.ibm.2026-11.read.{it}" for it in (1, 2)]
    assert facts[0].data.backends == ("ibm-*",)


@pytest.mark.parametrize("amount", ["123456789012345678.000000000000000001", "0.000000000000000001"])
async def test_a_number_is_a_fact_with_all_its_digits(amount: str) -> None:
    log, vendor = MemoryLog(), Fixed()
    vendor.amount = Decimal(amount)
    await CostPoller(log, [vendor], FixedClock(NOW), Costs()).poll(vendor)
    assert [it.data.amounts[0].amount for it in log.events(CostRead)] == [amount]


async def test_a_vendor_that_fails_does_not_stop_the_others() -> None:
    log, away, there = MemoryLog(), Fixed(), Fixed()
    away.amount = None

    class Ended(Exception):
        """The test has seen a round."""

    async def sleep(seconds: int) -> None:
        assert seconds == 1800
        raise Ended

    with pytest.raises(Ended):
        await CostPoller(log, [away, there], FixedClock(NOW), Costs(), sleep).run()
    assert len(log.stored) == 1


async def test_a_credential_is_in_a_variable_a_file_or_vault(
    tmp_path: Path, secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "costs.toml"
    monkeypatch.setenv("IONQ_KEY", " in-a-variable\n")

    async def key(line: str) -> str:
        path.write_text(f'[ionq]\n{line}\n[vault]\naddress = "{vault.url}"\ntoken_file = "{secret_file}"\n')
        ionq = read_costs(path).ionq
        assert ionq is not None
        return await ionq.key.read()

    with VaultStub() as vault:
        assert await key('key_variable = "IONQ_KEY"') == "in-a-variable"
        assert await key(f'key_file = "{secret_file}"') == CostStub.secret
        assert await key('key_vault = "secret/data/ionq#api_key"') == "in-vault"
        for line, why in (
            ('key_variable = "NOWHERE"', "NOWHERE is not set"),
            ('key_vault = "secret/data/ionq#nothing"', "no text in the field nothing"),
            ('key_vault = "secret/data/nothing#api_key"', "has nothing at"),
        ):
            with pytest.raises(ValueError, match=why):
                await key(line)
        for line, why in (
            ('key_vault = "secret/data/ionq"', "PATH#FIELD"),
            (f'key_variable = "X"\nkey_file = "{secret_file}"', "one of _file, _variable and _vault"),
        ):
            with pytest.raises(BadCosts, match=why):
                await key(line)
    with pytest.raises(OSError, match="does not answer"):
        await key('key_vault = "secret/data/ionq#api_key"')
    path.write_text('[ionq]\nkey_vault = "secret/data/ionq#api_key"\n')
    with pytest.raises(BadCosts, match=r"no section \[vault\]"):
        read_costs(path)


class VaultStub(StubVendor):
    """Version 2 of Vault's key-value engine."""

    submits = "-"

    def answer(self, request: Request) -> Response:
        if request.headers.get("x-vault-token") != CostStub.secret:
            return Response.of({"errors": ["permission denied"]}, 403)
        if request.path != "/v1/secret/data/ionq":
            return Response.of({"errors": []}, 404)
        return Response.of({"data": {"data": {"api_key": "in-vault"}, "metadata": {"version": 1}}})


def test_the_two_numbers_of_aws_exclude_each_other(tmp_path: Path) -> None:
    keys = 'access_key_id_file = "/run/id"\nsecret_access_key_file = "/run/secret"\n'
    path = tmp_path / "costs.toml"
    report = f'[aws_report]\n{keys}bucket = "reports"\nreport = "q"\n'
    path.write_text(report)
    assert [type(it).__name__ for it in readers_of(read_costs(path), FixedClock(NOW))] == ["AwsReportCosts"]
    path.write_text(f"{report}[aws]\n{keys}")
    with pytest.raises(BadCosts, match="keep one of them"):
        read_costs(path)


def test_the_file_names_vendors_and_files_with_secrets(tmp_path: Path) -> None:
    path = tmp_path / "costs.toml"
    path.write_text('poll_minutes = 15\n[ionq]\norganization = "o"\nkey_file = "/run/ionq.key"\n')
    found = read_costs(path)
    assert (found.poll_minutes, [it.vendor for it in readers_of(found, FixedClock(NOW))]) == (15, ["ionq"])
    path.write_text('[ionq]\nkey_file = "/run/ionq.key"\n')
    assert [type(it).__name__ for it in readers_of(read_costs(path), FixedClock(NOW))] == ["IonqJobCosts"]
    for bad in ("poll_minutes = 0", "[acme]", '[ionq]\nkey = "abc"', "x = ", '[ionq]\nurl = "ftp://x"'):
        path.write_text(bad)
        with pytest.raises(BadCosts, match=r"costs\.toml"):
            read_costs(path)


class Answering(Calls):
    """A vendor that answers any JSON object to every request."""

    def __init__(self, document: dict[str, object]) -> None:
        super().__init__("acme", "https://acme.test")
        self._document = document

    async def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Document:
        return self._document


_KEYS = st.sampled_from(
    [
        "access_token",
        "usage_data",
        "usage_unit",
        "from",
        "amount",
        "ResultsByTime",
        "Total",
        "UnblendedCost",
        "Amount",
        "Unit",
        "TimePeriod",
        "Start",
        "properties",
        "columns",
        "rows",
        "name",
        "nextLink",
        "resources",
        "usage",
        "cost",
        "currency_code",
        "resource_id",
        "next",
        "href",
        "jobs",
        "id",
        "submitted_at",
        "completed_at",
    ]
)
_VALUES = st.recursive(
    st.sampled_from(
        [None, True, "USD", "2026-11-05", "quantum-computing", "Cost", "UsageDate", "Currency", "?_start=1"]
    )
    | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(_KEYS, _VALUES, max_size=4),
    st.sampled_from([TestIonqCosts, TestIonqJobCosts, TestAwsCosts, TestAzureCosts, TestIbmCosts]),
)
async def test_no_answer_of_a_vendor_stops_the_service(
    secret_file: Path, document: dict[str, object], kind: type[CostReaderLaws]
) -> None:
    class Anywhere:
        url = "https://acme.test"

    log = MemoryLog()
    reader = kind().reader(Anywhere(), Answering(document), secret_file)  # type: ignore[arg-type]  # its address counts
    await CostPoller(log, [reader], FixedClock(NOW), Costs()).poll(reader)
    for it in log.events(CostRead):
        assert all(Decimal(amount.amount).is_finite() for amount in it.data.amounts)
