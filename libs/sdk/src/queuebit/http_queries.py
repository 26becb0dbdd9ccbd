"""Questions to the services as addresses of a gateway, and its rows as the services give them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from queuebit.devices import Device
from queuebit.errors import InvalidInput, NotFound, Reason, Refused
from queuebit.http_errors import UnknownJob
from queuebit.http_transport import HttpTransport
from queuebit.records import Row, Table
from queuebit.waiting import WAITING

__all__ = ["ask_http", "device_over_http", "output_over_http", "row_of"]

_MOST: Final = 1_000
_LISTS: Final[Mapping[str, str]] = {
    "backends": "backends",
    "charges": "charges",
    "balances": "budgets",
    "quotas": "quotas",
    "fidelities": "fidelities",
    "liveness": "backends:status",
    "slo": "slo",
    "inventory": "inventory",
    "invoices": "invoices",
}


async def ask_http(http: HttpTransport, question: str, **asked: object) -> Table:
    """The rows of an answer. Raises as `queries.ask`."""
    match question:
        case "jobs":
            return await _jobs(http, asked)
        case "groups":
            names = ("project", "tag", "session", "days", "limit")
            rows = (await http.get("/v1/groups", **{name: asked.get(name) for name in names}))["data"]
            return Table({**it, **{name: _by_currency(it[name]) for name in ("charged", "held")}} for it in rows)
        case "hybrids":
            rows = (await http.get("/v1/hybrid-jobs", project=asked.get("project"), limit=asked.get("limit")))["data"]
            return Table(
                {**it, **{name: _as_text(it[name]) for name in ("hold", "charge") if name in it}} for it in rows
            )
        case "hybrid":
            row: Row = await http.get(f"/v1/hybrid-jobs/{asked['job']}/key")
            return Table([row])
        case "plan":
            return await _plan(http, asked)
        case "explain":
            try:
                return _table((await http.get(f"/v1/jobs/{asked['job']}/explain"))["data"])
            except UnknownJob as error:
                raise Refused([Reason("not_found", str(error))]) from error
        case "admission" | "waiting":
            states = [state for state, name in WAITING.items() if name == question]
            found = await http.get("/v1/jobs:waiting", state=",".join(states), job=asked.get("job"))
            return Table(found["data"])
        case "audit":
            filters = {it: asked.get(it) for it in ("action", "actor", "limit")}
            period = {"from": asked.get("since"), "to": asked.get("until")}
            found = await http.get("/v1/audit", **filters, **period)
            return Table(dict(row) for row in found["data"])
        case "sessions" | "reservations" | "windows":
            return await _held(http, question, asked)
        case name if name in _LISTS:
            fields = {it: asked.get(it) for it in ("project", *(("limit",) if name == "invoices" else ()))}
            return _table((await http.get(f"/v1/{_LISTS[name]}", **fields))["data"])
    raise InvalidInput(f"this cannot be asked over HTTP ({question}): use a credential with the address of the bus")


async def _held(http: HttpTransport, what: str, asked: Mapping[str, object]) -> Table:
    """Sessions, reservations, or when backends are taken."""
    if (one := asked.get(what.removesuffix("s"))) is not None:
        try:
            return Table([row_of(await http.get(f"/v1/{what}/{one}"))])
        except NotFound:
            return Table()
    rows = _table((await http.get(f"/v1/{what}", limit=asked.get("limit")))["data"])
    return Table([it for it in rows if asked.get("backend") in (None, it["backend"])]) if "backend" in asked else rows


async def device_over_http(http: HttpTransport, name: str) -> Device:
    """As `devices.read_device`."""
    try:
        row = await http.get(f"/v1/backends/{name}")
    except NotFound as error:
        raise NotFound(f"there is no backend {name}: `qb backends` lists backends") from error
    values = (row["kind"], row["vendor"], row["qubits"], row["max_shots"], (*row["gates"],), (*row["features"],))
    if row.get("calibrated_at") is None:
        return Device(name, *values)
    newest = await http.get(f"/v1/backends/{name}/calibration")
    at = datetime.fromisoformat(newest["calibrated_at"])
    return Device(name, *values, newest["calibration"], at, newest["digest"])


async def output_over_http(http: HttpTransport, hybrid: str, kind: str, after: int) -> tuple[list[bytes], int | None]:
    """As `Access.output`."""
    page = await http.get(f"/v1/hybrid-jobs/{hybrid}/{kind}", after=after)
    pieces = [it["text"] if kind == "logs" else json.dumps(it) for it in page["data"]]
    return [it.encode() for it in pieces], None if page["next"] is None else int(page["next"])


async def _plan(http: HttpTransport, asked: Mapping[str, Any]) -> Table:
    """A plan; its limits are fields of the body, and the least fidelity is a probability there."""
    limits = dict(asked.get("limits") or {})
    if (ppm := limits.pop("min_esp_ppm", None)) is not None:
        limits["min_fidelity"] = str(Decimal(ppm) / 1_000_000)
    fields = {name: it for name, it in {**asked, "limits": None, **limits}.items() if it is not None}
    answer = await http.send("POST", "/v1/plans", json.dumps(fields).encode(), {"content-type": "application/json"})
    found = json.loads(answer.body)
    table = _table(found["data"])
    if advice := found.get("advice"):
        table.advice = Reason(advice["code"], advice["text"])
    return table


async def _jobs(http: HttpTransport, asked: Mapping[str, Any]) -> Table:
    """As many rows as are wanted, page by page."""
    rows, after, missing = Table(), None, int(asked["limit"])
    while missing > 0:
        limit = min(missing, _MOST)
        filters = {name: asked.get(name) for name in ("project", "tag", "session", "backend", "user", "label")}
        page = await http.get("/v1/jobs", **filters, to=asked.get("until"), limit=limit, after=after)
        rows += _table(page["data"])
        missing, after = missing - len(page["data"]), page["next"]
        if after is None or not page["data"]:
            break
    return rows


def _as_text(amount: Mapping[str, str]) -> str:
    return f"{amount['amount']} {amount['currency']}"


def _by_currency(amounts: list[dict[str, str]]) -> dict[str, str]:
    return {it["currency"]: it["amount"] for it in amounts}


def _table(rows: list[dict[str, Any]]) -> Table:
    return Table(row_of(it) for it in rows)


def row_of(given: Mapping[str, Any]) -> Row:
    """A row as a service gives it: amounts as texts beside one currency, and truth values as 0 and 1."""
    row: Row = {}
    for name, value in given.items():
        if isinstance(value, Mapping) and {*value} == {"amount", "currency"}:
            row[name] = value["amount"]
            row["currency"] = value["currency"]
        else:
            row[name] = value
    return row
