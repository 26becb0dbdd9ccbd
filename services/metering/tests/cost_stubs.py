"""The documented interfaces for costs of four vendors, on loopback: the shapes that their documentation shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qs

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from queuebit_testing.stub_vendor import Request, Response, StubVendor

__all__ = ["AwsStub", "AzureStub", "CostStub", "IbmStub", "IonqStub"]


class CostStub(StubVendor):
    """Costs by day, as texts, which a test sets."""

    submits = "POST /none"
    secret = "a-secret-of-a-vendor"

    def __init__(self) -> None:
        super().__init__()
        self.costs: dict[str, str] = {}
        self.currency = "USD"
        self.page_size = 100

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
        if not self._is_signed(request):
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

    def _is_signed(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        again = AWSRequest(
            "POST", f"{self.url}/", {it: request.headers[it] for it in names if it != "host"}, request.body
        )
        again.context["timestamp"] = request.headers["x-amz-date"]
        signer = SigV4Auth(Credentials("AKIATEST", self.secret), "ce", "us-east-1")
        text = signer.string_to_sign(again, signer.canonical_request(again))
        return given.endswith(f"Signature={signer.signature(text, again)}")


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
