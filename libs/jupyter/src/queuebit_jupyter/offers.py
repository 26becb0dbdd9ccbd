"""What a picker shows: the backends for a circuit, with price, queue and quality. Asks only; nothing is submitted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from queuebit import AsyncClient
from queuebit.notebook import escaped, table_html
from queuebit.text import visible
from queuebit.waits import UsualWait, recent_jobs, usual_waits
from queuebit_jupyter.views import View

__all__ = ["Asked", "device_map", "offers_html", "offers_text", "offers_view", "read_offers"]

_Row = Mapping[str, Any]
_WAITING = ("accepted", "placed")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Asked:
    """A circuit whose price is in question."""

    source: str
    shots: int
    project: str | None = None


async def read_offers(client: AsyncClient, asked: Asked | None, maps: dict[str, View]) -> View:
    """Ask the platform.

    Args:
        client: of the user.
        asked: the circuit; None lists the backends with their tariffs.
        maps: devices by name and time of calibration that were read before; new ones are added.
    """
    backends, planned, jobs = await asyncio.gather(client.backends(), _planned(client, asked), recent_jobs(client))
    devices = {
        f"{it['backend']} {it['calibrated_at']}": str(it["backend"]) for it in backends if it.get("calibrated_at")
    }
    new = [key for key in devices if key not in maps]
    for key, device in zip(new, await asyncio.gather(*(client.device(devices[key]) for key in new)), strict=True):
        if device.calibration is not None:
            maps[key] = device_map(device.calibration)
    known = {name: maps[key] for key, name in devices.items() if key in maps}
    return offers_view(asked, backends, planned, jobs, known)


def offers_view(
    asked: Asked | None,
    backends: Sequence[_Row],
    planned: Sequence[_Row],
    jobs: Sequence[_Row],
    maps: Mapping[str, View],
) -> View:
    """The rows of the answers as a picker shows them, in the order of the plan: what fits, the cheapest first."""
    known, waits = {str(it["backend"]): it for it in backends}, usual_waits(jobs)
    rows = planned if asked is not None else [{**it, "fits": True} for it in backends]
    return {
        "shots": asked.shots if asked else 0,
        "rows": [
            _offer({**known.get(it["backend"], {}), **it}, jobs, waits.get(str(it["backend"])), maps)
            for it in rows
            if it.get("fits")
        ],
        "unfit": [
            {"backend": it["backend"], "reason": visible(str(it.get("reason") or ""))}
            for it in rows
            if not it.get("fits")
        ],
    }


def device_map(calibration: _Row) -> View:
    """The couplers of a device with the errors of their gates, as `[qubit, qubit, error]`."""
    return {
        "qubits": len(calibration["qubits"]),
        "couplers": [[*it["qubits"], it["error"]] for it in calibration["couplers"]],
    }


def offers_html(view: View, chosen: str) -> str:
    """The backends for pages without widgets."""
    rows: list[dict[str, object]] = [
        {
            "backend": it["backend"],
            "qubits": it["qubits"],
            "costs up to" if view["shots"] else "price": it["price"],
            "waiting": it["waiting"],
            "usual wait": it["wait"],
            "success": it["success"],
            "calibrated": it["calibrated"],
        }
        for it in view["rows"]
    ]
    unfit = "".join(f"<li>{escaped(it['backend'])}: {escaped(it['reason'])}</li>" for it in view["unfit"])
    return (
        f"<strong>Backends</strong> {escaped(_of(view))}; {escaped(said(chosen))}"
        f"{table_html(rows)}{f'<ul>{unfit}</ul>' if unfit else ''}"
    )


def offers_text(view: View, chosen: str) -> str:
    """The backends in one line."""
    rows = " · ".join(f"{it['backend']}: {it['price']}" for it in view["rows"])
    return f"backends {_of(view)}: {rows or 'none fits'}; {said(chosen)}"


def said(chosen: str) -> str:
    """Where cells run."""
    return f"cells without --backend run on {chosen}" if chosen else "Queuebit chooses for cells without --backend"


def _of(view: View) -> str:
    return f"for {view['shots']:,} shots of the circuit" if view["shots"] else "and their tariffs"


def _offer(row: _Row, jobs: Sequence[_Row], usual: UsualWait | None, maps: Mapping[str, View]) -> View:
    name = str(row["backend"])
    price = f"{row['cost']} {row['currency']}" if row.get("cost") is not None else row.get("price")
    return {
        "backend": name,
        "qubits": f"{row.get('qubits', '?')}, {row.get('kind', 'unknown')}",
        "price": str(price or "unknown"),
        "waiting": str(sum(it.get("backend") == name and it.get("state") in _WAITING for it in jobs)),
        "wait": "" if usual is None else _took(usual.median_ms),
        "success": "" if row.get("esp_ppm") is None else f"{row['esp_ppm'] / 10_000:.3g}%",
        "calibrated": _age(row.get("calibration_age_s")),
        "map": maps.get(name),
    }


def _took(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _age(seconds: int | None) -> str:
    if seconds is None:
        return ""
    size, unit = next((it for it in _UNITS if seconds >= it[0]), (1, "s"))
    return f"{max(0, seconds) // size} {unit} ago"


async def _planned(client: AsyncClient, asked: Asked | None) -> Sequence[_Row]:
    return () if asked is None else await client.plan(asked.source, shots=asked.shots, project=asked.project)
