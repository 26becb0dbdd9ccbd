"""The documented interfaces for costs of four vendors, on loopback: the shapes that their documentation shows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import date, timedelta
from urllib.parse import parse_qs, quote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from queuebit_testing.stub_vendor import Request, Response, StubVendor

__all__ = [
    "AwsReportStub",
    "AwsStub",
    "AzureStub",
    "CostStub",
    "IbmStub",
    "IonqJobsStub",
    "IonqStub",
    "LegacyReportStub",
]


class CostStub(StubVendor):
    """Costs by day, as texts, which a test sets."""

    submits = "POST /none"
    secret = "a-secret-of-a-vendor"

    def __init__(self) -> None:
        super().__init__()
        self.costs: dict[str, str] = {}
        self.currency = "USD"
        self.page_size = 100
        self.overlap = 0
        """How many entries of a page the next one has again."""

    def denied(self) -> Response:
        return Response.of({"error": "not authorised"}, 401)


class IonqStub(CostStub):
    """`GET /organizations/ID/usage`."""

    def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"apiKey {self.secret}":
            return self.denied()
        start, end = request.query["start_date"][0], request.query["end_date"][0]
        assert request.query["group_by"] == ["job"]
        days = [
            {"from": day, "amount": "AMOUNT", "job_count": 1, "time_us": 1, "group_usages": []}
            for day in sorted(self.costs, reverse=True)
            if start <= day < end
        ]
        text = json.dumps({"group_type": "job", "modality": "daily", "usage_unit": self.currency, "usage_data": days})
        for day in days:
            text = text.replace('"AMOUNT"', self.costs[str(day["from"])], 1)  # a number with all its digits
        return Response(200, text.encode(), {"Content-Type": "application/json"})


class AwsStub(CostStub):
    """`GetCostAndUsage` of Cost Explorer; signatures are checked with botocore."""

    def answer(self, request: Request) -> Response:
        if not is_signed(request, SigV4Auth(Credentials("AKIATEST", self.secret), "ce", "us-east-1"), self.url):
            return Response.of({"__type": "InvalidSignatureException"}, 403)
        asked = request.json()
        assert asked["Filter"] == {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon Braket"]}}
        start, end = asked["TimePeriod"]["Start"], asked["TimePeriod"]["End"]
        days = [it for it in sorted(self.costs) if start <= it < end]
        at = int(asked.get("NextPageToken", 0))
        document: dict[str, object] = {
            "ResultsByTime": [
                {
                    "TimePeriod": {"Start": it, "End": it},
                    "Total": {"UnblendedCost": {"Amount": self.costs[it], "Unit": self.currency}},
                    "Groups": [],
                    "Estimated": True,
                }
                for it in days[at : at + self.page_size]
            ],
            "DimensionValueAttributes": [],
        }
        if at + self.page_size < len(days):
            document["NextPageToken"] = str(at + self.page_size)
        return Response.of(document)


def is_signed(request: Request, signer: SigV4Auth, url: str) -> bool:
    """Whether botocore would have signed a request like this."""
    given = request.headers.get("authorization", "")
    names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {it: request.headers[it] for it in names if it != "host"}
    again = AWSRequest(request.method, f"{url}{quote(request.path)}", headers, request.body)
    again.context["timestamp"] = request.headers["x-amz-date"]
    text = signer.string_to_sign(again, signer.canonical_request(again))
    return given.endswith(f"Signature={signer.signature(text, again)}")


class AwsReportStub(CostStub):
    """A bucket with an export of CUR 2.0, in as many files as there are pages; signatures are checked with botocore."""

    legacy = False
    delivery = "delivery-1"
    content: bytes | None = None
    """Of each file, instead of the costs."""
    folder = "exports/q/metadata/BILLING_PERIOD={0:%Y-%m}"
    names = (
        *("bill_billing_period_start_date", "bill_billing_period_end_date", "line_item_line_item_type"),
        *("line_item_usage_start_date", "line_item_usage_end_date", "line_item_product_code", "line_item_usage_type"),
        *("line_item_resource_id", "line_item_usage_amount", "line_item_currency_code", "line_item_unblended_cost"),
    )
    months: tuple[date, ...] = (date(2026, 11, 1),)
    """Those that AWS has delivered."""

    def answer(self, request: Request) -> Response:
        signer = S3SigV4Auth(Credentials("AKIATEST", self.secret), "s3", "us-east-1")
        if not is_signed(request, signer, self.url):
            return Response(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", {})
        for month in self.months:
            files = self.files(month)
            if request.path == f"/reports/{self.manifest(month)}":
                return Response.of(self.described([*files]))
            if (found := files.get(request.path.removeprefix("/reports/"))) is not None:
                return Response(200, found, {"Content-Type": "application/octet-stream"})
        return Response(404, b"<Error><Code>NoSuchKey</Code></Error>", {})

    def manifest(self, month: date) -> str:
        following = (month + timedelta(days=31)).replace(day=1)
        return f"{self.folder.format(month, following)}/q-Manifest.json"

    def described(self, keys: list[str]) -> dict[str, object]:
        return {"executionId": self.delivery, "columns": [], "dataFiles": [f"s3://reports/{it}" for it in keys]}

    def files(self, month: date) -> dict[str, bytes]:
        days = [it for it in sorted(self.costs) if it.startswith(f"{month:%Y-%m}")]
        parts = [days[at : at + self.page_size] for at in range(0, len(days), self.page_size)] or [[]]
        return {
            f"exports/q/data/q-{at:05}.csv.gz": self.content or gzip.compress(self.table(it))
            for at, it in enumerate(parts)
        }

    def table(self, days: list[str]) -> bytes:
        rows = [",".join(self.names), self._row("2026-11-03", "AmazonS3", "99")]
        rows += [self._row(it, "AmazonBraket", self.costs[it]) for it in days]
        return "\n".join(rows).encode()

    def _row(self, day: str, product: str, cost: str) -> str:
        period = "2026-11-01T00:00:00.000Z,2026-12-01T00:00:00.000Z"
        return f"{period},Usage,{day}T10:00:00.000Z,{day}T11:00:00.000Z,{product},x,,1,{self.currency},{cost}"


class LegacyReportStub(AwsReportStub):
    """The same in a legacy report."""

    legacy = True
    folder = "exports/q/{0:%Y%m%d}-{1:%Y%m%d}"
    names = (
        *("bill/BillingPeriodStartDate", "bill/BillingPeriodEndDate", "lineItem/LineItemType"),
        *("lineItem/UsageStartDate", "lineItem/UsageEndDate", "lineItem/ProductCode", "lineItem/UsageType"),
        *("lineItem/ResourceId", "lineItem/UsageAmount", "lineItem/CurrencyCode", "lineItem/UnblendedCost"),
    )

    def described(self, keys: list[str]) -> dict[str, object]:
        return {"assemblyId": self.delivery, "compression": "GZIP", "bucket": "reports", "reportKeys": keys}


class IonqJobsStub(CostStub):
    """`GET /jobs` and `GET /jobs/ID/cost`; a job for each day of `costs`, and others that cost nothing."""

    def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"apiKey {self.secret}":
            return self.denied()
        if request.path != "/jobs":
            day = request.path.split("/")[2].removeprefix("job-")
            text = f'{{"dry_run": false, "cost": {{"value": {self.costs[day]}, "unit": "{self.currency.lower()}"}}}}'
            return Response(200, text.encode(), {"Content-Type": "application/json"})
        assert request.query["status"] == ["completed"]
        found = [_job(it) for it in sorted(self.costs, reverse=True)]
        found += [
            {**it, "id": "no", **more} for it in found for more in ({"backend": "simulator"}, {"parent_job_id": "p"})
        ]
        found.sort(key=lambda it: str(it["submitted_at"]), reverse=True)
        at = int(request.query.get("next", ["0"])[0])
        page = found[max(at - self.overlap, 0) : at + self.page_size]
        following = str(at + self.page_size) if at + self.page_size < len(found) else None
        return Response.of({"jobs": page, "next": following})


def _job(day: str) -> dict[str, object]:
    times = {"submitted_at": f"{day}T01:00:00.000Z", "completed_at": f"{day}T02:00:00.000Z"}
    return {"id": f"job-{day}", "backend": "qpu.forte-1", "parent_job_id": None, "dry_run": False, **times}


class AzureStub(CostStub):
    """Sign-in of Microsoft Entra, and `Query - Usage` of Cost Management."""

    def answer(self, request: Request) -> Response:
        if request.path.endswith("/oauth2/v2.0/token"):
            form = parse_qs(request.body.decode())
            if form["client_secret"] != [self.secret]:
                return self.denied()
            return Response.of({"token_type": "Bearer", "expires_in": 3599, "access_token": "token-1"})
        if request.headers.get("authorization") != "Bearer token-1":
            return self.denied()
        period = request.json()["timePeriod"]
        days = [it for it in sorted(self.costs) if period["from"][:10] <= it <= period["to"][:10]]
        at = int(request.query.get("$skiptoken", ["0"])[0])
        rows = ", ".join(
            f'[{self.costs[it]}, {it.replace("-", "")}, "{self.currency}"]' for it in days[at : at + self.page_size]
        )
        following = f"{self.url}{request.path}?api-version=2023-11-01&$skiptoken={at + self.page_size}"
        link = json.dumps(following if at + self.page_size < len(days) else None)
        columns = json.dumps([{"name": it} for it in ("Cost", "UsageDate", "Currency")])
        text = f'{{"properties": {{"nextLink": {link}, "columns": {columns}, "rows": [{rows}]}}}}'
        return Response(200, text.encode(), {"Content-Type": "application/json"})


class IbmStub(CostStub):
    """Sign-in of IAM, and usage of instances by month; one instance for each day of `costs`."""

    def answer(self, request: Request) -> Response:
        if request.path == "/identity/token":
            if parse_qs(request.body.decode())["apikey"] != [self.secret]:
                return self.denied()
            return Response.of({"access_token": "token-1", "token_type": "Bearer"})
        if request.headers.get("authorization") != "Bearer token-1":
            return self.denied()
        month = request.path.rpartition("/")[2]
        days = [it for it in sorted(self.costs) if it.startswith(month)]
        at = int(request.query.get("_start", ["0"])[0])
        usage = ", ".join(_instance(self.costs[it], self.currency) for it in days[at : at + self.page_size])
        following: Mapping[str, str] = {}
        if at + self.page_size < len(days):
            following = {"href": f"{self.url}{request.path}?_limit=200&_start={at + self.page_size}"}
        other = _instance("99", self.currency).replace("quantum-computing", "cloud-object-storage")
        text = (
            f'{{"limit": 200, "next": {json.dumps(following)}, "resources": [{other}{", " if usage else ""}{usage}]}}'
        )
        return Response(200, text.encode(), {"Content-Type": "application/json"})


def _instance(cost: str, currency: str) -> str:
    return (
        f'{{"resource_id": "quantum-computing", "currency_code": "{currency}", "billable": true, '
        f'"usage": [{{"metric": "RUNTIME_SECONDS", "unit": "SECOND", "quantity": 1, "cost": {cost}}}]}}'
    )
